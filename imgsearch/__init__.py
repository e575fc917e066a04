"""imgsearch: find visually similar pictures with the features of a pretrained CNN.

Importing it loads neither TensorFlow nor Streamlit.
"""

from imgsearch.build import BuildReport, build_collection
from imgsearch.collection import Collection, list_collections
from imgsearch.embedding import EmbedderSpec, embedder_spec
from imgsearch.errors import ImgSearchError
from imgsearch.images import Picture, decode_image
from imgsearch.items import Item
from imgsearch.search import SearchPage, SearchResult

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
__version__ = "0.1.0"
