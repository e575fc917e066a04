"""How long does a warm query take, against what it must at least do?

    python -m benchmarks.query_latency [--backbone inception_v3] [--images DIR] [--weights FILE]

Every round takes another picture and measures, one after the other:
  peer     decode, and a bare forward pass of that one picture, cropped and preprocessed before the clock starts, through
           the plain Keras model as one tf.function;
  picture  Collection.search(picture=path): decode, crop, embed, search, sort;
  worker   the same through the worker process, whose answer holds a preview too, the one that the page has;
  pick     Collection.search(item_id=...): a stored embedding, no network.
The embedder freezes the network, which alone makes it faster than the peer; so picture / peer can be below 1.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import Row, arguments, clock, compiled, gather, machine, middle, ratios, report, subject
from imgsearch.collection.build import build_collection
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.scaling import resize_and_crop

WARM_UP = 5


def main() -> None:
    options = arguments(__doc__, pictures=96, repeats=80).parse_args()
    seconds: dict[str, list[float]] = {"peer": [], "picture": [], "worker": [], "pick": []}
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home = Path(temporary) / "home"
        paths = gather(options.images, options.pictures, Path(temporary) / "pictures")
        print(machine())
        it = subject(options.backbone, options.weights, home)
        collection = build_collection("all", Path(temporary) / "pictures", home=home, specs=[it.spec]).collection
        forward = compiled(it.model)
        worker = WorkerClient(home, timeout_s=300, queue=1)

        def peer(path: Path) -> None:
            pixels = decode_image(path).pixels
            crop = resize_and_crop(pixels, it.backbone.input_size)
            ready = np.asarray(it.preprocess(crop[None].astype(np.float32)))
            with clock(seconds["peer"]):
                decode_image(path)
                forward(ready)

        def picture(path: Path) -> None:
            with clock(seconds["picture"]):
                collection.search(picture=path)

        def through_worker(path: Path) -> None:
            with clock(seconds["worker"]):
                collection.search(picture=path, embedders=WorkerEmbedders(worker), previews=True)

        def pick(path: Path) -> None:
            with clock(seconds["pick"]):
                collection.search(item_id=path.name)

        steps = [peer, picture, through_worker, pick]
        chooser = random.Random(0)
        for number in range(WARM_UP + options.repeats):
            path = chooser.choice(paths)
            for step in steps[number % 4 :] + steps[: number % 4]:
                step(path)
        worker.close()
    seconds = {name: values[WARM_UP:] for name, values in seconds.items()}
    weights = options.weights.name if options.weights else "random weights"
    print(
        f"{options.backbone} ({weights}), gallery of {len(paths)} pictures ({options.images or 'drawn, 500 x 375'}), "
        f"{options.repeats} rounds; median (tenth to ninetieth percentile)"
    )
    names = {
        "peer": "peer: decode + bare forward of one",
        "picture": "query by picture",
        "worker": "query by picture, through the worker",
        "pick": "query by an item of the gallery",
    }
    rows: list[Row] = []
    for name, title in names.items():
        ms = middle([1000 * value for value in seconds[name]])
        rows.append({"query": title, "ms": ms, "by_peer": middle(ratios(seconds[name], seconds["peer"]))})
    report(options.save, {"pictures": len(paths), "queries": rows})


if __name__ == "__main__":
    main()
