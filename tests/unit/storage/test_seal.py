"""What is sealed opens in its place only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import KycError, SettingsError
from kyc_rtc.storage import Sealer

SEALER = Sealer("secret")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(TEXTS, TEXTS)
def test_what_is_sealed_comes_back(text: str, context: str) -> None:
    blob = SEALER.seal(text, context)
    assert SEALER.unseal(blob, context) == text
    assert Sealer("secret").unseal(blob, context) == text
    assert len(blob) == len(text.encode()) + 29  # version, nonce and tag
    if len(text) > 8:
        assert text.encode() not in blob


def test_the_same_text_is_never_sealed_alike() -> None:
    assert len({SEALER.seal("Ada", "user:1") for _ in range(50)}) == 50


def test_bytes_come_back() -> None:
    data = bytes(range(256))
    assert SEALER.unseal_bytes(SEALER.seal_bytes(data, "face:1"), "face:1") == data


@pytest.mark.parametrize(
    ("secret", "context"), [("another", "user:1"), ("secret", "user:2"), ("secret", "")]
)
def test_it_opens_under_its_secret_and_context_only(secret: str, context: str) -> None:
    with pytest.raises(KycError, match="does not open"):
        Sealer(secret).unseal(SEALER.seal("Ada", "user:1"), context)


@pytest.mark.parametrize("cut", [0, 1, 5, 12, 13, 20, 31])
def test_what_is_cut_does_not_open(cut: int) -> None:
    with pytest.raises(KycError):
        SEALER.unseal(SEALER.seal("Ada", "user:1")[:cut], "user:1")


@pytest.mark.parametrize("place", range(32))
def test_what_is_changed_does_not_open(place: int) -> None:
    blob = bytearray(SEALER.seal("Ada", "user:1"))
    blob[place] ^= 1
    with pytest.raises(KycError):
        SEALER.unseal(bytes(blob), "user:1")


def test_digests_tell_equal_from_other() -> None:
    assert SEALER.digest("Ada") == Sealer("secret").digest("Ada")
    assert len({SEALER.digest("Ada"), SEALER.digest("ada"), Sealer("another").digest("Ada")}) == 3
    assert len(SEALER.digest("")) == 64


def test_a_secret_is_not_empty() -> None:
    with pytest.raises(SettingsError):
        Sealer("")
