"""A real Milvus server of this machine, to be killed and started again: the one in the package `milvus`, for tests alone.

It listens on all interfaces, on ports that other servers want too, so it runs in a network namespace of its own, where
there is nothing but a loopback. `Server.start` runs this file as a program. That listens on 127.0.0.1 of the machine, goes
to a new namespace (a socket stays in the one it was made in), starts Milvus there, and passes on what arrives.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import lzma
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

PORT, HEALTH_PORT = 19530, 9091
"""Where Milvus listens, in its own namespace."""
LEASE = 10
"""For how many seconds a server that was killed is still believed alive, and the next one answers nothing; 30 by itself."""
CANNOT = 77
"""With what the program ends where the system allows no namespaces."""
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # <linux/sched.h>
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # <linux/sockios.h>, <linux/if.h>


class CannotRunError(Exception):
    """No Milvus runs here; the text is the reason for skipping the tests that need one."""


def package() -> Path:
    """Where the package `milvus` has its files. It is found, not imported: that would write into the home folder."""
    spec = find_spec("milvus")
    if not spec or not spec.submodule_search_locations:
        raise CannotRunError("The package `milvus` is not installed.")
    return Path(spec.submodule_search_locations[0]) / "data"


def unpack(program: Path) -> None:
    """Writes Milvus and its libraries, half a gigabyte, into a folder, which servers share."""
    for packed in (package() / "bin").glob("*.lzma"):
        target = program / packed.stem
        if not target.exists():
            program.mkdir(parents=True, exist_ok=True)
            with lzma.open(packed) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755)


class Server:
    """Milvus with its data in a folder. `address` stays the same over `kill` and `start`.

    Args:
        program: Of `unpack`.
        folder: Empty, or of a server that has ended, whose data it has.
        authorization: Whether a client must have a token. `root:Milvus` is one from the beginning.
    """

    def __init__(self, program: Path, folder: Path, authorization: bool = False) -> None:
        self.program, self.folder = program.absolute(), folder.absolute()
        with socket.socket() as one, socket.socket() as other:
            self.ports = [bound(one), bound(other)]
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.folder / "server.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        values = {
            "authorization_enabled": "true" if authorization else "false",
            "etcd_data_dir": f"{self.folder}/etcd",
            "etcd_log_path": f"{self.folder}/etcd.log",
            "local_storage_dir": f"{self.folder}/storage",
            "rocksmq_data_dir": f"{self.folder}/rocksmq",
            "system_log_path": "",
        }
        template = (package() / "config.yaml.template").read_text(encoding="utf-8")
        template = template.replace("ttl: 30", f"ttl: {LEASE}").replace(
            "gracefulStopTimeout: 1800", f"gracefulStopTimeout: {LEASE}"
        )
        text = re.sub(r"\{\{ *(\w+)(?:\(\w+\))?(?:: *(.*?))? *\}\}", lambda hit: values.get(hit[1], hit[2] or ""), template)
        (self.folder / "configs").mkdir(exist_ok=True)
        (self.folder / "configs" / "milvus.yaml").write_text(text, encoding="utf-8")
        shutil.copy(package() / "glog.conf", self.folder / "configs")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def start(self, timeout: float = 180) -> None:
        """Returns when it says that it is healthy, after two to ten seconds.

        After `kill` its collections come later, when the lease has run out; till then a search gets code 101.
        """
        with self.log.open("ab") as log:
            arguments = [sys.executable, __file__, str(self.program), *map(str, self.ports)]
            self.process = subprocess.Popen(
                arguments, cwd=self.folder, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        began = time.monotonic()
        while not self.healthy():
            code = self.process.poll()
            if code == CANNOT:
                raise CannotRunError("This system allows no network namespace, and Milvus listens on all interfaces.")
            if code is not None or time.monotonic() - began > timeout:
                self.kill()
                raise RuntimeError(f"Milvus must start. Received: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def healthy(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.ports[1]}/healthz", timeout=5) as response:
                return bool(response.read() == b"OK")
        except OSError:
            return False

    def kill(self) -> None:
        """As when it runs out of memory: nothing of it is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator does it, who waits, but not for ever."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        self.kill()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections and answers none. For less than `LEASE`: after more it gives itself up."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def _end(self, sign: signal.Signals) -> None:
        if not self.process:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdin
        self.process.stdin.close()
        self.process = None


def bound(listener: socket.socket, port: int = 0) -> int:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return int(listener.getsockname()[1])


def main(program: Path, ports: list[int]) -> int:
    """The program: Milvus in a namespace of its own, and the way to it."""
    listeners = [socket.socket(), socket.socket()]
    for listener, port in zip(listeners, ports, strict=True):
        bound(listener, port)
    kernel = ctypes.CDLL(None)
    if kernel.unshare(CLONE_NEWNET) and kernel.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return CANNOT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    return asyncio.run(serve(program, listeners))


async def serve(program: Path, listeners: list[socket.socket]) -> int:
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(program),
        "DEPLOY_MODE": "STANDALONE",
        "METRICS_PORT": str(HEALTH_PORT),
    }
    arguments = [str(program / "milvus"), "run", "standalone"]
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: None)  # Milvus gets it too, and is waited for
    loop.add_reader(sys.stdin, os.killpg, 0, signal.SIGKILL)  # it closes when the tests are no more, however they ended
    milvus = await asyncio.create_subprocess_exec(*arguments, env=environment, stdin=subprocess.DEVNULL)
    for listener, port in zip(listeners, (PORT, HEALTH_PORT), strict=True):
        await asyncio.start_server(partial(passed_on, port), sock=listener)
    return await milvus.wait()


async def passed_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, both ways, till either end closes it."""
    with suppress(OSError):
        to, back = await asyncio.open_connection("127.0.0.1", port)
        ways = {asyncio.create_task(copied(reader, back)), asyncio.create_task(copied(to, writer))}
        _, open_ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in open_ways:
            way.cancel()
        back.close()
    writer.close()


async def copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await source.read(1 << 18):
            target.write(some)
            await target.drain()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
