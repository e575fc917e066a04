"""PCA of embeddings: fewer dimensions, which an index handles better."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from imgsearch.distance import normalize

_CHUNK = 4096


@dataclass(frozen=True)
class Transform:
    """Embedding -> point of a derived space: subtract the mean, multiply, normalise.

    Attributes:
        mean: float32 (dim_in,), of the embeddings that it was fitted to.
        matrix: float32 (dim_in, dim_out), principal axes as columns, largest variance first; in whitened spaces, which
            earlier versions made, each is divided by the standard deviation along it.
    """

    mean: np.ndarray
    matrix: np.ndarray

    def apply(self, embeddings: np.ndarray) -> np.ndarray:
        """float32 (n, dim_in), rows of length 1 -> float32 (n, dim_out), rows of length 1; equal rows to equal rows.

        Each row is multiplied on its own. In a product of two matrices the order of summation depends on where a row lies,
        so that copies of a picture came out 1e-8 apart, half of them on processors without AVX-512.
        """
        return normalize(np.matmul((embeddings - self.mean)[:, None], self.matrix)[:, 0])

    def to_bytes(self) -> bytes:
        """An .npy file: float32 (1 + dim_out, dim_in), the mean first."""
        stream = io.BytesIO()
        np.save(stream, np.vstack([self.mean[None], self.matrix.T]).astype("<f4"))
        return stream.getvalue()

    @classmethod
    def from_array(cls, rows: np.ndarray) -> Transform:
        """From the array that `to_bytes` writes."""
        return cls(mean=rows[0], matrix=np.ascontiguousarray(rows[1:].T))


def fit_pca(embeddings: np.ndarray, dim: int) -> Transform:
    """Principal component analysis of all embeddings, from the smaller of covariance and Gram matrix.

    Args:
        embeddings: float32 (n, dim_in), may be memory-mapped.
        dim: Components kept, at most min(n - 1, dim_in).

    Raises:
        ValueError: `dim` is out of range.
    """
    n, dim_in = embeddings.shape
    if not 1 <= dim <= min(n - 1, dim_in):
        raise ValueError(f"dim must be between 1 and {min(n - 1, dim_in)}. Received: {dim}.")
    mean = embeddings.mean(axis=0, dtype=np.float64)
    axes = (_few if n < dim_in else _many)(embeddings, mean, dim)
    # eigh leaves the signs open: the largest part of each axis is made positive, so that a rebuild gives the same.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim)])
    # In the memory's order of one read from a file, so that both give the same.
    return Transform(mean.astype(np.float32), np.ascontiguousarray(axes, dtype=np.float32))


def _many(embeddings: np.ndarray, mean: np.ndarray, dim: int) -> np.ndarray:
    """Axes (dim_in, dim), that of the largest variance first, from the covariance: a chunk of the rows at a time."""
    n, dim_in = embeddings.shape
    covariance = np.zeros((dim_in, dim_in))
    for start in range(0, n, _CHUNK):
        centred = embeddings[start : start + _CHUNK] - mean
        covariance += centred.T @ centred
    axes: np.ndarray = np.linalg.eigh(covariance / (n - 1)).eigenvectors[:, ::-1][:, :dim]
    return axes


def _few(embeddings: np.ndarray, mean: np.ndarray, dim: int) -> np.ndarray:
    """The same for fewer rows than dimensions, from their n x n products: seconds less for 100 pictures of 2,048."""
    centred = embeddings - mean
    weights = np.linalg.eigh(centred @ centred.T / (len(centred) - 1)).eigenvectors
    # Sums of rows with these weights are the axes, but for their length; where there is no variance QR makes some up.
    axes: np.ndarray = np.linalg.qr(centred.T @ weights[:, ::-1][:, :dim]).Q
    return axes
