"""imgsearch: find visually similar pictures with the features of a pretrained CNN.

Importing it loads neither TensorFlow nor Streamlit.

    >>> from imgsearch import Collection
    >>> discs = Collection.open("discs")
    >>> page = discs.search("red/1.png", k=3)
    >>> for result in page.results:
    ...     print(result.rank, result.item.item_id, round(result.distance, 3))
    1 red/0.png 0.109
    2 red/2.png 0.115
    3 red/3.png 0.23
"""

import pkgutil
from typing import TYPE_CHECKING

from imgsearch import errors
from imgsearch.collection.build import BuildReport, build_collection
from imgsearch.collection.collection import Collection
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.errors import *  # noqa: F403
from imgsearch.files.home import list_collections
from imgsearch.pictures.decode import Picture, decode_image
from imgsearch.pictures.items import Item
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.retrieval.results import SearchPage, SearchResult
from imgsearch.vectors.engines.face import Effort
from imgsearch.version import __version__ as __version__

if TYPE_CHECKING:
    from imgsearch.measure.evaluation import evaluate_collection, evaluate_folder
    from imgsearch.supply.publish import pack, pull
    from imgsearch.supply.sources import update_collection
else:
    # Imported when they are asked for: every process of ours imports this package, the worker and the children that open
    # what strangers hand in among them, and needs none of these.
    _WHEN_ASKED = {
        "evaluate_collection": "imgsearch.measure.evaluation",
        "evaluate_folder": "imgsearch.measure.evaluation",
        "pack": "imgsearch.supply.publish",
        "pull": "imgsearch.supply.publish",
        "update_collection": "imgsearch.supply.sources",
    }

    def __getattr__(name: str) -> object:
        if name not in _WHEN_ASKED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return pkgutil.resolve_name(f"{_WHEN_ASKED[name]}:{name}")


__all__ = [
    "Ask",
    "BuildReport",
    "Collection",
    "Effort",
    "EmbedderSpec",
    "Evaluation",
    "Item",
    "Picture",
    "Region",
    "SearchPage",
    "SearchResult",
    "build_collection",
    "decode_image",
    "embedder_spec",
    "evaluate_collection",
    "evaluate_folder",
    "list_collections",
    "pack",
    "pull",
    "update_collection",
    *errors.__all__,
]
