"""`python -m kyc_rtc keys`: API keys, in the database or for the settings."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from kyc_rtc.access.interface import CreatedKey, KeyOrder, KeyView, is_over
from kyc_rtc.access.keys import KeyService
from kyc_rtc.clock import SystemClock
from kyc_rtc.keys import api_key_hash, new_api_key, new_key_id
from kyc_rtc.scopes import DEFAULT_TENANT, INTEGRATION, Scope
from kyc_rtc.secret import resolve_secret
from kyc_rtc.settings import load_settings
from kyc_rtc.storage.api_keys import SqlApiKeyRepository
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.telemetry import configure_logging

COMMAND_LINE = "command line"
_DAY_S, _HOUR_S = 86_400, 3_600


def add_keys(commands: Any) -> None:
    """Add the command to a parser of commands."""
    keys = commands.add_parser(
        "keys",
        help="make, list, rotate and revoke API keys",
        description="Without a command: makes a key and the line that puts its hash into the settings.",
    )
    keys.add_argument(
        "--id", help="how the key differs from others; without it: from the name, and random digits"
    )
    keys.add_argument("--name", default="", help="stored with what its owner did")
    _add_scopes(keys)
    keys.set_defaults(command=_for_settings)
    actions = keys.add_subparsers(metavar="COMMAND")
    create = actions.add_parser("create", help="make a key that the database knows")
    create.add_argument("--name", required=True, help="stored with what its owner did")
    create.add_argument("--tenant", default=DEFAULT_TENANT, help=f"without it: {DEFAULT_TENANT}")
    create.add_argument("--expires-days", type=int, help="without it: until it is revoked")
    create.add_argument("--test", action="store_true", help="a key of the sandbox")
    _add_scopes(create)
    create.set_defaults(command=lambda given: _run(given, _create))
    listed = actions.add_parser("list", help="list the keys of a tenant")
    listed.add_argument("--tenant", default=DEFAULT_TENANT)
    listed.set_defaults(command=lambda given: _run(given, _list))
    for name, help_text, action in (
        ("rotate", "make the key that takes the place of another one", _rotate),
        ("revoke", "end a key at once", _revoke),
    ):
        parser = actions.add_parser(name, help=help_text)
        parser.add_argument("key_id", help="as `list` shows it")
        parser.add_argument("--tenant", default=DEFAULT_TENANT)
        if action is _rotate:
            parser.add_argument(
                "--overlap-hours", type=int, default=24, help="that the old key still works (24)"
            )
        parser.set_defaults(command=lambda given, action=action: _run(given, action))


def _add_scopes(parser: argparse.ArgumentParser) -> None:
    default = [scope.value for scope in INTEGRATION]
    parser.add_argument(
        "--scopes",
        nargs="+",
        choices=[scope.value for scope in Scope],
        default=default,
        help=f"without it: {' '.join(default)}",
    )


Action = Callable[[KeyService, argparse.Namespace], Awaitable[None]]


def _run(given: argparse.Namespace, action: Action) -> int:
    """Carry an action out on the database of the settings."""

    async def on_database() -> None:
        settings = load_settings()
        configure_logging("warning", as_json=settings.log_json)
        database = Database(settings.store_url, Sealer(resolve_secret(settings)))
        try:
            await database.open()
            await action(KeyService(SqlApiKeyRepository(database), SystemClock()), given)
        finally:
            await database.aclose()

    asyncio.run(on_database())
    return 0


async def _create(keys: KeyService, given: argparse.Namespace) -> None:
    days = given.expires_days
    order = KeyOrder(
        tenant_id=given.tenant,
        name=given.name,
        scopes=frozenset(map(Scope, _scopes(given))),
        by=COMMAND_LINE,
        expires_in_s=None if days is None else days * _DAY_S,
        is_test=given.test,
    )
    _show(await keys.create(order))


def _scopes(given: argparse.Namespace) -> Sequence[str]:
    """As given; where nothing is, a tenant's key gets what it may have."""
    scopes: list[str] = given.scopes
    if given.tenant != DEFAULT_TENANT and scopes == [scope.value for scope in INTEGRATION]:
        return [scope for scope in scopes if scope != Scope.METRICS]
    return scopes


async def _rotate(keys: KeyService, given: argparse.Namespace) -> None:
    overlap_s = given.overlap_hours * _HOUR_S
    _show(await keys.rotate(given.tenant, given.key_id, overlap_s, COMMAND_LINE, frozenset(Scope)))


async def _revoke(keys: KeyService, given: argparse.Namespace) -> None:
    print(_line(await keys.revoke(given.tenant, given.key_id)))


async def _list(keys: KeyService, given: argparse.Namespace) -> None:
    for key in await keys.listed(given.tenant):
        print(_line(key))


def _show(made: CreatedKey) -> None:
    print(f"API key (shown once, give it to the caller): {made.secret}")
    print(_line(made.key))


def _line(key: KeyView) -> str:
    now_ms = SystemClock().now_ms()
    if is_over(key, now_ms):
        end = "revoked" if key.revoked_at_ms is not None else "expired"
    else:
        end = f"until {_day(key.expires_at_ms)}" if key.expires_at_ms else "valid"
    kind = "test" if key.is_test else "live"
    return f"{key.key_id}  {kind}  {end:16}  {key.name}  {' '.join(key.scopes)}"


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


def _for_settings(options: argparse.Namespace) -> int:
    key = new_api_key()
    fields = {
        "id": options.id or new_key_id(options.name),
        "name": options.name,
        "sha256": api_key_hash(key),
        "scopes": options.scopes,
    }
    table = ", ".join(f"{name} = {_toml(value)}" for name, value in fields.items())
    setting = f"[{{{table}}}]"
    # What no server would take is refused here; other settings do not matter.
    load_settings({"KYC_RTC_CONFIG_DIR": os.devnull, "KYC_RTC_API_KEYS": setting})
    print(f"API key (shown once, give it to the caller): {key}")
    print(f"KYC_RTC_API_KEYS={shlex.quote(setting)}")
    return 0


def _toml(value: str | list[str]) -> str:
    """A text, or a list of texts, as TOML. Of JSON's escapes TOML knows all but surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
