"""The command that brings the sample gallery: sample."""

from __future__ import annotations

from imgsearch.cli.build import print_report
from imgsearch.cli.group import cli, json_option, progress_bar, quiet_option
from imgsearch.settings import get_settings
from imgsearch.supply.datasets import build_sample
from imgsearch.supply.sample import install_sample


@cli.command()
@json_option
@quiet_option
def sample(as_json: bool) -> None:
    """Make the sample gallery the collection `sample`: drawings that come with the program, no download.

    One of an earlier version, or with more spaces, is renewed: drawn, where the drawings are not there, and built.
    `update sample` brings the drawings too, for a build with a further embedder.

    \b
    Example:
      python -m imgsearch sample
    """
    home = get_settings().home
    report = install_sample(home)
    if report is None:
        with progress_bar() as progress:
            report = build_sample(home, progress=progress)
    print_report(report, as_json)
