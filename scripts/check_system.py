"""Whether this machine can run the set-up: a Python that the packages support, and what compiles annoy.

Run by the Makefile with whatever Python there is, so it is written for old ones too. Prints what to install and exits 1.
"""

import importlib.util
import os
import shutil
import sys
import sysconfig

if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(
        "imgsearch needs Python 3.11, 3.12, 3.13 or 3.14. This is %d.%d.\n"
        "Install one (Debian, Ubuntu: apt install python3.12 python3.12-venv python3.12-dev;\n"
        "macOS: brew install python@3.12) and name it: make run PYTHON=python3.12" % sys.version_info[:2]
    )
if sys.version_info[:2] == (3, 14):
    sys.stderr.write(
        "TensorFlow cannot be installed for Python 3.14. What needs none works: pages, searches, builds with the bundled\n"
        "backbone. For other backbones and all tests, name an older one: make run PYTHON=python3.13\n"
    )
if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
    sys.exit("Python's venv module is missing. Debian, Ubuntu: apt install python3-venv")
compiler = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
if sys.platform != "win32" and (compiler is None or shutil.which(compiler.split()[0]) is None):
    sys.exit(
        "A C++ compiler is missing; annoy comes as source code only.\n"
        "Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc-c++; macOS: xcode-select --install"
    )
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    sys.exit("Python's header files are missing; annoy is compiled against them. Debian, Ubuntu: apt install python3-dev")
