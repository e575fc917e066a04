"""What the tests with real Keras models have in common."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights for mobilenet_v2."""
    from tests.weights.keras_files import random_model

    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    random_model("mobilenet_v2").save_weights(path)
    return path
