"""What the core says to a builder, in other words for a visitor, who cannot install or build anything."""

REASONS = {
    "network_missing": "New pictures cannot be compared by {space} on this page yet. Pictures of the collection can be searched with.",
    "heic_missing": "HEIC pictures are not read on this page. Save it as JPEG.",
}
"""Code of a reason, see `imgsearch/reasons.py` -> what is said in its place, hint included."""

HINTS = {
    "UnknownWordError": "Search with a picture, or with another word.",
    "BackboneError": "You can still search with pictures of the collection.",
    "CollectionError": "Choose another collection, or come back later.",
}
"""Name of an error's class -> what a visitor can do about it, in place of the hint for its builder."""
