"""Peak memory of a build, by what runs the network.

    python -m benchmarks.build_memory [--backbone inception_v3] [--images DIR]

Each build is a process of its own: with LiteRT and an exported network, with TensorFlow, and, for the first one with a
backbone, with the process that exports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.common import Row, arguments, gather, machine, report, subject
from imgsearch.embedding.networks import export_network
from imgsearch.files.home import networks_folder

BUILD = """
import json, os, resource, sys
from pathlib import Path
from benchmarks.common import resident_mib
from imgsearch.collection.build import build_collection
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.spec import EmbedderSpec
name, home, images, spec, how = sys.argv[1:]
embedders = None if how == "export" else LocalEmbedders(Path(home), by_tensorflow=how == "tensorflow")
build_collection(name, Path(images), home=Path(home), specs=[EmbedderSpec.from_json(json.loads(spec))], embedders=embedders)
# A process' own ru_maxrss counts what its parent had before it.
print(round(resident_mib(os.getpid(), "VmHWM")), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def main() -> None:
    options = arguments(__doc__, pictures=128, repeats=1).parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home, images = Path(temporary) / "home", Path(temporary) / "pictures"
        gather(options.images, options.pictures, images)
        plain = subject(options.backbone, options.weights, home).spec
        exported = replace(plain, network=export_network(plain, home, []))
        rows: list[Row] = []
        for title, spec, how in (
            ("LiteRT, network exported before", exported, "litert"),
            ("TensorFlow", plain, "tensorflow"),
            ("LiteRT, exports the network first", plain, "export"),
        ):
            if how == "export":
                for file in networks_folder(home).iterdir():
                    file.unlink()
            command = [sys.executable, "-c", BUILD, how, str(home), str(images), json.dumps(spec.to_json()), how]
            environment = {**os.environ, "PYTHONPATH": os.getcwd()}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            own, child = done.stdout.split()[-2:]
            rows.append({"build": title, "peak_mib": int(own), "exporter_mib": int(child) if how == "export" else None})
    report(options.save, {"backbone": options.backbone, "pictures": options.pictures, "builds": rows})


if __name__ == "__main__":
    main()
