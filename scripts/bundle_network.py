"""Exports the bundled backbone anew: python -m scripts.bundle_network

Writes imgsearch/embedding/bundled/mini.tflite and networks.json. An export may give other bytes each time, and collections
name them: only for new weights. The packed sample does too: python -m scripts.pack_sample
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from imgsearch import embedder_spec
from imgsearch.embedding.backbones import BUNDLED_BACKBONE
from imgsearch.embedding.networks import export_network
from imgsearch.embedding.weights import BUNDLED
from imgsearch.files.home import network_path, sample_pictures_folder
from imgsearch.sample.gallery import draw_gallery

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        draw_gallery(sample_pictures_folder(home))
        spec = embedder_spec(BUNDLED_BACKBONE)
        file = export_network(spec, home, sorted(sample_pictures_folder(home).rglob("*.jpg"))[::8])
        shutil.copyfile(network_path(home, file.sha256), BUNDLED / f"{BUNDLED_BACKBONE}.tflite")
    facts = [{"weights": spec.weights, "network": asdict(file)}]
    (BUNDLED / "networks.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(file)
