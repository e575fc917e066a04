"""What can go wrong that a user, a file or the network can cause.

    ImgSearchError
      ImageError      ImageDecodeError, ImageTooLargeError
      BackboneError   UnknownBackboneError, BackboneUnavailableError, WeightsError
      CollectionError CollectionNotFoundError, CollectionCorruptError, IncompatibleCollectionError, OutdatedCollectionError,
                      ServerError
      BuildError      BuildBusyError
      DownloadError
      JudgementError
      QueryError      InvalidQueryError, ItemNotFoundError, UnknownWordError
      WorkerError     WorkerBusyError, WorkerLimitError, WorkerTimeoutError

A message is one plain sentence that says what was expected and what was received; it is safe to show to a visitor (no
server path, no class name). `hint` says what to do next. A caller's own mistake stays a TypeError or ValueError.
"""

from __future__ import annotations

__all__ = [
    "BackboneError",
    "BackboneUnavailableError",
    "BuildBusyError",
    "BuildError",
    "CollectionCorruptError",
    "CollectionError",
    "CollectionNotFoundError",
    "DownloadError",
    "ImageDecodeError",
    "ImageError",
    "ImageTooLargeError",
    "ImgSearchError",
    "IncompatibleCollectionError",
    "InvalidQueryError",
    "ItemNotFoundError",
    "JudgementError",
    "OutdatedCollectionError",
    "QueryError",
    "ServerError",
    "UnknownBackboneError",
    "UnknownWordError",
    "WeightsError",
    "WorkerBusyError",
    "WorkerError",
    "WorkerLimitError",
    "WorkerTimeoutError",
]


class ImgSearchError(Exception):
    """Base of every error that imgsearch raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ImageError(ImgSearchError):
    """A picture cannot be used."""


class ImageDecodeError(ImageError):
    """The bytes are not a picture, or not a whole one, or in a format that is not read."""


class ImageTooLargeError(ImageError):
    """The picture costs more bytes, pixels or scans than the limits allow."""


class BackboneError(ImgSearchError):
    """An embedder cannot be made or used."""


class UnknownBackboneError(BackboneError, LookupError):
    """No embedder has this name."""


class BackboneUnavailableError(BackboneError):
    """The embedder exists, but its weights (or TensorFlow) are not here and cannot be reached."""


class WeightsError(BackboneError):
    """A weights file does not fit the backbone, or is damaged."""


class CollectionError(ImgSearchError):
    """A collection cannot be opened or written."""


class CollectionNotFoundError(CollectionError, FileNotFoundError):
    """No collection has this name."""


class CollectionCorruptError(CollectionError):
    """A file of the collection is missing, cut short or changed."""


class IncompatibleCollectionError(CollectionError):
    """The collection is sound, but this version cannot serve it."""


class OutdatedCollectionError(CollectionError):
    """The collection is of an older version: building it again renews it."""


class ServerError(CollectionError):
    """The server that a collection lives on does not answer as it should; trying again later helps."""


class BuildError(ImgSearchError):
    """A collection cannot be built from what was given."""


class BuildBusyError(BuildError):
    """Others are building; trying again helps."""


class DownloadError(ImgSearchError):
    """A file cannot be fetched, or is not the one that was asked for."""


class JudgementError(ImgSearchError):
    """What people said of results cannot be kept or read."""


class QueryError(ImgSearchError):
    """A question cannot be answered."""


class InvalidQueryError(QueryError, ValueError):
    """A part of the question is out of range."""


class ItemNotFoundError(QueryError, LookupError):
    """The collection has no such item, row, label or space."""


class UnknownWordError(QueryError, LookupError):
    """Neither a label of the collection nor a word that its network learned."""


class WorkerError(ImgSearchError):
    """The embedding worker could not answer."""


class WorkerBusyError(WorkerError):
    """Others are being served; trying again helps."""


class WorkerLimitError(WorkerError):
    """One visitor asked for too much in a short time; trying again later helps."""


class WorkerTimeoutError(WorkerError):
    """The worker took longer than a request may."""


def error_of(name: str, message: str, hint: str | None) -> ImgSearchError:
    """The error of a class of that name, as it came from another process; a WorkerError where there is no such class."""
    kind = globals().get(name)
    if not (isinstance(kind, type) and issubclass(kind, ImgSearchError)):
        kind = WorkerError
    return kind(message, hint=hint)
