"""Where collections on servers live, and how any collection is opened by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from imgsearch.collection.collection import Collection
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.errors import CollectionError
from imgsearch.files.home import check_collection_name
from imgsearch.settings import get_settings
from imgsearch.vectors.engines.milvus import MilvusTable
from imgsearch.vectors.engines.table import Table

_SCHEME = "milvus"
_SERVER = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[^/@?#:\[\]\s]+)(:(?P<port>[0-9]{1,5}))?")
_ADDRESS = re.compile(rf"{_SCHEME}(?P<tls>\+https)?://(?P<host>[^/@?#\s]+)/(?P<name>[^/@?#\s]+)/?")
_TOKEN_HINT = "The token is given in IMGSEARCH_MILVUS_TOKEN."


@dataclass(frozen=True)
class ServerAddress:
    """Where a collection lives: the address of a Milvus server, and its name there."""

    uri: str
    name: str

    @classmethod
    def at(cls, uri: str, name: str) -> Self:
        """That of a collection on the server of a URI.

        Raises:
            CollectionError: one of both will not do.
        """
        uri = uri.rstrip("/")
        server = _SERVER.fullmatch(uri)
        if not server or not 0 < int(server["port"] or 1) < 2**16:
            raise CollectionError(
                "The address of a server must be http://HOST:PORT or https://HOST:PORT, and hold nothing else.",
                hint=_TOKEN_HINT,
            )
        check_collection_name(name)
        return cls(uri, name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """That of `milvus://HOST:PORT/NAME`, or of `milvus+https://HOST:PORT/NAME`.

        Raises:
            CollectionError: it is something else.
        """
        address = _ADDRESS.fullmatch(text)
        if not address:  # which is not shown, since it may hold a token
            raise CollectionError(
                f"The address of a collection on a server must be {_SCHEME}://HOST:PORT/NAME or "
                f"{_SCHEME}+https://HOST:PORT/NAME, and hold nothing else.",
                hint=_TOKEN_HINT,
            )
        return cls.at(f"{'https' if address['tls'] else 'http'}://{address['host']}", address["name"])

    def __str__(self) -> str:
        scheme, _, host = self.uri.partition("://")
        return f"{_SCHEME}{'+https' if scheme == 'https' else ''}://{host}/{self.name}"

    @property
    def table(self) -> Table:
        """What answers there."""
        return _table(self.name, self.uri, get_settings().milvus_token)


@lru_cache
def _table(name: str, uri: str, token: str) -> Table:
    return MilvusTable(name, uri, token)


def is_server_address(text: str) -> bool:
    """Whether an address of IMGSEARCH_COLLECTIONS is that of a collection on a server, and not of a package."""
    return text.startswith((f"{_SCHEME}:", f"{_SCHEME}+"))


def served_addresses() -> dict[str, ServerAddress]:
    """The collections on servers that IMGSEARCH_COLLECTIONS names, by name.

    Raises:
        CollectionError: an address will not do, or two are of collections of one name.
    """
    addresses: dict[str, ServerAddress] = {}
    for address in map(ServerAddress.parse, filter(is_server_address, get_settings().collections)):
        if addresses.setdefault(address.name, address) != address:
            raise CollectionError(
                f"IMGSEARCH_COLLECTIONS must have one address for a name. Received: two for {address.name!r}."
            )
    return addresses


def open_collection(name: str) -> OpenedCollection:
    """The collection of that name: on a server, where IMGSEARCH_COLLECTIONS says so, else of the home's files.

    Raises:
        CollectionError: there is none, or it cannot be used.
    """
    address = served_addresses().get(name)
    return ServedCollection.open(address.table, get_settings().home) if address else Collection.open(name)
