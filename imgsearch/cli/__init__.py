"""The command line, a file a command: parse, call, print. Data goes to stdout; progress, notes and errors to stderr."""

from imgsearch.cli import (
    build,
    distill,
    duplicates,
    evaluate,
    info,
    judgements,
    list,
    pack,
    pull,
    query,
    remove,
    rename,
    sample,
    tune,
    update,
    verify,
)
from imgsearch.cli.group import CONTEXT, cli, printable

__all__ = [
    "CONTEXT",
    "build",
    "cli",
    "distill",
    "duplicates",
    "evaluate",
    "info",
    "judgements",
    "list",
    "pack",
    "printable",
    "pull",
    "query",
    "remove",
    "rename",
    "sample",
    "tune",
    "update",
    "verify",
]
