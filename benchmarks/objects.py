"""Does it find the small pet in a cluttered picture, and leave alone what needs no finding?

    python -m benchmarks.objects NAME --images DIR --photos DIR [--space mobilenet_v2] [--composites 520]

NAME is a collection of the pets in --images, called BREED_NUMBER.jpg. Each composite is one of them, pasted into one of
the photos that `foreign.txt` in --photos names (640 x 480 px, nothing of the collection's kind in them): its longer side
22, 30, 40 or 50 % of the height, some with their edges blended, anywhere. The pet itself is left out of the answers.
Precision of the breed: of the whole picture; of what is chosen (a part, or the whole where none is clearly better); of
the best part that is suggested; of the true box. Then the pets as they are, which are to lose nothing, and photos that
show nothing known, on which no part is to be forced. The margin is chosen on one half of the pictures and confirmed on
the other.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.common import Row, machine, report
from imgsearch.collection.collection import Collection
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region
from imgsearch.retrieval import objects
from imgsearch.retrieval.objects import find_objects
from imgsearch.vectors.space import Space

SIZE = (640, 480)
SHARES = (0.22, 0.30, 0.40, 0.50)
BLENDED = 0.06
"""Width of a blended edge, as a share of the pet's longer side."""
MARGINS = (0.0, 0.03, 0.05, 0.07, 0.09, 0.12, 0.15, 0.2)
PAIR_SHARE = 0.4
SEED = 7


@dataclass(frozen=True)
class Asked:
    """A picture that is asked with.

    Attributes:
        pixels: uint8 (height, width, 3).
        pet: Row of the pet in it, or -1.
        share: Its longer side, as a share of the picture's height; 0 where it is no composite.
        box: Where it is, or None.
    """

    pixels: np.ndarray
    pet: int = -1
    share: float = 0.0
    box: Region | None = None


@dataclass(frozen=True)
class Found:
    """What came of a picture. Precisions are 0 where there is no pet.

    Attributes:
        share: See `Asked`.
        whole, part, suggested, true: Precision at 1 and at 5 of the whole picture, the nearest part, the best of those
            that are suggested, and the true box.
        is_inside: Whether the nearest part holds the middle of the pet.
        distance, part_distance: Of the whole and of the nearest part, see `Objects`.
        p_value: Of the part's distance.
        n_seen, seconds: What finding it cost.
        one_second: Time of one embedding, s.
    """

    share: float
    whole: tuple[float, float]
    part: tuple[float, float]
    suggested: tuple[float, float]
    true: tuple[float, float]
    is_inside: bool
    distance: float
    part_distance: float
    p_value: float
    n_seen: int
    seconds: float
    one_second: float

    def is_part(self, margin: float, known: float) -> bool:
        """Whether a part is chosen, with another margin than the product's."""
        return self.part_distance <= self.distance - margin and self.p_value >= known

    def chosen(self, margin: float, known: float) -> tuple[float, float]:
        return self.part if self.is_part(margin, known) else self.whole


class Asker:
    def __init__(self, collection: Collection, space: Space) -> None:
        self.space = space
        self.labels = np.array([Path(item.item_id).stem.rsplit("_", 1)[0] for item in collection.items])
        self.embedders = collection.embedders

    def ask(self, asked: Asked) -> Found:
        height, width = asked.pixels.shape[:2]
        left_out = [asked.pet] if asked.pet >= 0 else []
        started = time.perf_counter()
        (whole,) = self._look(asked, [None])
        one_second = time.perf_counter() - started
        started = time.perf_counter()
        found = find_objects(self.space, self.embedders, asked.pixels, (width, height), whole, left_out)
        seconds = time.perf_counter() - started
        nearest = found.nearest
        vectors = self._look(asked, [nearest.region] if nearest else [None])
        suggested = self._look(asked, [part.region for part in found.parts] or [None])
        part_distance = nearest.distance if nearest else math.inf
        return Found(
            share=asked.share,
            whole=self._precisions([whole], asked.pet),
            part=self._precisions(vectors, asked.pet),
            suggested=self._precisions(suggested, asked.pet),
            true=self._precisions(self._look(asked, [asked.box]), asked.pet),
            is_inside=bool(nearest and asked.box and _holds_middle(nearest.region, asked.box)),
            distance=found.distance,
            part_distance=part_distance,
            p_value=self.space.calibration.p_value(part_distance) or 0.0,
            n_seen=found.n_seen,
            seconds=seconds,
            one_second=one_second,
        )

    def finds_both(self, asked: Asked, boxes: Sequence[Region]) -> bool:
        """Whether each of the two pets has a suggested part that holds its middle, and not the other's."""
        (whole,) = self._look(asked, [None])
        parts = find_objects(self.space, self.embedders, asked.pixels, SIZE, whole).parts
        held = [tuple(_holds_middle(part.region, box) for box in boxes) for part in parts]
        return {(True, False), (False, True)} <= set(held)

    def _look(self, asked: Asked, regions: Sequence[Region | None]) -> np.ndarray:
        spec = self.space.spec.for_queries()
        return self.space.points(self.embedders.embed_parts(asked.pixels, spec, regions))

    def _precisions(self, vectors: Sequence[np.ndarray] | np.ndarray, pet: int) -> tuple[float, float]:
        """The best of several vectors."""
        if pet < 0:
            return 0.0, 0.0
        is_right = self.labels == self.labels[pet]
        found = []
        for vector in vectors:
            order = np.argsort(-(self.space.embeddings @ vector), kind="stable")
            order = order[order != pet]
            found.append((float(is_right[order[:5]].mean()), float(is_right[order[0]])))
        at_5, at_1 = max(found)
        return at_1, at_5


def _holds_middle(part: Region, box: Region) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return part.left <= x <= part.right and part.top <= y <= part.bottom


def composites(collection: Collection, images: Path, backgrounds: Sequence[Path], n: int) -> Iterator[Asked]:
    rng = np.random.default_rng(SEED)
    for number in range(n):
        background = _filling(Image.fromarray(decode_image(backgrounds[number % len(backgrounds)]).pixels))
        pet = int(rng.integers(len(collection.items)))
        share = SHARES[number % len(SHARES)]
        is_blended = number // len(SHARES) % 2 == 1
        box = _paste(background, images / collection.items[pet].item_id, share, rng, None, is_blended)
        yield Asked(np.asarray(background), pet, share, box)


def pairs(
    collection: Collection, labels: np.ndarray, images: Path, backgrounds: Sequence[Path], n: int
) -> Iterator[tuple[Asked, tuple[Region, Region]]]:
    """Two pets of different breeds, one in each half of a photo."""
    rng = np.random.default_rng(SEED + 1)
    for number in range(n):
        background = _filling(Image.fromarray(decode_image(backgrounds[-1 - number]).pixels))
        first = int(rng.integers(len(collection.items)))
        second = int(rng.choice(np.flatnonzero(labels != labels[first])))
        boxes = [
            _paste(background, images / collection.items[pet].item_id, PAIR_SHARE, rng, half, number % 2 == 1)
            for half, pet in enumerate((first, second))
        ]
        yield Asked(np.asarray(background)), (boxes[0], boxes[1])


def _paste(
    ground: Image.Image, pet: Path, share: float, rng: np.random.Generator, half: int | None, is_blended: bool
) -> Region:
    """Pastes a pet, its longer side that share of the height, anywhere or in the left (0) or right half (1). Says where."""
    picture = Image.fromarray(decode_image(pet).pixels)
    scale = share * SIZE[1] / max(picture.size)
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    room = SIZE[0] if half is None else SIZE[0] // 2
    left, top = (half or 0) * room + int(rng.integers(room - width + 1)), int(rng.integers(SIZE[1] - height + 1))
    ground.paste(small, (left, top), _mask(width, height, BLENDED * max(width, height) if is_blended else 0))
    return Region(left / SIZE[0], top / SIZE[1], (left + width) / SIZE[0], (top + height) / SIZE[1])


def _filling(picture: Image.Image) -> Image.Image:
    """The middle of a picture, scaled to fill SIZE."""
    scale = max(SIZE[0] / picture.width, SIZE[1] / picture.height)
    size = math.ceil(picture.width * scale), math.ceil(picture.height * scale)
    scaled = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    left, top = (scaled.width - SIZE[0]) // 2, (scaled.height - SIZE[1]) // 2
    return scaled.crop((left, top, left + SIZE[0], top + SIZE[1]))


def _mask(width: int, height: int, edge: float) -> Image.Image:
    x, y = (np.minimum(np.arange(length), np.arange(length)[::-1]) + 1 for length in (width, height))
    share = np.minimum.outer(y, x) / edge if edge >= 1 else np.ones((height, width))
    return Image.fromarray((np.clip(share, 0, 1) * 255).astype(np.uint8))


def mean(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    at_1, at_5 = np.mean(values, axis=0)
    return float(at_1), float(at_5)


def by_size(found: Sequence[Found], margin: float, known: float) -> list[Row]:
    """A row for each size of the pets."""
    rows: list[Row] = []
    for share in SHARES:
        of = [each for each in found if each.share == share]
        chosen, true = mean([each.chosen(margin, known) for each in of]), mean([each.true for each in of])
        parts = [each for each in of if each.is_part(margin, known)]
        whole, suggested = mean([each.whole for each in of]), mean([each.suggested for each in of])
        row: Row = {"side": f"{share:.0%}".replace("%", " %")}
        for name, both in (("whole", whole), ("chosen", chosen), ("suggested", suggested), ("true_box", true)):
            row |= {f"{name}_at_1": both[0], f"{name}_at_5": both[1]}
        inside = float(np.mean([each.is_inside for each in parts])) if parts else None
        rows.append({**row, "chosen_by_true": chosen[1] / true[1], "a_part": len(parts) / len(of), "middle_inside": inside})
    return rows


def by_margin(found: dict[str, list[Found]], known: float) -> list[Row]:
    """What each margin gives, on one half of the pictures and on the other: eight by turns, all sizes in both."""
    rows: list[Row] = []
    for margin in MARGINS:
        row: Row = {"margin": margin}
        for half in (0, 1):
            halves = {kind: [one for i, one in enumerate(each) if i // 8 % 2 == half] for kind, each in found.items()}
            for share in SHARES:
                of = [each for each in halves["composites"] if each.share == share]
                ratio = mean([each.chosen(margin, known) for each in of])[1] / mean([each.true for each in of])[1]
                row.setdefault(f"chosen_by_true_{100 * share:.0f}", []).append(ratio)
            lost = [each.whole[1] - each.chosen(margin, known)[1] for each in halves["pets"]]
            row.setdefault("points_lost_by_pets", []).append(100 * float(np.mean(lost)))
            forced = [each.is_part(margin, known) for each in halves["photos"]]
            row.setdefault("forced_on_photos", []).append(float(np.mean(forced)))
        rows.append(row)
    return rows


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("name", help="collection of the pictures in --images")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder with foreign.txt")
    parser.add_argument("--space", help="[the first]")
    parser.add_argument("--composites", type=int, default=520)
    parser.add_argument("--pets", type=int, default=10_000, help="at most so many")
    parser.add_argument("--heavy", action="store_true", help="as a network would that is not light")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="JSON file for what came of each picture")
    options = parser.parse_args()
    if options.heavy:
        EmbedderSpec.is_light = property(lambda spec: False)  # type: ignore[method-assign, assignment]
    collection = Collection.open(options.name)
    asker = Asker(collection, collection.space(options.space))
    foreign = [options.photos / line for line in (options.photos / "foreign.txt").read_text().split()]
    order = np.random.default_rng(SEED).permutation(len(foreign))
    backgrounds = [foreign[i] for i in order]
    rows = range(min(len(collection.items), options.pets))
    asked = {
        "composites": composites(collection, options.images, backgrounds, options.composites),
        "pets": (Asked(decode_image(options.images / collection.items[row].item_id).pixels, row) for row in rows),
        "photos": (Asked(decode_image(path).pixels) for path in backgrounds[options.composites :][:300]),
    }
    found = {kind: [asker.ask(each) for each in pictures] for kind, pictures in asked.items()}
    if options.keep:
        options.keep.write_text(json.dumps({kind: [asdict(each) for each in of] for kind, of in found.items()}))
    margin, known = objects.MARGIN, objects.KNOWN
    print(machine())
    seen = [each for of in found.values() for each in of]
    n_both = sum(
        asker.finds_both(*each) for each in pairs(collection, asker.labels, options.images, backgrounds, options.pairs)
    )
    report(
        options.save,
        {
            "space": asker.space.name,
            "margin": margin,
            "composites": by_size(found["composites"], margin, known),
            "margins": by_margin(found, known),
            "passes": float(np.mean([each.n_seen for each in seen])),
            "ms": 1000 * float(np.median([each.seconds for each in seen])),
            "by_embedding_the_whole": float(np.median([each.seconds / each.one_second for each in seen])),
            "pairs": options.pairs,
            "pairs_with_a_part_for_each": n_both,
        },
    )


if __name__ == "__main__":
    main()
