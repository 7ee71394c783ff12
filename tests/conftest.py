"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kyc_rtc.errors import ModelError
from kyc_rtc.vision.model_store import ModelStore

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def face_model() -> Path:
    """The fetched face landmarker; skips where it is not (offline, and never fetched)."""
    try:
        return ModelStore(None).path("face_landmarker")
    except ModelError as error:
        pytest.skip(f"the face landmarker is not here: {error.message}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real face videos, from KYC_RTC_DATA or beside the checkout; skips without it."""
    folder = Path(os.environ.get("KYC_RTC_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "manifest.tsv").is_file():
        pytest.skip("no face videos: set KYC_RTC_DATA to a folder with a manifest.tsv")
    return folder
