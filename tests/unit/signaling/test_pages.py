"""Which pages and files are served where: nothing of development in production."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog.testing
from pydantic import SecretStr
from yarl import URL

from kyc_rtc.settings import Settings
from signaling.app import STATIC
from signaling.pages import DEVELOPMENT_FOLDERS, FOLDERS
from tests.unit.signaling.conftest import Client, MakeClient

DEVELOPMENT_FILES = [
    f"{name}/{path.relative_to(STATIC / name).as_posix()}"
    for name in DEVELOPMENT_FOLDERS
    for path in sorted((STATIC / name).rglob("*"))
    if path.is_file()
]


@pytest.fixture
async def production(make_client: MakeClient, tmp_path: Path) -> Client:
    settings = Settings(
        data_dir=tmp_path,
        environment="production",
        public_url="https://kyc.example",
        secret_key=SecretStr("s" * 40),
        api_key_hashes=("a" * 64,),
    )
    made: Client = await make_client(settings)
    return made


def test_every_folder_is_declared_once() -> None:
    folders = sorted(path.name for path in STATIC.iterdir() if path.is_dir())
    assert sorted((*FOLDERS, *DEVELOPMENT_FOLDERS)) == folders
    assert [path.name for path in STATIC.iterdir() if not path.is_dir()] == []


async def test_production_has_no_page_at_the_root(production: Client) -> None:
    assert (await production.get("/")).status == 404


@pytest.mark.parametrize("file", DEVELOPMENT_FILES)
@pytest.mark.parametrize(
    "detour",
    ["", "apply/../", "apply/%2e%2e/", "apply/..%2f", "apply/%252e%252e/", "/", "./", "apply//../"],
)
async def test_production_serves_no_file_of_development(
    production: Client, file: str, detour: str
) -> None:
    url = URL(f"/static/{detour}{file}", encoded=True)
    assert (await production.get(url)).status == 404


@pytest.mark.parametrize("file", DEVELOPMENT_FILES)
async def test_development_serves_them(client: Client, file: str) -> None:
    assert (await client.get(f"/static/{file}")).status == 200
    assert (await client.get("/")).status == 200


async def test_both_serve_the_applicants_page(client: Client, production: Client) -> None:
    for served in (client, production):
        for file in ("apply/apply.js", "i18n/en.json", "sdk/kyc-rtc.js", "style/base.css"):
            response = await served.get(f"/static/{file}")
            assert (response.status, response.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["a" * 300, "%00", "a/" * 2_000, "..%2f..%2fserver.py"])
async def test_names_that_cannot_be_files_are_not_found(client: Client, name: str) -> None:
    with structlog.testing.capture_logs() as logs:
        response = await client.get(URL(f"/static/apply/{name}", encoded=True))
    assert response.status in (400, 404)
    assert logs == []


@pytest.mark.parametrize(
    "rest",
    ["", "/", "/not-a-session", "/{id}/", "/{id}/x", "/{id}%23a.b.c", "//{id}", "/{id}.", "/%ff"],
)
async def test_a_damaged_link_gets_the_page(production: Client, rest: str) -> None:
    path = "/apply" + rest.replace("{id}", "11111111-1111-4111-8111-111111111111")
    response = await production.get(URL(path, encoded=True))
    assert (response.status, response.content_type) == (404, "text/html")
    assert "/static/apply/apply.js" in await response.text()
    assert response.headers["Cache-Control"] == "no-store"
