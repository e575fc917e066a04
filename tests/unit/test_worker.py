"""The worker's client against a program that misbehaves on demand, then against the real one."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from imgsearch.embedding import local
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.embedders import Embedded, Wanted
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker import program
from imgsearch.embedding.worker.client import WorkerClient
from imgsearch.embedding.worker.protocol import request_header
from imgsearch.errors import (
    BackboneError,
    BackboneUnavailableError,
    ImageDecodeError,
    ImgSearchError,
    WorkerBusyError,
    WorkerError,
    WorkerTimeoutError,
)
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region, Window
from tests.conftest import draw_picture

ROOT = Path(__file__).resolve().parents[2]
SPEC = EmbedderSpec("color_histogram")

# Does what the picture says. A good answer has the process id as width and the number of answers so far as height.
FAKE = r"""
import json, os, struct, sys, time
folder, answers = sys.argv[1], 0
with open(folder + "/starts", "a") as starts:
    starts.write("x")
def say(header, body=b""):
    data = json.dumps(header).encode()
    os.write(1, struct.pack(">I", len(data)) + data + body)
while prefix := sys.stdin.buffer.read(4):
    header = json.loads(sys.stdin.buffer.read(struct.unpack(">I", prefix)[0]))
    body = sys.stdin.buffer.read(sum(header["sizes"]))
    if body == b"die":
        os._exit(3)
    elif body == b"half":
        say({"sizes": [8, 1000]}, b"12345678and no more")
        os._exit(0)
    elif body == b"hang":
        time.sleep(3600)
    elif body == b"flood stdout":
        while True:
            os.write(1, b"x" * 65536)
    elif body.startswith(b"raw"):
        os.write(1, body[3:])
        continue
    elif body == b"wait":
        with open(folder + "/started", "w") as pipe:  # waits until somebody reads, then tells them
            pipe.write("x")
        with open(folder + "/go") as pipe:
            pipe.read()
    elif body == b"flood stderr":
        for _ in range(1000):
            os.write(2, b"x" * 10_000)
        os.write(2, b"\n" * 10_000)
    answers += 1
    say({"sizes": [8, len(body), 0], "width": os.getpid(), "height": answers, "timings_ms": {}},
        b"\x9a\x99\x19\x3f\xcd\xcc\x4c\x3f" + body)
    if body == b"go deaf":
        time.sleep(3600)
    elif body == b"go dumb":
        os.close(1)
        time.sleep(3600)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., WorkerClient]]:
    """Makes clients of the program above."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    for name in ("started", "go"):
        os.mkfifo(tmp_path / name)
    clients = []

    def make(*, timeout_s: float = 30, **options: Any) -> WorkerClient:
        command = (sys.executable, "-I", "-S", str(script), str(tmp_path))
        clients.append(WorkerClient(tmp_path, timeout_s=timeout_s, command=command, **{"queue": 8, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@contextmanager
def impatient(client: WorkerClient) -> Iterator[None]:
    """With little time for a request that cannot succeed; all others have much, since a start may take long."""
    with patch.object(client, "_timeout_s", 0.2):
        yield


def embed(client: WorkerClient, data: bytes, spec: EmbedderSpec, region: Region | None = None) -> Embedded:
    """As the page asks."""
    return client.embed(Wanted(data, [spec], region, preview=True))


def n_starts(folder: Path) -> int:
    """How often the program above was started."""
    return len((folder / "starts").read_text())


def message(header: str, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(header.encode())) + header.encode() + body


# --- the client


def test_a_request_is_answered(start: Callable[..., WorkerClient]) -> None:
    client = start()
    first, second = embed(client, b"one", SPEC), embed(client, b"", SPEC)
    assert first.vectors[SPEC] == pytest.approx([0.6, 0.8])
    assert first.vectors[SPEC].dtype == np.float32
    assert (first.preview, second.preview) == (b"one", b"")
    assert (first.height, second.height) == (1, 2)
    assert first.width == second.width != os.getpid()


@pytest.mark.parametrize(("body", "n_tries"), [(b"die", 2), (b"half", 2), (b"flood stdout", 1)])
def test_a_worker_that_stops_at_a_picture_is_replaced(
    start: Callable[..., WorkerClient], tmp_path: Path, body: bytes, n_tries: int
) -> None:
    client = start()
    before = embed(client, b"good", SPEC)
    with pytest.raises(WorkerError, match="stopped at this one") as caught:
        embed(client, body, SPEC)
    assert type(caught.value) is WorkerError
    assert n_starts(tmp_path) == n_tries
    after = embed(client, b"good", SPEC)
    assert (after.preview, after.height) == (b"good", 1)
    assert after.width != before.width
    assert n_starts(tmp_path) == n_tries + 1


def test_a_picture_that_kills_a_fresh_worker_is_not_tried_again(start: Callable[..., WorkerClient], tmp_path: Path) -> None:
    client = start()
    for number in range(1, 4):
        with pytest.raises(WorkerError, match="stopped at this one"):
            embed(client, b"die", SPEC)
        assert n_starts(tmp_path) == number


def test_a_worker_that_died_between_two_requests_is_replaced(start: Callable[..., WorkerClient]) -> None:
    client = start()
    pid = embed(client, b"good", SPEC).width
    os.kill(pid, 9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert client.pid is None
    assert embed(client, b"good", SPEC).width != pid


def test_a_request_that_meets_a_worker_of_which_only_the_pipes_tell_that_it_died_is_answered_by_a_fresh_one(
    start: Callable[..., WorkerClient], tmp_path: Path
) -> None:
    client = start()
    pid = embed(client, b"good", SPEC).width
    os.kill(pid, 9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with patch.object(client._process, "poll", return_value=None):
        assert client.pid == pid
        after = embed(client, b"another", SPEC)
    assert (after.preview, after.height) == (b"another", 1)
    assert n_starts(tmp_path) == 2


def test_a_request_that_meets_a_worker_that_answers_no_more_is_answered_by_a_fresh_one(
    start: Callable[..., WorkerClient], tmp_path: Path
) -> None:
    client = start()
    pid = embed(client, b"go dumb", SPEC).width
    after = embed(client, b"another", SPEC)
    assert (after.preview, after.height) == (b"another", 1)
    assert n_starts(tmp_path) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_hangs_is_ended_and_replaced(start: Callable[..., WorkerClient], tmp_path: Path) -> None:
    client = start()
    pid = embed(client, b"good", SPEC).width
    with impatient(client), pytest.raises(WorkerTimeoutError, match=r"took longer than 0\.2 s"):
        embed(client, b"hang", SPEC)
    assert n_starts(tmp_path) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert embed(client, b"good", SPEC).width != pid


def test_a_worker_that_does_not_take_its_input_is_ended(start: Callable[..., WorkerClient]) -> None:
    client = start()
    embed(client, b"go deaf", SPEC)
    with impatient(client), pytest.raises(WorkerTimeoutError):
        embed(client, bytes(1 << 20), SPEC)  # more than fits into a pipe
    assert embed(client, b"good", SPEC).preview == b"good"


def test_a_worker_may_print_as_much_as_it_likes(start: Callable[..., WorkerClient]) -> None:
    client = start()
    assert embed(client, b"flood stderr", SPEC).height == 1
    assert embed(client, b"good", SPEC).height == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"x" * 4,
        b"\0\0\0\x02[]",
        message("{}"),
        message("null"),
        message('{"sizes": null}'),
        message('{"sizes": 5}'),
        message('{"sizes": "ab"}'),
        message('{"sizes": [-1]}', b"x"),
        message('{"sizes": [1.5]}', b"xx"),
        message('{"sizes": ["1"]}', b"x"),
        message('{"sizes": [1099511627776]}'),
        message("[" * 60_000),
        message("not json"),
        b"\0\0\0\x02\xff\xff",
    ],
)
def test_an_answer_that_is_not_the_protocol_costs_one_request(
    start: Callable[..., WorkerClient], tmp_path: Path, garbage: bytes
) -> None:
    client = start()
    pid = embed(client, b"good", SPEC).width
    with pytest.raises(WorkerError, match="stopped at this one"):
        embed(client, b"raw" + garbage, SPEC)
    assert embed(client, b"good", SPEC).width != pid
    assert n_starts(tmp_path) == 2


@pytest.mark.parametrize(
    "answer",
    [
        message('{"sizes": []}'),
        message('{"sizes": [8]}', bytes(8)),
        message('{"sizes": [8, 0, 0]}', bytes(8)),
        message('{"sizes": [8, 8, 0, 0], "width": 1, "height": 1, "timings_ms": {}}', bytes(16)),
        message('{"sizes": [7, 0, 0], "width": 1, "height": 1, "timings_ms": {}}', bytes(7)),
    ],
)
def test_an_answer_without_its_parts_is_an_error(start: Callable[..., WorkerClient], answer: bytes) -> None:
    with pytest.raises(WorkerError, match="gave no answer that can be used"):
        embed(start(), b"raw" + answer, SPEC)


MAPS = {"grids": [[1, 2]], "windows": [[0, 0.25, 1, 0.75]]}
VALUES, OFFSET = np.array([[[1, 2, 3], [4, 5, 6]]], "<f4"), np.array([7, 8, 9], "<f4")


def maps_message(facts: dict[str, Any], values: bytes = VALUES.tobytes(), offset: bytes = OFFSET.tobytes()) -> bytes:
    return message(json.dumps({**facts, "sizes": [len(values), len(offset)]}), values + offset)


def test_feature_maps_are_read_as_they_were_sent(start: Callable[..., WorkerClient]) -> None:
    (maps,) = start().feature_maps(b"raw" + maps_message(MAPS), SPEC)
    assert np.array_equal(maps.values, VALUES)
    assert np.array_equal(maps.offset, OFFSET)
    assert maps.values.dtype == maps.offset.dtype == np.float32
    assert maps.window == Window(0, 0.25, 1, 0.75)


@pytest.mark.parametrize(
    "answer",
    [
        maps_message({}),
        maps_message({"grids": MAPS["grids"]}),
        maps_message({**MAPS, "grids": [[2, 2]]}),
        maps_message({**MAPS, "grids": [2]}),
        maps_message({**MAPS, "grids": 2}),
        maps_message({**MAPS, "windows": [[0, 1]]}),
        maps_message({"grids": MAPS["grids"] * 2, "windows": MAPS["windows"] * 2}),
        maps_message(MAPS, values=VALUES.tobytes()[:-1]),
        maps_message(MAPS, offset=b""),
        message('{"sizes": []}'),
        message('{"sizes": [], "grids": [], "windows": []}'),
    ],
)
def test_feature_maps_that_are_none_are_an_error(start: Callable[..., WorkerClient], answer: bytes) -> None:
    with pytest.raises(WorkerError, match="gave no answer that can be used"):
        start().feature_maps(b"raw" + answer, SPEC)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ImageDecodeError", ImageDecodeError),
        ("WorkerBusyError", WorkerBusyError),
        ("ImgSearchError", ImgSearchError),
        ("NoSuchError", WorkerError),
        ("annotations", WorkerError),
        ("ValueError", WorkerError),
    ],
)
def test_an_error_of_the_worker_is_raised_here(start: Callable[..., WorkerClient], error: str, kind: type) -> None:
    answer = message(f'{{"error": "{error}", "message": "Not so.", "hint": "But so.", "sizes": []}}')
    with pytest.raises(ImgSearchError) as caught:
        embed(start(), b"raw" + answer, SPEC)
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.hint) == ("Not so.", "But so.")


def test_a_program_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    client = WorkerClient(tmp_path, timeout_s=5, queue=1, command=(str(tmp_path / "missing"),))
    for _ in range(2):
        with pytest.raises(WorkerError, match="cannot be started") as caught:
            embed(client, b"x", SPEC)
        assert str(tmp_path) not in caught.value.message
    with pytest.raises(WorkerError, match="cannot be started"):
        client.start()


def wait_until_started(folder: Path) -> None:
    assert (folder / "started").read_text() == "x"


def test_while_one_is_served_no_more_than_the_queue_may_wait(start: Callable[..., WorkerClient], tmp_path: Path) -> None:
    client = start(queue=1)
    with ThreadPoolExecutor(2) as pool:
        served = pool.submit(embed, client, b"wait", SPEC)
        wait_until_started(tmp_path)
        waiting = pool.submit(embed, client, b"second", SPEC)
        deadline = time.monotonic() + 20
        while client._turns.n_waiting < 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(WorkerBusyError, match="Too many pictures"):
            embed(client, b"third", SPEC)
        (tmp_path / "go").write_text("")
        assert (served.result().preview, waiting.result().preview) == (b"wait", b"second")
    assert embed(client, b"fourth", SPEC).preview == b"fourth"


def test_without_a_queue_the_second_is_refused(start: Callable[..., WorkerClient], tmp_path: Path) -> None:
    client = start(queue=0)
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(embed, client, b"wait", SPEC)
        wait_until_started(tmp_path)
        with pytest.raises(WorkerBusyError):
            embed(client, b"second", SPEC)
        (tmp_path / "go").write_text("")
        assert served.result().preview == b"wait"


def test_a_refused_request_leaves_its_place_to_others(start: Callable[..., WorkerClient]) -> None:
    client = start(queue=0)
    for _ in range(5):
        with pytest.raises(WorkerError):
            embed(client, b"die", SPEC)
        assert embed(client, b"good", SPEC).preview == b"good"


def test_a_worker_that_was_started_before_serves_the_first_request(
    start: Callable[..., WorkerClient], tmp_path: Path
) -> None:
    client = start()
    assert client.pid is None
    client.start()
    pid = client.pid
    client.start()  # it is there
    assert embed(client, b"good", SPEC).width == pid
    assert n_starts(tmp_path) == 1


def test_a_closed_client_ends_its_process_and_starts_no_other(start: Callable[..., WorkerClient], tmp_path: Path) -> None:
    client = start()
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(embed, client, b"wait", SPEC)
        wait_until_started(tmp_path)
        client.close()  # while a request is under way
        with pytest.raises(WorkerError):
            served.result()
    with pytest.raises(WorkerError, match="being shut down"):
        embed(client, b"good", SPEC)
    assert n_starts(tmp_path) == 1
    client.close()


# --- the real worker


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerClient]:
    client = WorkerClient(tmp_path_factory.mktemp("home"), timeout_s=60, queue=8)
    yield client
    client.close()


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def embedded_here(data: bytes) -> np.ndarray:
    return load_embedder(SPEC, Path("unused")).embed([decode_image(data).pixels])[0]


def test_the_worker_embeds_as_this_process_does(real: WorkerClient) -> None:
    data = encoded(draw_picture((220, 40, 40), 2))
    answer = embed(real, data, SPEC)
    assert np.array_equal(answer.vectors[SPEC], embedded_here(data))
    assert (answer.width, answer.height) == (80, 60)
    assert answer.timings_ms.keys() == {"decode", "embed"}
    with Image.open(io.BytesIO(answer.preview)) as preview:
        assert (preview.format, preview.size) == ("JPEG", (80, 60))


def test_the_worker_embeds_a_region_as_this_process_does(real: WorkerClient) -> None:
    data, region = encoded(draw_picture((220, 40, 40), 3)), Region(0.3, 0.3, 0.6, 0.7)
    answer = embed(real, data, SPEC, region)
    here = load_embedder(SPEC, Path("unused"))
    expected = here.embed_prepared([here.prepare(decode_image(data).pixels, region)])[0]
    assert np.array_equal(answer.vectors[SPEC], expected)
    assert not np.array_equal(answer.vectors[SPEC], embedded_here(data))
    with Image.open(io.BytesIO(answer.preview)) as preview:
        assert preview.size == (80, 60)  # the whole


def test_an_embedder_without_feature_maps_says_so(real: WorkerClient) -> None:
    with pytest.raises(BackboneError, match="color_histogram has no parts that belong to places"):
        real.feature_maps(encoded(draw_picture((220, 40, 40), 3)), SPEC)


def test_the_preview_is_upright_and_new(real: WorkerClient) -> None:
    stored = Image.new("RGB", (80, 40), (255, 0, 0))
    stored.paste((0, 0, 255), (0, 0, 40, 40))  # blue on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: blue comes to the top
    exif[0x010E] = "where I live"
    data = encoded(stored, "JPEG", exif=exif, quality=95)
    answer = embed(real, data, SPEC)
    assert (answer.width, answer.height) == (40, 80)
    with Image.open(io.BytesIO(answer.preview)) as preview:
        assert preview.size == (40, 80)
        top, bottom = preview.getpixel((20, 10)), preview.getpixel((20, 70))
        assert not preview.getexif()
    assert top[2] > 200 > 60 > top[0]
    assert bottom[0] > 200 > 60 > bottom[2]
    assert b"where I live" in data
    assert b"where I live" not in answer.preview


def test_a_large_picture_gets_a_small_preview(real: WorkerClient) -> None:
    answer = embed(real, encoded(Image.new("RGB", (3000, 1500), (9, 99, 9)), "JPEG"), SPEC)
    assert (answer.width, answer.height) == (3000, 1500)
    with Image.open(io.BytesIO(answer.preview)) as preview:
        assert preview.size == (1024, 512)


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(draw_picture((1, 2, 3), 1))[:99]])
def test_a_bad_picture_is_the_error_that_it_is_here(real: WorkerClient, data: bytes) -> None:
    with pytest.raises(ImageDecodeError) as expected:
        decode_image(data)
    with pytest.raises(ImageDecodeError) as caught:
        embed(real, data, SPEC)
    assert (caught.value.message, caught.value.hint) == (expected.value.message, expected.value.hint)


def test_missing_weights_are_the_error_that_they_are_here(real: WorkerClient) -> None:
    with pytest.raises(BackboneUnavailableError, match="are not kept here"):
        real.load(EmbedderSpec("inception_v3", weights="0" * 64))
    real.load(SPEC)


def test_many_threads_get_their_own_answers(real: WorkerClient) -> None:
    pictures = [encoded(draw_picture((20 * n, 200, 10), n)) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers: list[Embedded] = list(pool.map(lambda data: embed(real, data, SPEC), pictures))
    for data, answer in zip(pictures, answers, strict=True):
        assert np.array_equal(answer.vectors[SPEC], embedded_here(data))


def test_the_worker_ends_when_its_input_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imgsearch.embedding.worker.program", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_cut_off_request_ends_the_worker_with_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imgsearch.embedding.worker.program", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, input=b"\0\0\0\x50{", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, b"")


CHATTY = """
import os, sys
from pathlib import Path
from imgsearch.embedding import local
from imgsearch.embedding.worker import program
decode = local.decode_image
def chatty(data):
    print("on Python's stdout", flush=True)
    os.write(1, b"on the descriptor")
    os.system("echo from a child")
    if data == b"defect":
        1 / 0
    return decode(data)
local.decode_image = chatty
program.main(Path(sys.argv[1]))
"""


def test_what_is_printed_on_stdout_does_not_disturb(tmp_path: Path) -> None:
    client = WorkerClient(tmp_path, timeout_s=60, queue=1, command=(sys.executable, "-c", CHATTY, str(tmp_path)))
    data = encoded(draw_picture((220, 40, 40), 2))
    try:
        assert np.array_equal(embed(client, data, SPEC).vectors[SPEC], embedded_here(data))
        process = client._process
        with pytest.raises(WorkerError, match="could not be looked at"):
            embed(client, b"defect", SPEC)  # a defect of ours costs one request, not the worker
        assert np.array_equal(embed(client, data, SPEC).vectors[SPEC], embedded_here(data))
        assert client._process is process
    finally:
        client.close()


def test_the_worker_keeps_the_two_models_used_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(spec: EmbedderSpec, home: Path, progress: object = None, **options: object) -> object:
        loaded.append(spec.name)
        return object()

    monkeypatch.setattr(local, "load_embedder", load)
    server = program.Worker(tmp_path)
    for name in ("vgg16", "resnet50", "vgg16", "mobilenet_v2", "cedd", "vgg16", "resnet50"):
        spec = EmbedderSpec(name, weights="" if name == "cedd" else "imagenet")
        assert server.answer(request_header("load", [spec]), b"") == ({}, [])
    # A descriptor has no model, so that it takes no place.
    assert loaded == ["vgg16", "resnet50", "mobilenet_v2", "cedd", "resnet50"]
