"""Where an applicant may be sent back to: only where an allowed URL begins it, as browsers read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.settings.return_urls import begins_with_one, check_prefix

ORIGIN, FOLDER = "https://bank.example", "https://bank.example:8443/kyc"


@pytest.mark.parametrize(
    "url",
    [
        "https://bank.example",
        "https://bank.example/",
        "https://bank.example/back?case=7&x=%20#done",
        "https://bank.example?case=7",
        "https://BANK.example/back",
        "HTTPS://bank.example/back",
        "https://bank.example:443/back",
        "https://bank.example:8443/kyc",
        "https://bank.example:8443/kyc/back",
        "https://bank.example:8443/kyc?x",
        "https://bank.example/..hidden/file.",
        "https://bank.example/a%5Bb?x=a:b@c/d?e#f/g?h",
    ],
)
def test_allowed(url: str) -> None:
    assert begins_with_one(url, (ORIGIN, FOLDER))
    assert not begins_with_one(url, ())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "bank.example/back",
        "//bank.example/back",
        "http://bank.example/back",
        "javascript:alert(1)",
        "javascript://bank.example/%0aalert(1)",
        "https:bank.example",
        "https:/bank.example",
        "https:///bank.example",
        "https://bank.example.evil.example/",
        "https://bank.example@evil.example/",
        "https://bank.example:x@evil.example/",
        "https://evil.example/https://bank.example",
        "https://evil.example\\@bank.example/",
        "https://evil.example#@bank.example/",
        "https://bank.example:/back",
        "https://bank.example/a%zz",
        "https://bank.example/a%",
        "https://bank.example/a%4",
        "https://bank.example/a[b",
        "https://bank.example/a]b",
        "https://bank.example/?a[]=b",
        "https://bank.example/#a#b",
        "https://[::1]/back",
        "https://bank.example:0/",
        "https://bank.example:99999/",
        "https://bank.example:8443/",
        "https://bank.example:8443/kycx",
        "https://bank.example:8443/kyc/../admin",
        "https://bank.example:8443/kyc/%2e%2E/admin",
        "https://bank.example:8443/kyc/./back",
        "https://bank.example:8443/kyc/..",
        "https://bank.example:8443/kyc\\..\\admin",
        "https://bank.example/back\n",
        " https://bank.example/",
        "https://bank.example/b ack",
        'https://bank.example/"><script>',
        "https://bänk.example/",
        "https://[::1]/",
    ],
)
def test_refused(url: str) -> None:
    assert not begins_with_one(url, (ORIGIN, FOLDER))


@given(st.text())
def test_junk_never_raises_and_is_never_allowed_elsewhere(text: str) -> None:
    begins_with_one(text, (ORIGIN, FOLDER))
    assert not begins_with_one(f"https://evil.example/{text}", (ORIGIN, FOLDER))
    assert not begins_with_one(f"https://{text}.evil.example", (ORIGIN, FOLDER)) or (
        text.lower().startswith("bank.example") and text[12:13] in ("/", "?", "#", ":")
    )


@pytest.mark.parametrize("text", [ORIGIN, FOLDER, "https://bank.example/kyc/"])
def test_prefixes(text: str) -> None:
    assert check_prefix(text) == text
    assert begins_with_one(text, (text,))


@pytest.mark.parametrize(
    "text", ["http://bank.example", "bank.example", f"{ORIGIN}/?x", f"{ORIGIN}/#", f"{ORIGIN}/../x"]
)
def test_what_is_not_a_prefix(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic puts the setting's name before it
        check_prefix(text)
