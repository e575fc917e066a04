"""Galleries that the program can bring about by itself: today the sample, which it draws."""

from __future__ import annotations

from pathlib import Path

from imgsearch.backbones import BUNDLED_BACKBONE
from imgsearch.build import BuildReport, Progress, build_collection, disk_errors
from imgsearch.embedding import embedder_spec
from imgsearch.sample.gallery import draw_gallery, draw_queries
from imgsearch.settings import SAMPLE_COLLECTION

SAMPLE_TITLE = "Sample gallery: cats and dogs drawn by code"


def build_sample(home: Path, *, progress: Progress | None = None) -> BuildReport:
    """Draws the sample gallery and its example queries into the home, and builds the collection `sample` from it.

    The pictures stay in `<home>/sample-pictures`, so that a further embedder can be added; what is there already is not
    drawn again. Embedded with the bundled backbone and, for comparison, the colour histogram.

    Args:
        home: The folder of collections.
        progress: Told how far the drawing and then the build are.

    Raises:
        ImgSearchError: see `build_collection`.
    """
    pictures = home / "sample-pictures"
    with disk_errors():
        pictures.mkdir(parents=True, exist_ok=True)
        draw_gallery(pictures, progress=(lambda done, total: progress(done, total, "drawing")) if progress else None)
        draw_queries(example_queries_folder(home))
    return build_collection(
        SAMPLE_COLLECTION,
        pictures,
        home=home,
        embedders=[embedder_spec(BUNDLED_BACKBONE), embedder_spec("color_histogram")],
        title=SAMPLE_TITLE,
        progress=progress,
    )


def example_queries_folder(home: Path) -> Path:
    """Where the sample's example queries lie: pictures to try that are not in the gallery."""
    return home / "sample-queries"
