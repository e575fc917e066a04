"""The sample gallery: pictures of `BREEDS` in every pose, palette and scene.

What is drawn is decided by `cast`, which never sees the breed: colour and scene are therefore independent of the label
by construction. A gallery takes whole blocks of `BLOCK` seeds for a breed, and within a block every pose, palette and
scene comes up equally often.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgsearch.processors import n_processors
from imgsearch.sample.animal.anatomy import Model, build
from imgsearch.sample.animal.breeds import BREEDS, Breed
from imgsearch.sample.animal.coats import dye
from imgsearch.sample.animal.face import paint_face
from imgsearch.sample.animal.poses import POSES, PoseName, Stance, draw_stance
from imgsearch.sample.animal.sculpture import Array, Camera, Part, Relief, carve, extent
from imgsearch.sample.brushes import Easel
from imgsearch.sample.painting import (
    brushed,
    cast_shadow,
    comb,
    enlarge,
    lie_of_hair,
    light_up,
    on_paper,
    tufts,
)
from imgsearch.sample.palettes import PALETTES, Palette
from imgsearch.sample.scene.props import clutter, place_prop
from imgsearch.sample.scene.scenes import SCENES, Scene

SIZE = 320
ZOOM = 2  # painted twice as large, then reduced
BLOCK = 24
DEFAULT_SEED = 7
JPEG_QUALITY = 90
DRAWN = 1_767_225_600
"""Time of change of every picture, s since 1970: collections of the sample are the same, whenever it was drawn."""


@dataclass(frozen=True)
class Casting:
    """What a seed asks for: pose, coat palette and scene."""

    pose: PoseName
    palette: Palette
    scene: Scene


def cast(seed: int) -> Casting:
    """Pose, palette and scene of a seed; in a block of 24 seeds from a multiple of 24 on, each comes equally often."""
    block, place = divmod(seed, BLOCK)
    rng = Random(f"casting {block}")
    columns = []
    for options in (POSES, PALETTES, SCENES):
        order = list(range(len(options))) * (BLOCK // len(options))
        rng.shuffle(order)
        columns.append(order[place])
    return Casting(POSES[columns[0]], PALETTES[columns[1]], SCENES[columns[2]])


def picture_seed(breed: Breed, number: int, *, seed: int = DEFAULT_SEED) -> int:
    """Seed of picture `number` (0-based) of a breed in the gallery with this seed: whole blocks per breed."""
    place = [b.slug for b in BREEDS].index(breed.slug)
    return (seed * 4096 + place * 64) * BLOCK + number


def _frame(model: Model, stance: Stance, size: int, share: float | None, rng: Random) -> Camera:
    """Camera that shows the animal, or head and shoulders, at a random size and place in a square of `size` pixels."""
    plain = Camera(stance.camera_pitch)
    head = [b for b in model.balls if b.part in (Part.HEAD, Part.EAR)]
    if stance.pose == "portrait":
        shown, drawn_share, foot = head, rng.uniform(0.58, 0.7), rng.uniform(0.72, 0.78)
    elif stance.pose == "bust":
        shown, drawn_share, foot = head, rng.uniform(0.42, 0.52), rng.uniform(0.56, 0.62)
    else:
        shown, drawn_share, foot = list(model.balls), rng.uniform(0.82, 0.92), rng.uniform(0.91, 0.95)
    left, top, right, bottom = extent(shown, plain)
    scale = (share or drawn_share) * size / max(right - left, bottom - top)
    x = rng.uniform(0.46, 0.54) * size - scale * (left + right) / 2
    return Camera(stance.camera_pitch, scale, (x, foot * size - scale * bottom))


def draw_picture(breed: Breed, *, seed: int) -> Image.Image:
    """One picture of the breed, RGB, 320 x 320 pixels; the same arguments give the same pixels."""
    return compose(breed, cast(seed), Random(f"picture {seed}"))


def compose(
    breed: Breed, casting: Casting, rng: Random, *, size: int = SIZE, share: float | None = None, n_things: int = 0
) -> Image.Image:
    """Paint one square picture: scene, cast shadow, things, animal, face, what is in front, paper.

    Args:
        size: Side of the picture in pixels.
        share: Side of the animal as a share of the picture's. Drawn at random by default.
        n_things: Things on the floor. By default none, or now and then one.
    """
    stance = draw_stance(casting.pose, rng)
    model = build(breed, stance)
    camera = _frame(model, stance, size, share, rng)
    relief = carve(model.balls, camera, size)
    light_x = rng.choice((-1.0, 1.0)) * rng.uniform(0.4, 0.8)
    scene, is_close = casting.scene, stance.pose in ("portrait", "bust")
    paws = float(camera.project(np.stack(model.paws))[:, 1].max()) / size

    backdrop = Easel(size, rng)
    scene.behind(backdrop, rng.uniform(0.5, 0.6))
    if n_things:
        clutter(backdrop, 0.94, n_things)
    elif not is_close and rng.random() < 0.4:
        place_prop(backdrop, paws)
    # a close-up has little depth of field; a mess is meant to be seen
    backdrop.soften(0.018 if is_close else 0.001 if n_things else 0.0035)
    ground = brushed(backdrop.image, rng)
    ground *= 1 - 0.5 * cast_shadow(model, camera, size, light_x)[..., None] * np.array([1, 0.95, 0.8], np.float32)
    colour = dye(relief, breed, casting.palette, rng)
    lit = light_up(relief, colour, (light_x, 0.8, 0.55), scene.sun, scene.sky)
    image = _paste(enlarge(ground, ZOOM * size), relief, lit, breed, rng)
    paint_face(image, relief, camera, model.head, breed, casting.palette, rng, light_x)
    if not is_close:
        scene.before(Easel(ZOOM * size, rng, image), paws)
    return on_paper(image.resize((size, size), Image.Resampling.BOX), rng)


def _paste(canvas: NDArray[np.uint8], relief: Relief, lit: Array, breed: Breed, rng: Random) -> Image.Image:
    """The lit animal with its fur on the canvas, which is painted over."""
    size = canvas.shape[0]
    edge = enlarge(relief.cover, size)
    rows, columns = np.nonzero(edge > 60)
    place = rows * size + columns
    # steeper than the enlarged edge, which has become twice as soft
    cover = np.clip(np.take(edge, place).astype(np.float32) * np.float32(1.8 / 255) - 0.4, 0, 1)[:, None]
    grain = lie_of_hair(relief, breed.coat.curl, rng)
    hair = comb(rows, columns, relief, grain, ZOOM, rng)
    body = np.take(enlarge(lit, size).reshape(-1, 3), place, axis=0) * hair[:, None]
    under = np.take(canvas.reshape(-1, 3), place, axis=0)
    canvas.reshape(-1, 3)[place] = np.clip(under + cover * (body - under), 0, 255).astype(np.uint8)
    image = Image.fromarray(canvas)
    tufts(image, relief, grain, lit, breed.coat.curl, rng)
    return image


def _is_whole(path: Path) -> bool:
    """Whether the file is there and decodes to the end."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _write(image: Image.Image, path: Path) -> None:
    """Save as JPEG so that a kill leaves either the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    image.save(unfinished, "JPEG", quality=JPEG_QUALITY)
    os.utime(unfinished, (DRAWN, DRAWN))
    os.replace(unfinished, path)


def _draw_file(task: tuple[Breed, int, Path]) -> None:
    breed, seed, path = task
    _write(draw_picture(breed, seed=seed), path)


def draw_gallery(
    directory: Path,
    *,
    per_breed: int = 24,
    seed: int = DEFAULT_SEED,
    progress: Callable[[int, int], None] | None = None,
    n_jobs: int | None = None,
) -> int:
    """Draw the gallery as `directory/<slug>/<slug>_<NN>.jpg`, and return how many pictures it has.

    Pictures that are there and whole are kept, so a run that was stopped is taken up where it ended.

    Args:
        per_breed: Pictures of each breed, 1 <= per_breed <= 999; multiples of 24 balance pose, palette and scene.
        progress: Called with (done, total) after every picture, pictures kept included.
        n_jobs: Processes; 1 draws in this one. Defaults to `n_processors`.
    """
    tasks = [
        (breed, picture_seed(breed, number, seed=seed), directory / breed.slug / f"{breed.slug}_{number + 1:02d}.jpg")
        for number in range(per_breed)
        for breed in BREEDS
    ]
    missing = [task for task in tasks if not _is_whole(task[2])]
    done = len(tasks) - len(missing)
    if progress is not None and done:
        progress(done, len(tasks))
    workers = min(n_jobs or n_processors(), math.ceil(len(missing) / 8))
    if workers <= 1:
        for task in missing:
            _draw_file(task)
            done += 1
            if progress is not None:
                progress(done, len(tasks))
        return len(tasks)
    # spawn, since the caller may be a server with threads, where fork can deadlock
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for _ in pool.map(_draw_file, missing, chunksize=4):
            done += 1
            if progress is not None:
                progress(done, len(tasks))
    return len(tasks)


# breed, pose, palette, scene
QUERIES: tuple[tuple[str, PoseName, str, str], ...] = (
    ("Husky", "sit", "slate", "beach"),
    ("Pug", "portrait", "honey", "orchard"),
    ("Siamese", "sit", "cocoa", "living_room"),
    ("Corgi", "stand", "ginger", "street"),
)
CLUTTERED: tuple[tuple[str, PoseName, str, str], ...] = (
    ("Maine_Coon", "sit", "ginger", "living_room"),
    ("Husky", "stand", "slate", "orchard"),
)


def _draw_query(
    slug: str, pose: PoseName, palette: str, scene: str, *, size: int = SIZE, n_things: int = 0
) -> Image.Image:
    breed = next(breed for breed in BREEDS if breed.slug == slug)
    casting = Casting(pose, next(p for p in PALETTES if p.name == palette), next(s for s in SCENES if s.name == scene))
    share = 0.3 if n_things else None
    # gallery pictures start from "picture <seed>", so none of them is drawn from these numbers
    return compose(breed, casting, Random(f"query {slug}"), size=size, share=share, n_things=n_things)


def draw_queries(directory: Path) -> list[Path]:
    """Example queries that are not in the gallery, as JPEG files: four animals, and two small ones among many things.

    The last two, `cluttered_<slug>.jpg`, have 640 x 480 pixels: as a whole they resemble little in the gallery, the part
    with the animal does.
    """
    pictures = {f"query_{query[0]}.jpg": _draw_query(*query) for query in QUERIES}
    for query in CLUTTERED:
        whole = _draw_query(*query, size=640, n_things=34)
        pictures[f"cluttered_{query[0]}.jpg"] = whole.crop((0, 160, 640, 640))
    for name, picture in pictures.items():
        _write(picture, directory / name)
    return [directory / name for name in pictures]
