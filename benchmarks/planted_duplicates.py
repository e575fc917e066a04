"""Which copies of pictures are found, and what else is called a copy?

    python -m benchmarks.planted_duplicates --images DIR [--embedder mini ...] [--pictures 1000] [--planted 100]

Takes pictures of a folder, adds changed copies of some, builds a collection in a temporary home and asks for its
duplicates. For each change: the share of copies that stand in one group with their original. "Other groups" hold two
pictures of the folder itself: copies that were there before, or mistakes; they are listed, to be looked at.
"""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks import common
from benchmarks.common import Row, clock, report
from imgsearch import build_collection, decode_image, embedder_spec
from imgsearch.measure.duplicates import find_duplicates

SEED = 0


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Without `share` of width and height, half of it on each side."""
    x, y = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": lambda image: image,
    "half the size": lambda image: image.resize((max(1, image.width // 2), max(1, image.height // 2))),
    "cropped by 5 %": lambda image: cropped(image, 0.05),
    "cropped by 10 %": lambda image: cropped(image, 0.10),
    "brighter by 20 %": lambda image: image.point([min(255, round(value * 1.2)) for value in range(256)] * 3),
    "cropped by 10 % at the bottom": lambda image: image.crop((0, 0, image.width, round(0.9 * image.height))),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 90": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 180": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "turned by 270": lambda image: image.transpose(Image.Transpose.ROTATE_270),
    "grey": lambda image: image.convert("L"),
}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG pictures")
    parser.add_argument("--embedder", action="append", help="may be given several times [mini, color_histogram]")
    parser.add_argument("--pictures", type=int, default=1000, help="at most so many [%(default)s]")
    parser.add_argument("--planted", type=int, default=100, help="so many of them are copied [%(default)s]")
    options = parser.parse_args()
    names = options.embedder or ["mini", "color_histogram"]
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        folder = Path(temporary) / "pictures"
        folder.mkdir()
        chooser = random.Random(SEED)
        paths = sorted(options.images.rglob("*.jpg"))
        paths = chooser.sample(paths, min(options.pictures, len(paths)))
        for path in paths:
            (folder / path.name).symlink_to(path.resolve())
        planted = chooser.sample(paths, min(options.planted, len(paths)))
        for path in planted:
            plant(path, folder)
        specs = [embedder_spec(name) for name in names]
        collection = build_collection("all", folder, home=Path(temporary) / "home", specs=specs).collection
        shares: dict[str, Row] = {change: {"change": change} for change in CHANGES}
        rows: list[Row] = []
        others = set()
        for name in collection.spaces:
            seconds: list[float] = []
            with clock(seconds):
                groups = find_duplicates(collection, name)
            sets = [{collection.items[row].item_id for row in (g.keep, *(copy.row for copy in g.copies))} for g in groups]
            found = [sum(any({p.name, f"{p.stem}~{change}.jpg"} <= s for s in sets) for p in planted) for change in CHANGES]
            mixed = {frozenset(item.split("~")[0].removesuffix(".jpg") for item in each) for each in sets}
            mixed = {each for each in mixed if len(each) > 1}
            others |= mixed
            for change, count in zip(CHANGES, found, strict=True):
                shares[change][name] = count / len(planted)
            rows.append({"space": name, "other_groups": len(mixed), "seconds": seconds[0]})
    listed: list[Row] = [{"pictures": each} for each in sorted(map(sorted, others))]
    n = {"pictures": len(paths), "planted": len(planted), "other_groups": len(listed)}
    report(options.save, {**n, "found": list(shares.values()), "spaces": rows, "others": listed})


def plant(path: Path, folder: Path) -> None:
    """Writes a changed copy of each kind, as JPEG."""
    image = Image.fromarray(decode_image(path).pixels)
    for change, apply in CHANGES.items():
        data = io.BytesIO()
        apply(image).save(data, "JPEG", quality=60)
        (folder / f"{path.stem}~{change}.jpg").write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
