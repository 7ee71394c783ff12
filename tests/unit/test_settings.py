"""Settings: environment over files over defaults; nothing unknown, nothing leaked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from kyc_rtc.errors import SettingsError
from kyc_rtc.evaluation.settings_table import settings_table
from kyc_rtc.scopes import Scope, with_implied
from kyc_rtc.settings import Settings, load_settings

REPOSITORY = Path(__file__).parent.parent.parent


def load(tmp_path: Path, environ: dict[str, str], toml: str = "", **overrides: Any) -> Any:
    (tmp_path / "a.toml").write_text(toml)
    return load_settings({"KYC_RTC_CONFIG_DIR": str(tmp_path), **environ}, overrides)


def test_the_environment_wins_over_files_and_the_command_line_over_both(tmp_path: Path) -> None:
    toml = "port = 1\nliveness_threshold = 0.1\n[media]\nsilence_limit_ms = 4000\nmax_offer_bytes = 2048"
    environ = {"LIVENESS_THRESHOLD": "0.7", "KYC_RTC_MEDIA__SILENCE_LIMIT_MS": "5000"}
    settings = load(tmp_path, environ, toml, port=3)
    assert (settings.port, settings.liveness_threshold) == (3, 0.7)
    assert (settings.media.silence_limit_ms, settings.media.max_offer_bytes) == (5000, 2048)


def test_lists_are_written_as_toml(tmp_path: Path) -> None:
    servers = '[{urls = ["stun:a.example"]}, {urls = ["turn:b.example"], username = "u", credential = "c"}]'
    settings = load(tmp_path, {"KYC_RTC_MEDIA__ICE_SERVERS": servers})
    assert [s.urls[0] for s in settings.media.ice_servers] == ["stun:a.example", "turn:b.example"]


HASH = "0" * 64
IN_FLIGHT = "http.body_bytes_in_flight"
KEY = f'{{id = "a", sha256 = "{HASH}"}}'


@pytest.mark.parametrize(
    ("environ", "toml", "complaint"),
    [
        ({"KYC_RTC_LIVNESS_THRESHOLD": "0.5"}, "", "livness_threshold"),
        ({"KYC_RTC_MEDIA__X": "1"}, "", "media.x"),
        ({"KYC_RTC_MEDIA": "1", "KYC_RTC_MEDIA__SILENCE_LIMIT_MS": "1"}, "", "media"),
        ({"TARGET_FPS": "fast"}, "", "target_fps"),
        ({"LIVENESS_THRESHOLD": "1.5"}, "", "liveness_threshold"),
        ({"DEEPFAKE_THRESHOLD": "nan"}, "", "deepfake_threshold"),
        ({"KYC_RTC_API_KEY_HASHES": "[1,"}, "", "TOML"),
        ({"KYC_RTC_MEDIA__ICE_SERVERS": '[{urls = ["http://x"]}]'}, "", "ice_servers"),
        ({"KYC_RTC_LIVENESS__CHALLENGE_TYPES": '["nod", "smile", "blink"]'}, "", "head_turn"),
        ({"KYC_RTC_LIVENESS__CHALLENGE_TYPES": '["head_turn", "nod"]'}, "", "fewer"),
        ({"KYC_RTC_LIVENESS__CHALLENGE_TYPES": '["head_turn", "nod", "nod"]'}, "", "twice"),
        (
            {"KYC_RTC_LIVENESS__CHALLENGE_TYPES": '["head_turn", "frown", "nod"]'},
            "",
            "challenge_types",
        ),
        ({}, "colour = 'red'", "colour"),
        ({}, "port = = 3", "a.toml"),
        ({"KYC_RTC_ENVIRONMENT": "production"}, "", "SECRET_KEY"),
        ({"KYC_RTC_ENVIRONMENT": "production", "SECRET_KEY": "s" * 32}, "", "api_keys"),
        (
            {
                "KYC_RTC_ENVIRONMENT": "production",
                "SECRET_KEY": "s" * 32,
                "KYC_RTC_API_KEYS": f"[{KEY}]",
            },
            "",
            "public_url",
        ),
        ({"KYC_RTC_PUBLIC_URL": "kyc.example"}, "", "public_url"),
        ({"KYC_RTC_TRUSTED_PROXIES": '["10.0.0.1/8"]'}, "", "trusted_proxies"),
        ({"KYC_RTC_API_KEYS": '[{id = "a", sha256 = "12"}]'}, "", "sha256"),
        (
            {"KYC_RTC_API_KEYS": f'[{{id = "a", sha256 = "{HASH}", scopes = ["all"]}}]'},
            "",
            "scopes",
        ),
        ({"KYC_RTC_API_KEYS": f"[{KEY}, {KEY}]"}, "", "same id"),
        ({}, "[profiles.short]\nchallenges = 9", "profiles.short.challenges"),
        ({}, "[profiles.short]\ncolour = 1", "profiles.short.colour"),
        ({}, "[profiles.odd]\nchallenge_types = ['nod']", "head_turn"),
        ({}, "[profiles.'Not a name']", "profiles"),
        ({"KYC_RTC_RETURN_URLS": '["http://bank.example"]'}, "", "return_urls.*https"),
        (
            {"KYC_RTC_API_KEY_HASHES": '["kyc_a-key"]'},
            "",
            "api_key_hashes.0: is not a SHA-256; did",
        ),
        ({"KYC_RTC_API_KEYS": '[{id = "a", sha256 = "kyc_k"}]'}, "", "paste the key itself"),
        ({"KYC_RTC_API_KEY_HASHES": "[ab]"}, "", "KYC_RTC_API_KEY_HASHES: not a TOML"),
        ({"KYC_RTC_TRUSTED_PROXIES": "10.0.0.0/8"}, "", r'write a list: \["10.0.0.0/8"\]$'),
        ({"KYC_RTC_TRUSTED_PROXIES": "'[]'"}, "", "write a list, without quotes around it: "),
        (
            {"KYC_RTC_TRUSTED_PROXIES": '["a"]'},
            "",
            "^trusted_proxies.0: is not a network[^;]*;[^;]*$",
        ),
        ({"KYC_RTC_API_KEYS": '["a"]'}, "", r"api_keys.0: write a table: \[{id = "),
        (
            {"KYC_RTC_MEDIA__ICE_SERVERS": '[{urls = "stun:x"}]'},
            "",
            r"urls: write a list: \[\"stun:",
        ),
        ({"KYC_RTC_PROFILES": "short"}, "", "profiles: write a table: {thorough = "),
        ({"KYC_RTC_PROFILES": "{short = 1}"}, "", "profiles.short: write a table"),
        ({"KYC_RTC_LIMITS": "1"}, "", "limits: is a group of settings, not a value"),
        ({"KYC_RTC_MEDIA__ICE_SERVERS": "[{"}, "", "KYC_RTC_MEDIA__ICE_SERVERS.*TOML"),
        ({}, "config_dir = 'elsewhere'", "a.toml.*config_dir"),
        ({"KYC_RTC_LIVENESS__MIN_BLINKS": "5"}, "", "min_blinks.*max_blinks"),
        ({"KYC_RTC_LIVENESS__MAX_NODS": "1"}, "", "min_nods.*max_nods"),
        ({"KYC_RTC_LIVENESS__MIN_HOLD_MS": "3000"}, "", "min_hold_ms.*max_hold_ms"),
        ({}, "[profiles.odd]\nmin_nods = 3", "profiles.odd.*min_nods.*max_nods"),
        ({"KYC_RTC_LIMITS__MAX_BODY_BYTES": "25165825"}, "", f"limits.max_body_bytes.*{IN_FLIGHT}"),
        ({"KYC_RTC_HTTP__BODY_BYTES_IN_FLIGHT": "4194304"}, "", f"max_body_bytes.*{IN_FLIGHT}"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, environ: dict[str, str], toml: str, complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load(tmp_path, environ, toml)


def members(model: type[BaseModel]) -> Iterator[tuple[str, Any, Any]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from ((f"{name}__{inner}", *rest) for inner, *rest in members(kind))
        else:
            yield name, kind, field


LISTS = {n: f for n, kind, f in members(Settings) if get_origin(kind) in (tuple, dict)}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_has_an_example_that_can_be_written_so(tmp_path: Path, name: str) -> None:
    (example,) = LISTS[name].examples
    written = example.replace("64 hexadecimal digits", HASH)
    load(tmp_path, {f"KYC_RTC_{name.upper()}": written})
    with pytest.raises(SettingsError, match=re.escape(f": {example}")):
        load(tmp_path, {f"KYC_RTC_{name.upper()}": "not one"})


def test_a_secret_is_never_in_the_message_nor_in_the_repr(tmp_path: Path) -> None:
    secret = "hunter2-hunter2"
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, {"SECRET_KEY": secret, "KYC_RTC_ENVIRONMENT": "production"})
    assert secret not in str(caught.value)
    assert secret not in repr(load(tmp_path, {"SECRET_KEY": secret, "MAIL_PASSWORD": secret}))


def test_the_largest_body_may_have_three_eighths_of_all_in_flight(tmp_path: Path) -> None:
    settings = load(tmp_path, {"KYC_RTC_LIMITS__MAX_BODY_BYTES": "25165824"})
    assert settings.limits.max_body_bytes * 8 == settings.http.body_bytes_in_flight * 3


@pytest.mark.parametrize("secret", ["[secret", "{secret", '["secret"]', "{a = 1}"])
def test_a_secret_may_begin_like_a_list_or_a_table(tmp_path: Path, secret: str) -> None:
    names = ("MAIL_PASSWORD", "SECRET_KEY", "KYC_RTC_MAIL_PASSWORD")
    for name in names:
        settings = load(tmp_path, {name: secret})
        field = name.removeprefix("KYC_RTC_").lower()
        assert getattr(settings, field).get_secret_value() == secret


def test_tables_and_groups_are_written_as_toml(tmp_path: Path) -> None:
    environ = {
        "KYC_RTC_LIVENESS": "{challenges = 2}",
        "KYC_RTC_LIVENESS__VOIDS": "7",
        "KYC_RTC_PROFILES__LONG": "{challenges = 5}",
    }
    settings = load(tmp_path, environ)
    assert (settings.liveness.challenges, settings.liveness.voids) == (2, 7)
    assert settings.with_profile("long").liveness.challenges == 5


LOCKED = {
    "KYC_RTC_ENVIRONMENT": "production",
    "SECRET_KEY": "s" * 32,
    "KYC_RTC_API_KEYS": f"[{KEY}]",
}


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://kyc.example", True),
        ("http://kyc.example", False),
        ("http://kyc.example/localhost", False),
        ("http://localhost.example", False),
        ("http://localhost@kyc.example", False),
        ("http://127.0.0.1.example", False),
        ("http://192.168.1.2:8080", False),
        ("http://localhost", True),
        ("http://LOCALHOST:8080/kyc", True),
        ("http://kyc.localhost:8080", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
    ],
)
def test_production_links_to_where_browsers_give_the_camera(
    tmp_path: Path, url: str, *, accepted: bool
) -> None:
    assert load(tmp_path, {"KYC_RTC_PUBLIC_URL": url}).public_url == url
    locked = LOCKED | {"KYC_RTC_PUBLIC_URL": url}
    if accepted:
        assert load(tmp_path, locked).public_url == url
    else:
        with pytest.raises(SettingsError, match="public_url: has to be https"):
            load(tmp_path, locked)


def test_a_profile_overrides_what_it_names(tmp_path: Path) -> None:
    toml = (
        "[liveness]\nvoids = 7\n[profiles.short]\nchallenges = 1\nchallenge_types = ['head_turn']"
    )
    settings = load(tmp_path, {}, toml)
    short = settings.with_profile("short")
    assert (short.liveness.challenges, short.liveness.challenge_types) == (1, ("head_turn",))
    assert short.liveness.voids == 7
    assert short.limits == settings.limits
    assert settings.with_profile(None) is settings
    inline = load(tmp_path, {"KYC_RTC_PROFILES": "{long = {challenges = 5}}"})
    assert inline.with_profile("long").liveness.challenges == 5
    with pytest.raises(KeyError):
        inline.with_profile("short")


def test_production_hides_scores_unless_set_otherwise(tmp_path: Path) -> None:
    locked = {
        "KYC_RTC_ENVIRONMENT": "production",
        "KYC_RTC_PUBLIC_URL": "https://kyc.example",
        "SECRET_KEY": "s" * 32,
        "KYC_RTC_API_KEY_HASHES": f'["{HASH}"]',
    }
    assert not load(tmp_path, locked).scores_exposed
    assert load(tmp_path, locked | {"KYC_RTC_EXPOSE_SCORES": "true"}).scores_exposed
    assert load(tmp_path, {}).scores_exposed


@given(
    st.dictionaries(
        st.sampled_from(["TARGET_FPS", "KYC_RTC_PORT", "MAIL_PORT"]), st.text(max_size=20)
    )
)
def test_junk_values_never_escape_the_error_tree(environ: dict[str, str]) -> None:
    try:
        load_settings({"KYC_RTC_CONFIG_DIR": "/nonexistent", **environ})
    except SettingsError:
        return


def test_the_documented_table_is_the_real_one() -> None:
    assert settings_table() in (REPOSITORY / "docs" / "deployment.md").read_text("utf-8")


def test_the_documented_env_file_starts_production(tmp_path: Path) -> None:
    """As Docker and systemd read it: each value as it stands."""
    text = (REPOSITORY / "docs" / "deployment.md").read_text("utf-8")
    block = re.search(r"    KYC_RTC_ENVIRONMENT=production\n(?:    .*\n)+", text)
    assert block is not None
    lines = [line.strip() for line in block[0].splitlines()]
    environ = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert environ["SECRET_KEY"] == "…"  # nobody starts with one that is published
    keys = environ["KYC_RTC_API_KEYS"].replace("…", HASH, 1).replace("…", "1" * 64, 1)
    filled = environ | {"SECRET_KEY": "s" * 32, "KYC_RTC_API_KEYS": keys}
    settings = load(tmp_path, filled)
    assert settings.environment == "production"
    assert [key.scopes for key in settings.institution_keys] == [
        with_implied([Scope.VERIFICATIONS, Scope.ALERTS]),
        {Scope.METRICS},
    ]
    assert settings.media.ice_servers
