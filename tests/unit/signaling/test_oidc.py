"""Access tokens of an OIDC provider: which count, which do not, and how often the provider is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kyc_rtc.errors import Forbidden, KycError, ProviderUnavailable, Unauthorised
from kyc_rtc.scopes import Role
from signaling.oidc import Oidc, is_for, is_valid_at
from signaling.provider import ASK_AGAIN_MS, FRESH_MS, STALE_MS, TRY_AGAIN_MS
from signaling.signatures import MAX_TOKEN_CHARS, keys_of, read_token
from tests.support.clock import ManualClock, settle
from tests.support.fake_provider import (
    AUDIENCE,
    CLIENT,
    ISSUER,
    OIDC,
    FakeProvider,
    new_keys,
    signed_with_the_public_key,
    unsigned,
)

KEYS = new_keys()
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
SKEW_S = OIDC.skew_s
Make = Callable[[FakeProvider, int], str]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def provider(clock: ManualClock) -> FakeProvider:
    return FakeProvider(clock)


@pytest.fixture
def oidc(provider: FakeProvider, clock: ManualClock) -> Oidc:
    return Oidc(OIDC, provider, clock)


GOOD: dict[str, Make] = {
    "RS256": lambda p, _: p.token(),
    "PS256": lambda p, _: p.token(alg="PS256"),
    "ES256": lambda p, _: p.token(key=p.add_key(KEYS["ES256"]), alg="ES256"),
    "EdDSA": lambda p, _: p.token(key=p.add_key(KEYS["EdDSA"]), alg="EdDSA"),
    "Ed25519": lambda p, _: p.token(key=p.add_key(KEYS["EdDSA"]), alg="Ed25519"),
    "without kid, of one key": lambda p, _: p.token(header={"kid": None}),
    "typ JWT": lambda p, _: p.token(header={"typ": "JWT"}),
    "typ in full": lambda p, _: p.token(header={"typ": "application/AT+JWT"}),
    "no typ": lambda p, _: p.token(header={"typ": None}),
    "unknown header": lambda p, _: p.token(header={"x": 1}),
    "several audiences": lambda p, _: p.token(aud=["x", AUDIENCE]),
    "ended within the skew": lambda p, now: p.token(exp=now - SKEW_S + 1),
    "begins within the skew": lambda p, now: p.token(nbf=now + SKEW_S, iat=now + SKEW_S),
    "without nbf and iat": lambda p, _: p.token(nbf=None, iat=None),
}

BAD: dict[str, Make] = {
    "empty": lambda _p, _: "",
    "junk": lambda _p, _: "a.b.c",
    "junk of five parts": lambda _p, _: "a.b.c.d.e",
    "not ASCII": lambda _p, _: "ä.ö.ü",
    "huge": lambda p, _: p.token(pad="x" * MAX_TOKEN_CHARS),
    "cut": lambda p, _: p.token()[:-3],
    "another claim under the signature": lambda p, _: _spliced(p),
    "alg none": lambda p, _: unsigned(p.claims()),
    "HS256 with the public key": lambda p, _: signed_with_the_public_key(p.claims()),
    "HS256 with a published secret": lambda p, _: p.token(key=KEYS["HS256"], alg="HS256"),
    "RS512": lambda p, _: p.token(alg="RS512"),
    "a key that is not published": lambda p, _: p.token(key=_rsa("other")),
    "another key of the same kid": lambda p, _: p.token(key=_rsa("rsa")),
    "a key of another type": lambda p, _: p.token(
        key=KEYS["ES256"], alg="ES256", header={"kid": "rsa"}
    ),
    "a key of another curve": lambda p, _: p.token(key=p.add_key(_p384()), alg="ES384"),
    "a key for another algorithm": lambda p, _: p.token(key=p.add_key(_rsa("ps", alg="PS256"))),
    "a key for encryption": lambda p, _: p.token(key=p.add_key(_rsa("enc", use="enc"))),
    "a key that verifies nothing": lambda p, _: p.token(
        key=p.add_key(_rsa("ops", key_ops=["sign"]))
    ),
    "without kid, of two keys": lambda p, _: p.token(
        key=p.add_key(_rsa("two")), header={"kid": None}
    ),
    "kid is not a string": lambda p, _: _with_header(p, kid=5),
    "a critical header": lambda p, _: p.token(header={"crit": ["x"], "x": 1}),
    "an ID token": lambda p, _: p.token(aud=CLIENT),
    "typ of another kind": lambda p, _: p.token(header={"typ": "logout+jwt"}),
    "typ is not a string": lambda p, _: _with_header(p, typ=5),
    "wrong audience": lambda p, _: p.token(aud="https://other.example"),
    "wrong audiences": lambda p, _: p.token(aud=["x", {"y": AUDIENCE}]),
    "no audience": lambda p, _: p.token(aud=None),
    "another issuer": lambda p, _: p.token(iss="https://login.example/realms/other"),
    "no issuer": lambda p, _: p.token(iss=None),
    "expired": lambda p, now: p.token(exp=now - SKEW_S),
    "endless": lambda p, _: p.token(exp=None),
    "ends at a text": lambda p, now: p.token(exp=str(now + 300)),
    "ends at true": lambda p, _: p.token(exp=True),
    "ends at NaN": lambda p, _: p.token(exp=float("nan")),
    "not yet valid": lambda p, now: p.token(nbf=now + SKEW_S + 1),
    "of the future": lambda p, now: p.token(iat=now + SKEW_S + 1),
    "begins at a text": lambda p, _: p.token(nbf="0"),
    "was made at a text": lambda p, _: p.token(iat="0"),
    "nobody": lambda p, _: p.token(sub=None),
}


def _rsa(kid: str, **more: Any) -> RSAKey:
    parameters: Any = {"kid": kid, **more}
    return RSAKey.generate_key(2_048, parameters=parameters)


def _p384() -> ECKey:
    return ECKey.generate_key("P-384", parameters={"kid": "p384"})


def _spliced(provider: FakeProvider) -> str:
    head, _, signature = provider.token().split(".")
    return f"{head}.{provider.token(roles=['auditor']).split('.')[1]}.{signature}"


def _with_header(provider: FakeProvider, **odd: Any) -> str:
    """A header that joserfc would not write."""
    claims = provider.token().split(".")[1]
    head = unsigned({"alg": "RS256", "kid": "rsa"} | odd).split(".")[1]
    return f"{head}.{claims}.c2ln"


@pytest.mark.parametrize("name", GOOD)
async def test_what_the_provider_signed_counts(
    name: str, oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    person = await oidc.bearer(GOOD[name](provider, clock.now_ms() // 1_000))
    assert (person.subject, person.name, person.roles) == ("subject-1", "ada", (Role.ADMIN,))


@pytest.mark.parametrize("name", BAD)
async def test_everything_else_is_refused(
    name: str, oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    with pytest.raises(Unauthorised):
        await oidc.bearer(BAD[name](provider, clock.now_ms() // 1_000))


async def test_without_an_audience_no_bearer_counts(
    provider: FakeProvider, clock: ManualClock
) -> None:
    oidc = Oidc(OIDC.model_copy(update={"audience": ""}), provider, clock)
    with pytest.raises(Unauthorised):
        await oidc.bearer(provider.token(aud=""))


async def test_somebody_without_a_role_is_forbidden(oidc: Oidc, provider: FakeProvider) -> None:
    with pytest.raises(Forbidden, match="no role"):
        await oidc.bearer(provider.token(roles=["guest"]))


# How often the provider is asked.


async def test_keys_are_asked_for_once(oidc: Oidc, provider: FakeProvider) -> None:
    for _ in range(3):
        await oidc.bearer(provider.token())
    assert provider.asked == {DISCOVERY: 1, f"{ISSUER}/jwks": 1}


async def test_what_can_be_refused_without_asking_is(oidc: Oidc, provider: FakeProvider) -> None:
    provider.away = True
    for token in (
        "junk",
        unsigned(provider.claims()),
        provider.token(aud="x"),
        provider.token(exp=1),
        provider.token(iss="https://other.example"),
    ):
        with pytest.raises(Unauthorised):
            await oidc.bearer(token)
    assert provider.asked == {}


async def test_a_rotated_key_is_found_and_the_old_one_is_not(
    oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    old = provider.token()
    await oidc.bearer(old)
    provider.keys = {}
    new = provider.token(key=provider.add_key(_rsa("new")))
    with pytest.raises(Unauthorised):  # asked just before
        await oidc.bearer(new)
    clock.tick(ASK_AGAIN_MS)
    await oidc.bearer(new)
    with pytest.raises(Unauthorised):
        await oidc.bearer(old)


async def test_unknown_keys_do_not_make_the_server_ask_and_ask(
    oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    forged = provider.token(key=_rsa("forged"))
    for _ in range(10):
        with pytest.raises(Unauthorised):
            await oidc.bearer(forged)
        clock.tick(ASK_AGAIN_MS / 5)
    assert provider.asked[DISCOVERY] == 2


async def test_a_withdrawn_key_is_noticed_after_a_while(
    oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    token = provider.token(exp=clock.now_ms() // 1_000 + 10**6)
    await oidc.bearer(token)
    provider.keys = {"ec": KEYS["ES256"]}
    clock.tick(FRESH_MS)
    with pytest.raises(Unauthorised):
        await oidc.bearer(token)


async def test_nobody_who_is_known_waits_for_a_provider_that_hangs(
    oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    token = provider.token(exp=clock.now_ms() // 1_000 + 86_400)
    await oidc.bearer(token)
    clock.tick(FRESH_MS)
    provider.hanging = asyncio.Event()
    asking = asyncio.create_task(oidc.bearer(token))
    await settle()
    assert (await asyncio.wait_for(oidc.bearer(token), 1)).name == "ada"
    provider.hanging.set()
    await asking


async def test_while_the_provider_is_away_nobody_unknown_passes(
    oidc: Oidc, provider: FakeProvider, clock: ManualClock
) -> None:
    token = provider.token(exp=clock.now_ms() // 1_000 + 10**6)
    provider.away = True
    for _ in range(3):
        with pytest.raises(ProviderUnavailable) as caught:
            await oidc.bearer(token)
    assert caught.value.retry_after_s > 0
    assert provider.asked == {DISCOVERY: 1}
    provider.away = False
    clock.tick(TRY_AGAIN_MS)
    await oidc.bearer(token)
    provider.away = True
    clock.tick(STALE_MS - 1)  # keys that are known stay good for a while
    await oidc.bearer(token)
    with pytest.raises(ProviderUnavailable):  # but this key may be one that was published since
        await oidc.bearer(provider.token(key=_rsa("new"), exp=clock.now_ms() // 1_000 + 300))
    clock.tick(1)
    with pytest.raises(ProviderUnavailable):
        await oidc.bearer(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://login.example/realms/other"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 5},
        {"jwks_uri": "http://login.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": ""},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_discovery_document_that_is_not_its_own_is_not_used(
    oidc: Oidc, provider: FakeProvider, changes: dict[str, Any]
) -> None:
    provider.document |= changes
    with pytest.raises(ProviderUnavailable):
        await oidc.bearer(provider.token())


@pytest.mark.parametrize("published", [{"keys": []}, {"keys": 5}, {"x": 1}, {"keys": [{}, 5]}])
async def test_without_keys_nobody_can_be_checked(
    oidc: Oidc, provider: FakeProvider, published: dict[str, Any]
) -> None:
    provider.published = published
    with pytest.raises(ProviderUnavailable):
        await oidc.bearer(provider.token())


def test_keys_that_cannot_be_used_hinder_no_other() -> None:
    good = KEYS["ES256"].as_dict(private=False)
    broken = {**good, "x": "AA"}
    weak = {"kty": "RSA", "n": "x" * 171, "e": "AQAB"}
    slow = {"kty": "RSA", "n": "x" * 10_000, "e": "AQAB"}
    secret = KEYS["HS256"].as_dict(private=True)
    assert len(keys_of({"keys": [broken, weak, slow, secret, {"kty": "x"}, 5, good]})) == 1
    assert keys_of({"keys": [weak] * 64 + [good]}) == ()


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda b: b.decode("latin-1")))
def test_junk_never_escapes_the_error_tree(text: str) -> None:
    with pytest.raises(KycError):
        read_token(text)


@given(st.none() | st.text() | st.integers() | st.lists(st.integers() | st.text()))
def test_an_audience_is_named_or_it_is_not(aud: Any) -> None:
    assert not is_for({"aud": aud}, "an audience that is not drawn, being too long by far")


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    )
)
def test_only_times_make_a_token_valid(claims: dict[str, Any]) -> None:
    if is_valid_at(claims, 1_000.0, 60):
        assert claims["exp"] > 940
        assert all(not isinstance(value, bool | str | None) for value in claims.values())


async def test_an_okp_key_of_another_curve_signs_nothing() -> None:
    key = OKPKey.generate_key("X25519", parameters={"kid": "x"})
    provider = FakeProvider(ManualClock())
    provider.add_key(key)
    token = provider.token(key=KEYS["EdDSA"], alg="EdDSA", header={"kid": "x"})
    with pytest.raises(Unauthorised):
        await Oidc(OIDC, provider, ManualClock()).bearer(token)
