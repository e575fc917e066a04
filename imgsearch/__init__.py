"""imgsearch: find visually similar pictures with the features of a pretrained CNN.

Importing it loads neither TensorFlow nor Streamlit.
"""

from imgsearch.collection.build import BuildReport, build_collection
from imgsearch.collection.collection import Collection
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.errors import ImgSearchError
from imgsearch.files.home import list_collections
from imgsearch.pictures.decode import Picture, decode_image
from imgsearch.pictures.items import Item
from imgsearch.retrieval.search import SearchPage, SearchResult
from imgsearch.version import __version__ as __version__

__all__ = [
    "BuildReport",
    "Collection",
    "EmbedderSpec",
    "ImgSearchError",
    "Item",
    "Picture",
    "SearchPage",
    "SearchResult",
    "build_collection",
    "decode_image",
    "embedder_spec",
    "list_collections",
]
