"""`python -m imgsearch`."""

from imgsearch.cli import cli

cli(prog_name="python -m imgsearch")
