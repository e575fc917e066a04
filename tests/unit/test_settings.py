"""Settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsearch.errors import ImgSearchError
from imgsearch.settings import Settings, get_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_mapping({}) == Settings(Path("collections"), max_upload_mb=10, worker_timeout_s=60, worker_queue=8)
    assert Settings.from_mapping({}) == Settings()


def test_an_empty_value_counts_as_none() -> None:
    assert Settings.from_mapping({"IMGSEARCH_HOME": "", "IMGSEARCH_MAX_UPLOAD_MB": ""}) == Settings()


def test_values_are_taken_from_their_variables() -> None:
    settings = Settings.from_mapping(
        {
            "IMGSEARCH_HOME": "/srv/galleries",
            "IMGSEARCH_MAX_UPLOAD_MB": "3",
            "IMGSEARCH_WORKER_TIMEOUT_S": "7",
            "IMGSEARCH_WORKER_QUEUE": "1",
        }
    )
    assert settings == Settings(Path("/srv/galleries"), max_upload_mb=3, worker_timeout_s=7, worker_queue=1)


@pytest.mark.parametrize("name", ["IMGSEARCH_MAX_UPLOAD_MB", "IMGSEARCH_WORKER_TIMEOUT_S", "IMGSEARCH_WORKER_QUEUE"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", " 5", "5 ", "1e3", "٣", "²", "inf", "9" * 5000])
def test_a_bad_number_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ImgSearchError, match=f"{name} must be a whole number") as caught:
        Settings.from_mapping({name: text})
    assert len(caught.value.message) < 200


def test_the_settings_of_the_process_are_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = get_settings()
    assert first.home == home
    monkeypatch.setenv("IMGSEARCH_HOME", "elsewhere")
    assert get_settings() is first
