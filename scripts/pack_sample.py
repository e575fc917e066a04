"""Draws, builds and packs the sample gallery anew: python -m scripts.pack_sample

Writes imgsearch/sample/sample.imgsearch.tar and its digest. On one machine it gives the same bytes each time; on another a
pixel may differ.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from imgsearch.files.home import sample_queries_folder
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.supply.datasets import build_sample
from imgsearch.supply.publish import pack
from imgsearch.supply.sample import DIGEST_FILE, PACKED_SAMPLE

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        build_sample(home)
        packed = pack(SAMPLE_COLLECTION, home, PACKED_SAMPLE, beside=list(sample_queries_folder(home).iterdir()))
    DIGEST_FILE.write_text(f"{packed.sha256}  {PACKED_SAMPLE.name}\n", encoding="ascii")
    print(f"{PACKED_SAMPLE.name}: {packed.size:,} bytes, {packed.sha256}")
