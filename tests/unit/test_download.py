"""Downloads from servers that misbehave."""

from __future__ import annotations

import errno
import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch.errors import DownloadError
from imgsearch.files import download
from imgsearch.files.download import fetch
from tests.http_server import FileServer, serving

DATA = random.Random(7).randbytes(2500)
SHA256 = hashlib.sha256(DATA).hexdigest()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"/a.bin": DATA}) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "a.bin"


def get(server: FileServer, target: Path, max_bytes: int = 1 << 20, **options: object) -> None:
    fetch([server.url("/a.bin")], target, digest=SHA256, max_bytes=max_bytes, **options)  # type: ignore[arg-type]


def part_of(target: Path) -> Path:
    return target.with_name("a.bin.part")


def put_part(target: Path, data: bytes) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(data)


def test_a_file_arrives_whole_with_progress_and_once(server: FileServer, target: Path) -> None:
    told: list[tuple[int, int]] = []
    get(server, target, progress=lambda done, total: told.append((done, total)))
    assert target.read_bytes() == DATA
    assert told[:2] == [(0, 0), (0, 2500)]
    assert told[-1] == (2500, 2500)
    assert not part_of(target).exists()
    get(server, target)
    assert server.requests == [("/a.bin", None)]


def test_an_md5_will_do_where_no_more_is_known(server: FileServer, target: Path) -> None:
    md5 = hashlib.md5(DATA).hexdigest()
    fetch([server.url("/a.bin")], target, digest=md5, max_bytes=9999)
    assert target.read_bytes() == DATA
    target.unlink()
    server.manner = "wrong"
    with pytest.raises(DownloadError, match="md5 differs"):
        fetch([server.url("/a.bin")], target, digest=md5, max_bytes=9999)


def test_without_a_digest_only_what_comes_at_one_go_counts(server: FileServer, target: Path) -> None:
    put_part(target, b"of another file")
    server.manner = "cut"
    with pytest.raises(DownloadError, match="cut after 1,000 of 2,500 bytes"):
        fetch([server.url("/a.bin")], target, digest="", max_bytes=9999)
    assert {asked for _, asked in server.requests} == {None}
    assert not target.exists()
    server.manner = "well"
    fetch([server.url("/a.bin")], target, digest="", max_bytes=9999)
    assert target.read_bytes() == DATA


def test_what_was_cut_off_goes_on_where_it_was(server: FileServer, target: Path) -> None:
    server.manner = "cut"
    get(server, target)
    assert target.read_bytes() == DATA
    assert [asked for _, asked in server.requests] == [None, "bytes=1000-", "bytes=2000-"]


def test_a_later_command_goes_on_too(server: FileServer, target: Path) -> None:
    put_part(target, DATA[:1700])
    get(server, target)
    assert target.read_bytes() == DATA
    assert server.requests == [("/a.bin", "bytes=1700-")]


def test_a_killed_process_leaves_what_it_had(server: FileServer, target: Path) -> None:
    server.manner = "drip"
    code = "import sys; from pathlib import Path; from imgsearch.files.download import fetch\n"
    code += "fetch([sys.argv[1]], Path(sys.argv[2]), digest=sys.argv[3], max_bytes=9999, progress=print)"
    arguments = [sys.executable, "-u", "-c", code, server.url("/a.bin"), str(target), SHA256]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line == "30 2500\n":
                break
        with pytest.raises(DownloadError, match=r"Another process is downloading http://127\.0\.0\.1:\d+/a\.bin"):
            get(server, target)
        process.kill()
    server.manner = "well"
    get(server, target)
    assert target.read_bytes() == DATA


def test_a_server_that_ignores_ranges_sends_all_of_it_again(server: FileServer, target: Path) -> None:
    put_part(target, DATA[:1700])
    server.manner = "no ranges"
    get(server, target)
    assert target.read_bytes() == DATA


def test_a_server_that_never_gets_to_the_end_is_given_up(server: FileServer, target: Path) -> None:
    server.manner = "cut, no ranges"
    with pytest.raises(DownloadError, match="cut after 1,000 of 2,500 bytes"):
        get(server, target)
    assert len(server.requests) == download.PATIENCE
    assert not target.exists()


@pytest.mark.parametrize("rest", [b"", b"more than there is"])
def test_a_wrong_beginning_is_dropped_and_all_fetched_anew(server: FileServer, target: Path, rest: bytes) -> None:
    put_part(target, bytes(2500 if rest else 1000) + rest)
    get(server, target)
    assert target.read_bytes() == DATA
    assert server.requests[-1] == ("/a.bin", None)


def test_a_part_that_was_complete_needs_no_server(server: FileServer, target: Path) -> None:
    put_part(target, DATA)
    get(server, target)
    assert target.read_bytes() == DATA
    assert server.requests == []


def test_a_file_without_length_arrives(server: FileServer, target: Path) -> None:
    server.manner = "no length"
    get(server, target)
    assert target.read_bytes() == DATA


def test_another_content_is_refused_and_not_kept(server: FileServer, target: Path) -> None:
    server.manner = "wrong"
    with pytest.raises(DownloadError, match="sha256 differs") as caught:
        get(server, target)
    url = server.url("/a.bin")
    assert caught.value.message.startswith(f"{url} could not be downloaded. 127.0.0.1: the file is not the one")
    assert "later" not in (caught.value.hint or "later")
    assert str(target.parent) not in caught.value.message
    assert part_of(target).stat().st_size == 0
    assert len(server.requests) == 1


def test_a_range_that_was_not_asked_for_is_refused(server: FileServer, target: Path) -> None:
    put_part(target, DATA[:1700])
    server.manner = "shifted"
    with pytest.raises(DownloadError, match="another part of the file"):
        get(server, target)


@pytest.mark.parametrize("manner", ["silent", "drip"])
def test_a_server_that_stalls_is_given_up(
    server: FileServer, target: Path, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_S", 0.2)
    server.manner = manner
    started = time.monotonic()
    with pytest.raises(DownloadError, match=r"sent too little for 0\.2 s"):
        get(server, target)
    assert time.monotonic() - started < 20  # dripping to the end would take 50 s
    if manner == "drip":
        assert 0 < part_of(target).stat().st_size < 2500


@pytest.mark.parametrize(("status", "n_requests"), [(404, 1), (403, 1), (503, 3), (429, 3)])
def test_a_refusal_is_final_and_an_overload_is_not(server: FileServer, target: Path, status: int, n_requests: int) -> None:
    server.manner = status
    with pytest.raises(DownloadError, match=f"it answered {status}") as caught:
        get(server, target)
    assert len(server.requests) == n_requests
    assert caught.value.hint == ("Check the address." if n_requests == 1 else "Run the same command again later.")


def test_mirrors_are_asked_in_order_and_go_on_with_what_is_there(server: FileServer, target: Path) -> None:
    with serving({"/b.bin": DATA}) as second, serving({"/c.bin": DATA}) as third:
        server.manner, server.cut_after = "cut", 0
        second.manner, second.cut_after = "cut", 700
        urls = [server.url("/a.bin"), second.url("/b.bin"), third.url("/c.bin")]
        second.files["/b.bin"] = DATA
        fetch(urls, target, digest=SHA256, max_bytes=2500)
        assert target.read_bytes() == DATA
        assert len(server.requests) == download.PATIENCE
        assert [asked for _, asked in second.requests] == [None, "bytes=700-", "bytes=1400-"]
        assert third.requests == [("/c.bin", "bytes=2100-")]


@pytest.mark.parametrize("manner", ["well", "no length"])
def test_more_than_the_limit_is_not_taken(server: FileServer, target: Path, manner: str) -> None:
    server.manner = manner
    with pytest.raises(DownloadError, match="2,499"):
        get(server, target, max_bytes=2499)
    assert part_of(target).stat().st_size == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "a.bin", "data:,x", "http:///x"])
def test_only_the_web_is_a_source(url: str, target: Path) -> None:
    with pytest.raises(DownloadError, match="must begin with http:// or https://"):
        fetch([url], target, digest=SHA256, max_bytes=10)
    assert not target.parent.exists()


def test_a_redirect_does_not_lead_out_of_the_web(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "finish_request", lambda request, address: request.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n"
    ))  # fmt: skip
    with pytest.raises(DownloadError, match="not allowed"):
        get(server, target)


def test_a_server_of_the_internet_does_not_lead_to_neighbours(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = server.url("/file")
    monkeypatch.setattr(server, "finish_request", lambda request, address: request.sendall(
        f"HTTP/1.1 302 Found\r\nLocation: {inner.replace('localhost', '127.0.0.1')}\r\nContent-Length: 0\r\n\r\n".encode()
    ))  # fmt: skip
    outer = inner.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(download, "_is_public", lambda host: host == "localhost")
    with pytest.raises(DownloadError, match="leads to an address that is not of the internet"):
        download.fetch([outer], target, digest="0" * 64, max_bytes=100)


@pytest.mark.parametrize(
    ("host", "is_public"),
    [
        *(("127.0.0.1", False), ("10.1.2.3", False), ("169.254.169.254", False), ("localhost", False), ("::1", False)),
        *(("8.8.8.8", True), ("2606:4700::1111", True), ("no-such-host.invalid", True)),
    ],
)
def test_addresses_of_this_machine_and_its_network_are_not_of_the_internet(host: str, is_public: bool) -> None:
    assert download._is_public(host) == is_public


def test_a_host_that_cannot_be_reached_is_named(server: FileServer, target: Path) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1: it cannot be reached \(Connection refused\)"):
        get(server, target)


def test_a_host_that_cannot_be_reached_is_not_asked_again_and_again(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda seconds: pytest.fail("It waited."))
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        get(server, target)
    assert caught.value.hint == "Run the same command again later."


def test_an_address_is_shown_without_what_is_secret_in_it(server: FileServer, target: Path) -> None:
    url = server.url("/none?token=hush").replace("//", "//ada:pass@")
    with pytest.raises(DownloadError) as caught:
        fetch([url], target, digest=SHA256, max_bytes=10)
    assert caught.value.message.startswith(f"{server.url('/none')} could not be downloaded.")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_full_disk_is_an_error_of_the_disk_and_what_came_is_kept(server: FileServer, target: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from imgsearch.files.download import fetch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n"
        "try: fetch([sys.argv[1]], Path(sys.argv[2]), digest=sys.argv[3], max_bytes=9999)\n"
        "except OSError as exc: print(exc.errno)"
    )
    arguments = [sys.executable, "-c", code, server.url("/a.bin"), str(target), SHA256]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{errno.EFBIG}\n"
    assert not target.exists()
    get(server, target)
    assert target.read_bytes() == DATA
    assert server.requests[-1] == ("/a.bin", "bytes=1500-")


@pytest.mark.parametrize("digest", ["0", "0" * 63, "A" * 64, "0" * 33])
def test_a_digest_that_is_none_is_a_mistake_of_the_caller(digest: str, target: Path) -> None:
    with pytest.raises(ValueError, match="64 or 32 hexadecimal digits"):
        fetch(["http://127.0.0.1/a"], target, digest=digest, max_bytes=10)
