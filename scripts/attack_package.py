"""Packages of somebody who means no good: `python scripts/attack_package.py [--root CHECKOUT]`. A table on stdout.

Each is pulled, and then searched once if that is possible, in processes of their own whose memory and end are told. Like
attack.py, which is about visitors; `--root` pulls with another checkout, such as one before a change.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from imgsearch import embedder_spec
from imgsearch.collection.manifest import Manifest
from imgsearch.embedding.spec import NetworkFile
from imgsearch.embedding.weights import BUNDLED
from imgsearch.files.home import MANIFEST_FILE
from scripts.soak import ROOT, build_by, draw_pictures, scratch
from tests.e2e.browser import children_of
from tests.hostile_archives import tar_with_long_header

Members = dict[str, bytes]
MANIFEST = f"soak/{MANIFEST_FILE}"


def members_of(home: Path) -> Members:
    """All files of a collection, its index too: as packages of earlier versions held them."""
    manifest = Manifest.from_bytes((home / MANIFEST).read_bytes())
    names = [MANIFEST, *(f"soak/{entry.file}" for entry in manifest.files)]
    names += [path.relative_to(home).as_posix() for path in (home / "soak" / "thumbnails").iterdir()]
    return {name: (home / name).read_bytes() for name in names}


def in_place(members: Members, part: str, data: bytes) -> Members:
    """The members with another content of the one with that in its name, and a manifest that says so."""
    (name,) = (name for name in members if part in name)
    before = members[name]
    text = members[MANIFEST].decode()
    text = text.replace(f'"size": {len(before)},\n', f'"size": {len(data)},\n') if len(before) != len(data) else text
    text = text.replace(hashlib.sha256(before).hexdigest(), hashlib.sha256(data).hexdigest())
    body = text[: text.rindex(',\n "digest"')] + "\n}\n"
    digest = hashlib.sha256(body.encode()).hexdigest()
    return {**members, name: data, MANIFEST: f'{body[:-3]},\n "digest": "{digest}"\n}}\n'.encode()}


def changed_index(members: Members) -> bytes:
    """An Annoy file of the right size and digest, full of node numbers that are not there."""
    (name,) = (name for name in members if "/index-" in name)
    return tar_of(in_place(members, "/index-", b"\xff\xff\xff\x7f" * (len(members[name]) // 4)))


def many_equal_rows(members: Members) -> bytes:
    """A table of items with four million equal rows: 200 kB."""
    (name,) = (name for name in members if "/items-" in name)
    table = pq.read_table(io.BytesIO(members[name])).slice(0, 1)
    stream = io.BytesIO()
    many = table.take(pa.array(np.zeros(4_000_000, np.int32)))
    pq.write_table(many, stream, compression="zstd", store_schema=False)
    return tar_of(in_place(members, "/items-", stream.getvalue()))


def compressed(members: Members) -> bytes:
    """The package as .tar.gz, with 300 MiB of zeros in it."""
    return gzip.compress(tar_of({**members, "soak/zeros": bytes(300 << 20)}), 1)


def long_header(members: Members) -> bytes:
    """A PAX header of a million keys before the first file."""
    return tar_with_long_header(1_000_000)[:-1536] + tar_of(members)


def changed_network(members: Members) -> bytes:
    """A space that says that `mini` made it, by a network of the right digest and size in which a thousand bytes differ."""
    content = bytearray((BUNDLED / "mini.tflite").read_bytes())
    places = np.random.default_rng(0).integers(0, len(content), 1000)
    for place in places:
        content[place] ^= 255
    file = NetworkFile(hashlib.sha256(content).hexdigest(), len(content), 0.0)
    manifest = Manifest.from_bytes(members[MANIFEST])
    (entry,) = manifest.spaces.values()  # as long as those of `mini`
    spaces = {"mini": replace(entry, embedder=replace(embedder_spec("mini"), network=file))}
    changed = replace(manifest, spaces=spaces).to_bytes()
    return tar_of({**members, MANIFEST: changed, f"networks/{file.sha256}.tflite": bytes(content)})


def tar_of(members: Members) -> bytes:
    """A plain tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


ATTACKS: tuple[Callable[[Members], bytes], ...] = (changed_index, changed_network, many_equal_rows, compressed, long_header)


def run(root: Path, home: Path, *arguments: str) -> str:
    """A command of that checkout: how it ended, the most memory of one of its processes, and what it said last."""
    command = [sys.executable, "-m", "imgsearch", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(root), "IMGSEARCH_HOME": str(home)}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
        most = 0
        while process.poll() is None:
            most = max([most, *(resident_peak(pid) for pid in (process.pid, *children_of(process.pid)))])
            time.sleep(0.01)
        output.seek(0)
        lines = output.read().strip().splitlines()
    told = [line for line in lines if line.startswith("Error")] or lines[-1:] or ["nothing"]
    ended = f"killed by signal {-process.returncode}" if process.returncode < 0 else f"exit {process.returncode}"
    return f"{ended}, {most >> 10} MiB: {told[0][:110]}"


def resident_peak(pid: int) -> int:
    """The most memory that a process has had so far, KiB; 0 where it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")), 0)


@click.command()
@click.option("--root", type=click.Path(path_type=Path, exists=True), default=ROOT, help="Checkout that pulls.")
def main(root: Path) -> None:
    """Pulls each package and prints the table."""
    with scratch() as folder:
        draw_pictures(folder / "pictures")
        build_by(root, folder / "home", folder / "pictures")
        members = members_of(folder / "home")
        click.echo("| package | pull | then a search |\n|---|---|---|")
        for attack in (tar_of, *ATTACKS):
            package, home = folder / f"{attack.__name__}.tar", folder / attack.__name__
            package.write_bytes(attack(members))
            pulled = run(root, home, "pull", str(package))
            searched = run(root, home, "query", "soak", "0") if (home / MANIFEST).is_file() else "-"
            click.echo(f"| {attack.__name__.replace('_', '-')} | {pulled} | {searched} |")


if __name__ == "__main__":
    main()
