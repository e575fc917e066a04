"""The command line: parse, call, print. Data goes to stdout; progress, notes and errors to stderr."""

from imgsearch.cli import ask, collections, distill, duplicates, judgements, measure, publishing, tune
from imgsearch.cli.group import CONTEXT, cli, printable

__all__ = [
    "CONTEXT",
    "ask",
    "cli",
    "collections",
    "distill",
    "duplicates",
    "judgements",
    "measure",
    "printable",
    "publishing",
    "tune",
]
