"""Hold under fire: `python scripts/soak.py kill|full|corrupt [--n N]`. Numbers on stdout, exit 1 for any failure.

kill      kill -9 at random moments of build, update and pull; then `verify`, and the same command again
full      the disk full at every write in turn; then a clear error, and the old collection as it was
corrupt   one random change to one random file of a collection; then refused, or without effect
all       the three, as many as usual; with --save NAME their numbers are kept in benchmarks/results (root, an hour)

For a page full of visitors see soak_sessions.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import Row, commit_of_tree, report
from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.source import Source, remember
from imgsearch.errors import ImgSearchError
from imgsearch.supply.publish import Packed, pack

ROOT = Path(__file__).resolve().parents[1]
HISTOGRAM = "color_histogram"
N_PICTURES = 60


def draw_pictures(folder: Path, n: int = N_PICTURES, seed: int = 0) -> None:
    """Pictures of 400 x 300 px in five sub-folders."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        pixels = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((50, 50, 1))).astype(np.uint8)
        path = folder / f"label{number % 5}" / f"{seed}-{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def build(home: Path, pictures: Path) -> Collection:
    """The pictures as the collection `soak`, which knows where they come from."""
    collection = build_collection("soak", pictures, home=home, specs=[embedder_spec(HISTOGRAM)]).collection
    remember(Source.of(pictures), "soak", home)
    return collection


def build_by(root: Path, home: Path, pictures: Path) -> None:
    """The same by the program of another checkout."""
    line = [sys.executable, "-m", "imgsearch", "build", "soak", "--images", str(pictures), "--embedder", HISTOGRAM]
    environment = {**os.environ, "PYTHONPATH": str(root), "IMGSEARCH_HOME": str(home)}
    subprocess.run(line, cwd=root, env=environment, check=True, capture_output=True)


def command(home: Path, *arguments: object) -> tuple[list[str], dict[str, str]]:
    """A command of imgsearch and its environment."""
    return [sys.executable, "-m", "imgsearch", *map(str, arguments)], {"PATH": "/usr/bin:/bin", "IMGSEARCH_HOME": str(home)}


def run(home: Path, *arguments: object, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    line, environment = command(home, *arguments)
    return subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def check(is_good: bool, what: str, done: subprocess.CompletedProcess[str] | None = None) -> None:
    """Ends the program where something is not as it must be."""
    if not is_good:
        output = f"\n{done.stdout}\n{done.stderr}" if done else ""
        raise SystemExit(f"FAILED: {what}{output}")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The folder on the web, slowly enough for a kill to hit the download."""

    class Handler(SimpleHTTPRequestHandler):
        def copyfile(self, source: Any, outputfile: Any) -> None:
            with contextlib.suppress(OSError):
                while chunk := source.read(1 << 14):
                    outputfile.write(chunk)
                    time.sleep(0.005)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@click.group()
def soak() -> None:
    """Hold under fire."""


# --- kill -9


@soak.command()
@click.option("--n", default=100, show_default=True, help="Kills of each command.")
@click.option("--seed", default=0, show_default=True)
def kill(n: int, seed: int) -> Row:
    """Kill -9 at random moments of build, update and pull."""
    choose = random.Random(seed)
    with scratch() as folder:
        pictures, other = folder / "pictures", folder / "other"
        draw_pictures(pictures)
        shutil.copytree(pictures, other)
        draw_pictures(other, 20, seed=1)
        shutil.rmtree(other / "label0")
        packages = folder / "packages"
        packages.mkdir()
        packed = [pack_of(folder, source, packages / f"{source.name}.tar") for source in (pictures, other)]
        build(folder / "before", pictures)
        with serving(packages) as url:
            for name, make in {
                "build": lambda home: ("build", "soak", "--images", pictures, "--embedder", HISTOGRAM),
                "update": lambda home: ("update", "soak"),
                "pull": lambda home: ("pull", f"{url}/{packed[1].path.name}#sha256={packed[1].sha256}"),
            }.items():
                kill_often(name, n, choose, folder, make, partial(prepare, name, folder, other, packed[0]))
    return {"kills": n}


def pack_of(folder: Path, pictures: Path, target: Path) -> Packed:
    """A package of the collection of these pictures."""
    home = folder / f"home-of-{pictures.name}"
    build(home, pictures)
    return pack("soak", home, target)


def prepare(name: str, folder: Path, other: Path, old: Packed, home: Path) -> None:
    """The state in which the command is started: nothing, an older collection to update, or an older package."""
    if name == "update":
        shutil.copytree(folder / "before", home)
        remember(Source.of(other), "soak", home)
    elif name == "pull":
        done = run(home, "pull", old.path)
        check(done.returncode == 0, "pull of the older package", done)


def kill_often(
    name: str,
    n: int,
    choose: random.Random,
    folder: Path,
    make: Callable[[Path], tuple[object, ...]],
    begin: Callable[[Path], None],
) -> None:
    """Kills a command n times, each at a moment of its own, and lets it run to its end after each kill."""
    home = folder / "home"
    begin(home)
    started = time.monotonic()
    done = run(home, *make(home))
    takes = time.monotonic() - started
    check(done.returncode == 0, f"{name} without a kill", done)
    final = digest_of(home)
    n_killed = n_old = 0
    while n_killed < n:
        shutil.rmtree(home)
        begin(home)
        line, environment = command(home, *make(home))
        started = time.monotonic()
        process = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(choose.uniform(0, takes))
            takes = time.monotonic() - started  # it was faster this time
            continue
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        n_killed += 1
        if (home / "soak" / "manifest.json").exists():
            n_old += digest_of(home) != final
            done = run(home, "verify", "soak")
            check(done.returncode == 0, f"{name}, kill {n_killed}: verify", done)
        done = run(home, *make(home))
        check(done.returncode == 0, f"{name}, kill {n_killed}: the same command again", done)
        check(digest_of(home) == final, f"{name}, kill {n_killed}: the result is the one without a kill")
        done = run(home, "verify", "soak")
        check(done.returncode == 0, f"{name}, kill {n_killed}: verify at the end", done)
    click.echo(f"{name}: {n} kills ({n_old} with the older collection in place), all sound, all resumed")
    shutil.rmtree(home)


def digest_of(home: Path) -> list[tuple[str, str]]:
    """What the collection consists of, but for the time of its build."""
    manifest = Collection.open("soak", home).manifest
    return sorted((entry.file, entry.sha256) for entry in manifest.files)


# --- a full disk


@soak.command()
@click.option("--n", default=100, show_default=True, help="Sizes of the disk of each command.")
@click.option("--mb", default=1, show_default=True, help="The largest disk, MiB.")
def full(n: int, mb: int) -> Row:
    """A disk (tmpfs; needs root) that is full after more and more bytes."""
    with scratch() as folder:
        pictures = folder / "pictures"
        draw_pictures(pictures)
        packed = pack_of(folder, pictures, folder / "soak.tar")
        more = folder / "more"
        shutil.copytree(pictures, more)
        draw_pictures(more, 40, seed=1)
        draw_pictures(more, 20, seed=2)
        build(folder / "before", pictures)
        disk = folder / "disk"
        disk.mkdir()
        all_full = 0
        for name, arguments, has_before in (
            ("build", ("build", "soak", "--images", pictures, "--embedder", HISTOGRAM), False),
            ("update", ("build", "soak", "--images", more), True),
            ("pull", ("pull", packed.path), False),
        ):
            n_full = 0
            for kib in np.linspace(64, mb * 1024, n).astype(int):
                n_full += fill_disk(disk, int(kib), folder / "before" if has_before else None, name, arguments)
            click.echo(f"{name}: {n} disks of 64 KiB to {mb} MiB, {n_full} too small, each said so and left all intact")
            all_full += n_full
    return {"full_disks": n, "disks_too_small": all_full}


def fill_disk(disk: Path, kib: int, before: Path | None, name: str, arguments: tuple[object, ...]) -> bool:
    """Whether the command found the disk too small; 0 and a sound collection otherwise."""
    home = disk / "home"
    room = kib + (sum(-(-path.stat().st_size // 4096) * 4 + 1 for path in before.rglob("*")) if before else 0)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}k", "tmpfs", disk], check=True)
    try:
        if before:
            shutil.copytree(before, home)
        done = run(home, *arguments)
        if done.returncode == 0:
            check(run(home, "verify", "soak").returncode == 0, f"{name} on {kib} KiB: verify")
            return False
        what = f"{name} on {kib} KiB"
        check(done.returncode == 1 and "disk is full" in done.stderr, f"{what}: a clear error", done)
        check("Traceback" not in done.stderr, f"{what}: no stack trace", done)
        if before:
            check(digest_of(home) == digest_of(before), f"{what}: the old collection")
            check(not Collection.open("soak", home).verify(), f"{what}: its thumbnails")
        else:
            check(not (home / "soak" / "manifest.json").exists(), f"{what}: no half collection is listed")
        subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
        again = run(home, *arguments)
        check(again.returncode == 0, f"{what}: the same command with room", again)
        return True
    finally:
        subprocess.run(["umount", disk], check=True)


# --- corruption


@soak.command()
@click.option("--n", default=2000, show_default=True, help="Corruptions.")
@click.option("--seed", default=0, show_default=True)
def corrupt(n: int, seed: int) -> Row:
    """Random changes to random files of a collection, each in the same process: a crash would end it."""
    choose = random.Random(seed)
    with scratch() as folder:
        draw_pictures(folder / "pictures", 12)
        home = folder / "home"
        collection = build(home, folder / "pictures")
        named = {collection.path / entry.file for entry in collection.manifest.files} | {collection.path / "manifest.json"}
        thumbnails = {collection.thumbnail_path(item) for item in collection.items}
        counts = dict.fromkeys(CHANGES, 0)
        for _ in range(n):
            path = choose.choice(sorted(named if choose.random() < 0.8 else thumbnails))
            what = choose.choice(list(CHANGES))
            before = path.read_bytes()
            CHANGES[what](path, before, choose)
            if path.is_file() and path.read_bytes() == before:
                continue
            try:
                is_refused = bool(Collection.open("soak", home).verify())
            except ImgSearchError:
                is_refused = True
            check(is_refused, f"{path.name}, {what}: refused")
            counts[what] += 1
            if path.is_dir():
                path.rmdir()
            path.write_bytes(before)
        check(not Collection.open("soak", home).verify(), "the collection itself is sound")
    click.echo(f"corrupt: {sum(counts.values())} changes, all refused: {counts}")
    return {"random_changes": sum(counts.values()), "changed_nothing": n - sum(counts.values())}


def _overwrite(path: Path, data: bytes, choose: random.Random) -> None:
    start = choose.randrange(len(data) or 1)
    noise = choose.randbytes(choose.randrange(1, 64))
    path.write_bytes((data[:start] + noise + data[start + len(noise) :])[: len(data)])


def _to_folder(path: Path, data: bytes, choose: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _flip(path: Path, data: bytes, choose: random.Random) -> None:
    changed = bytearray(data or b"\0")
    changed[choose.randrange(len(changed))] ^= 1 << choose.randrange(8)
    path.write_bytes(changed)


CHANGES: dict[str, Callable[[Path, bytes, random.Random], object]] = {
    "a bit": _flip,
    "a stretch": _overwrite,
    "cut short": lambda path, data, choose: path.write_bytes(data[: choose.randrange(len(data) or 1)]),
    "longer": lambda path, data, choose: path.write_bytes(data + choose.randbytes(choose.randrange(1, 100))),
    "gone": lambda path, data, choose: path.unlink(),
    "a folder": _to_folder,
    "a git-lfs pointer": lambda path, data, choose: path.write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid x\n"
    ),
}


@soak.command("all")
@click.option("--save", metavar="NAME", help="Write the numbers to benchmarks/results/NAME.json.")
@click.pass_context
def everything(context: click.Context, save: str | None) -> None:
    """The three, as many as usual."""
    commit_of_tree()  # before anything changes
    report(save, {**context.invoke(kill), **context.invoke(full), **context.invoke(corrupt)})


if __name__ == "__main__":
    soak()
