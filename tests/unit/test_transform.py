"""PCA, against scikit-learn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from sklearn.decomposition import PCA

from imgsearch.distance import normalize
from imgsearch.vectors.transform import Transform, fit_pca


@pytest.fixture
def embeddings() -> np.ndarray:
    rng = np.random.default_rng(0)
    return normalize(rng.normal(size=(200, 10)) * np.linspace(3, 0.2, 10) + 0.5)


def test_points_are_those_of_scikit_learn_at_length_1(embeddings: np.ndarray) -> None:
    expected = normalize(PCA(4, svd_solver="full").fit(embeddings).transform(embeddings))
    transform = fit_pca(embeddings, 4)
    points = transform.apply(embeddings)
    signs = np.sign((points * expected).sum(axis=0))  # an axis has no direction of its own
    np.testing.assert_allclose(points, expected * signs, atol=1e-4)
    assert (transform.matrix[np.abs(transform.matrix).argmax(axis=0), np.arange(4)] > 0).all()  # but one is chosen


@pytest.mark.parametrize("n", [9, 39, 40, 41])
def test_fewer_pictures_than_dimensions_have_the_same_axes(n: int) -> None:
    rng = np.random.default_rng(n)
    few = normalize(rng.normal(size=(n, 40)) * np.linspace(3, 0.2, 40) + 0.5)
    dim = min(n - 1, 40)  # all that there are
    transform = fit_pca(few, dim)
    pca = PCA(dim, svd_solver="full").fit(few.astype(np.float64))
    expected = pca.components_.T * np.sign(pca.components_[np.arange(dim), np.abs(pca.components_).argmax(axis=1)])
    np.testing.assert_allclose(transform.matrix, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(fit_pca(few, dim).matrix, transform.matrix)


def test_axes_without_variance_stand_at_right_angles_to_the_others() -> None:
    """Eight pictures, six of them copies: two directions vary, and seven are asked for."""
    rng = np.random.default_rng(0)
    three = normalize(rng.normal(size=(3, 20)))
    matrix = fit_pca(three[[0, 1, 2, 0, 0, 1, 2, 2]], 7).matrix
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(7), atol=1e-6)
    np.testing.assert_allclose((three - three[0]) @ matrix[:, 2:], 0, atol=1e-6)


def test_one_picture_becomes_the_same_point_alone(embeddings: np.ndarray) -> None:
    transform = fit_pca(embeddings, 4)
    points = transform.apply(embeddings)
    np.testing.assert_array_equal(transform.apply(embeddings[7:8])[0], points[7])
    read = Transform.from_array(np.load(io.BytesIO(transform.to_bytes())))
    np.testing.assert_array_equal(read.apply(embeddings), points)


@pytest.mark.parametrize(("n", "dim_in", "dim_out"), [(61, 256, 50), (259, 1280, 128), (456, 256, 64)])
def test_equal_pictures_become_equal_points_wherever_they_stand(n: int, dim_in: int, dim_out: int) -> None:
    embeddings = normalize(np.abs(np.random.default_rng(0).normal(size=(n, dim_in))))
    embeddings[1::7] = embeddings[-1] = embeddings[0]
    points = fit_pca(embeddings, dim_out).apply(embeddings)
    np.testing.assert_array_equal(points[1::7], np.tile(points[0], (len(points[1::7]), 1)))
    np.testing.assert_array_equal(points[-1], points[0])


def test_the_file_gives_the_same_transform(embeddings: np.ndarray) -> None:
    transform = fit_pca(embeddings, 3)
    again = Transform.from_array(np.load(io.BytesIO(transform.to_bytes())))
    np.testing.assert_array_equal(again.mean, transform.mean)
    np.testing.assert_array_equal(again.matrix, transform.matrix)


def test_pictures_that_are_all_the_same_become_one_point() -> None:
    same = normalize(np.ones((5, 6)))
    points = fit_pca(same, 2).apply(same)
    assert np.isfinite(points).all()
    np.testing.assert_allclose(points, np.full((5, 2), np.sqrt(0.5)), atol=1e-6)


@pytest.mark.parametrize("dim", [0, 4, 11])
def test_more_components_than_there_are_is_a_mistake(embeddings: np.ndarray, dim: int) -> None:
    with pytest.raises(ValueError, match="dim must be between 1 and"):
        fit_pca(embeddings if dim == 11 else embeddings[:4], dim)
