"""The sample gallery: same seed same picture; colour and scene independent of breed; drawing is resumed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from imgsearch.sample import gallery
from imgsearch.sample.animal.breeds import BREEDS, Breed, Coat, Head
from imgsearch.sample.animal.coats import RULES
from imgsearch.sample.animal.poses import POSES
from imgsearch.sample.animal.sculpture import Camera, Part, carve, catmull_rom, chain, vec
from imgsearch.sample.gallery import (
    BLOCK,
    DEFAULT_SEED,
    DRAWN,
    SIZE,
    Casting,
    cast,
    compose,
    draw_gallery,
    draw_picture,
    draw_queries,
    picture_seed,
)
from imgsearch.sample.palettes import PALETTES
from imgsearch.sample.scene.scenes import SCENES

SMALL = 48  # pixels: enough to run every stroke


def test_same_seed_gives_the_same_pixels_and_another_seed_another_picture() -> None:
    first = draw_picture(BREEDS[0], seed=5)
    assert first.mode == "RGB"
    assert first.size == (SIZE, SIZE)
    assert draw_picture(BREEDS[0], seed=5).tobytes() == first.tobytes()
    assert draw_picture(BREEDS[0], seed=6).tobytes() != first.tobytes()
    assert draw_picture(BREEDS[1], seed=5).tobytes() != first.tobytes()


@pytest.mark.parametrize("breed", BREEDS, ids=lambda breed: breed.slug)
def test_every_breed_draws_in_every_pose(breed: Breed) -> None:
    for place, pose in enumerate(POSES):
        casting = Casting(pose, PALETTES[place % len(PALETTES)], SCENES[place])
        picture = compose(breed, casting, Random(place), size=SMALL)
        assert np.asarray(picture).std() > 5


def test_every_scene_is_painted() -> None:
    for scene in SCENES:
        picture = compose(BREEDS[0], Casting("walk", PALETTES[0], scene), Random(1), size=SMALL)
        assert picture.size == (SMALL, SMALL)


def test_breeds_differ_in_their_traits() -> None:
    assert len(BREEDS) >= 16
    assert len({breed.slug for breed in BREEDS}) == len(BREEDS)
    assert len({repr(replace(breed, slug="")) for breed in BREEDS}) == len(BREEDS)
    assert {breed.species for breed in BREEDS} == {"cat", "dog"}
    assert {breed.coat.pattern for breed in BREEDS} <= set(RULES)
    assert BREEDS[2].name == BREEDS[2].slug.replace("_", " ")


def test_a_new_breed_is_one_row() -> None:
    tabby_pug = Breed("Tabby_Pug", "dog", Coat("tabby"), Head(muzzle=0.2))
    assert draw_picture(tabby_pug, seed=1).size == (SIZE, SIZE)


def test_pose_palette_and_scene_are_equally_frequent_for_every_breed() -> None:
    for breed in BREEDS:
        castings = [cast(picture_seed(breed, number)) for number in range(BLOCK)]
        for options, chosen in (
            (POSES, [c.pose for c in castings]),
            ([p.name for p in PALETTES], [c.palette.name for c in castings]),
            ([s.name for s in SCENES], [c.scene.name for c in castings]),
        ):
            assert Counter(chosen) == {option: BLOCK // len(options) for option in options}


def test_breeds_do_not_share_seeds() -> None:
    seeds = [picture_seed(breed, number) for breed in BREEDS for number in range(999)]
    assert len(set(seeds)) == len(seeds)
    assert set(seeds).isdisjoint(picture_seed(BREEDS[0], n, seed=DEFAULT_SEED + 1) for n in range(999))


def _gallery(directory: Path) -> int:
    return draw_gallery(directory, per_breed=1, n_jobs=1)


def test_the_gallery_is_one_folder_a_breed_and_redraws_only_what_is_missing_or_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "BREEDS", BREEDS[:3])
    steps: list[tuple[int, int]] = []
    assert draw_gallery(tmp_path, per_breed=2, n_jobs=1, progress=lambda *step: steps.append(step)) == 6
    assert steps == [(n, 6) for n in range(1, 7)]
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert paths == sorted(f"{b.slug}/{b.slug}_{n:02d}.jpg" for b in BREEDS[:3] for n in (1, 2))

    files = [tmp_path / path for path in paths]
    whole = {path: path.read_bytes() for path in files}
    files[0].unlink()
    files[1].write_bytes(whole[files[1]][:2000])
    times = {path: path.stat().st_mtime_ns for path in files[2:]}
    steps.clear()
    assert draw_gallery(tmp_path, per_breed=2, n_jobs=1, progress=lambda *step: steps.append(step)) == 6
    assert steps == [(4, 6), (5, 6), (6, 6)]
    assert {path: path.read_bytes() for path in files} == whole
    assert {path: path.stat().st_mtime_ns for path in files[2:]} == times


def test_a_kill_leaves_no_half_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "BREEDS", BREEDS[:1])

    def killed(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gallery.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        _gallery(tmp_path)
    assert list(tmp_path.rglob("*.jpg")) == []
    monkeypatch.undo()
    monkeypatch.setattr(gallery, "BREEDS", BREEDS[:1])
    assert _gallery(tmp_path) == 1
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{BREEDS[0].slug}_01.jpg"]


@pytest.mark.slow
def test_two_processes_draw_what_one_draws(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert _gallery(alone) == draw_gallery(together, per_breed=1, n_jobs=2) == len(BREEDS)
    for path in alone.rglob("*.jpg"):
        other = together / path.relative_to(alone)
        assert (other.read_bytes(), other.stat().st_mtime) == (path.read_bytes(), DRAWN)


def test_queries_are_readable_and_not_in_the_gallery(tmp_path: Path) -> None:
    paths = draw_queries(tmp_path)
    sizes = {}
    for path in paths:
        with Image.open(path) as picture:
            sizes[path.name] = picture.size
    cluttered = [name for name in sizes if name.startswith("cluttered_")]
    assert 4 <= len(paths) <= 6
    assert [sizes[name] for name in cluttered] == [(640, 480)] * 2
    assert {size for name, size in sizes.items() if name not in cluttered} == {(SIZE, SIZE)}
    drawn = {path.read_bytes() for path in paths}
    assert len(drawn) == len(paths)
    for slug, *asked in gallery.QUERIES:
        breed = next(breed for breed in BREEDS if breed.slug == slug)
        for number in range(BLOCK):
            casting = cast(picture_seed(breed, number))
            if [casting.pose, casting.palette.name, casting.scene.name] == asked:
                path = tmp_path / "twin.jpg"
                draw_picture(breed, seed=picture_seed(breed, number)).save(path, quality=gallery.JPEG_QUALITY)
                assert path.read_bytes() not in drawn


def test_drawing_loads_nothing_heavy() -> None:
    heavy = "('tensorflow', 'keras', 'streamlit', 'pandas', 'sklearn')"
    code = f"import sys, imgsearch.sample.gallery; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_spline_goes_through_its_points() -> None:
    points = [np.array([0.0, 0.0]), np.array([1.0, 2.0]), np.array([3.0, 1.0])]
    np.testing.assert_allclose(catmull_rom(points, 5)[[0, 2, 4]], points)


def test_a_ball_is_carved_where_the_camera_sees_it() -> None:
    balls = chain(Part.TAIL, [vec(-1, 0), vec(1, 0)], (0.5, 0.5), up=vec(0, 1))
    relief = carve(balls, Camera(0.0, scale=10, origin=(20, 20)), 40)
    assert relief.part[20, 20] == Part.TAIL
    assert relief.part[2, 2] == 0
    assert relief.depth[20, 20] == pytest.approx(5, abs=1.5)
    np.testing.assert_allclose(relief.normal[:, 20, 20], (0, 0, 1), atol=0.15)
    assert (relief.part > 0).sum() == pytest.approx(20 * 10 + np.pi * 25, rel=0.12)
