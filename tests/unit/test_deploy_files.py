"""The files of `deploy/`: every variable is a setting, and the numbers in them fit each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kyc_rtc.settings import LimitSettings, load_settings

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
ENV = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)
VARIABLE = re.compile(r"\$\{([A-Z_]+):\?\}")


@pytest.fixture
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def given() -> dict[str, str]:
    """What `env.example` asks for, filled in."""
    return {
        name: value or "0" * 64 for name, value in ENV.findall((DEPLOY / "env.example").read_text())
    }


def filled(text: str) -> str:
    return VARIABLE.sub(lambda found: given()[found.group(1)], text)


def test_compose_starts_the_server_in_production(compose: dict[str, Any], tmp_path: Path) -> None:
    environ = {
        name: filled(value) for name, value in compose["services"]["kyc"]["environment"].items()
    }
    settings = load_settings({**environ, "KYC_RTC_CONFIG_DIR": str(tmp_path)})
    assert not settings.development
    assert [server.takes_secret for server in settings.media.ice_servers] == [True]
    assert settings.return_urls
    assert settings.consent.institution
    assert settings.consent.privacy_url


def test_every_variable_of_compose_is_in_the_example() -> None:
    wanted = set(VARIABLE.findall((DEPLOY / "compose.yaml").read_text()))
    assert wanted == set(given())


def test_compose_refers_to_what_is_there(compose: dict[str, Any]) -> None:
    services, volumes = compose["services"], compose["volumes"]
    for service in services.values():
        assert ("image" in service) is not ("build" in service)
        assert set(service.get("depends_on", ())) <= set(services)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("$") or source in volumes or (DEPLOY / source).is_file()
    grace_s = int(services["kyc"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= LimitSettings().drain_s + 40


def test_relayed_ports_are_apart_from_those_of_cameras(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "turnserver.conf").read_text()
    numbers = dict(re.findall(r"^(\w+-port)=(\d+)$", text, re.MULTILINE))
    first, last = map(
        int, compose["services"]["kyc"]["environment"]["KYC_RTC_MEDIA__UDP_PORTS"].split("-")
    )
    assert last < int(numbers["min-port"]) or int(numbers["max-port"]) < first


def test_nginx_takes_the_largest_body() -> None:
    (size,) = re.findall(r"client_max_body_size (\d+)m;", (DEPLOY / "nginx.conf").read_text())
    assert int(size) * 1024**2 >= LimitSettings().max_body_bytes


def test_nginx_names_no_user_that_a_host_may_lack() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    assert not re.search(r"^user ", text, re.MULTILINE)


def test_kubernetes_gives_settings_that_work(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    assert [one["kind"] for one in documents] == ["Service", "StatefulSet", "Deployment", "Service"]
    pod = documents[1]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = {one["name"]: one["value"] for one in container["env"]}
    secrets = {
        "SECRET_KEY": "0" * 64,
        "KYC_RTC_API_KEYS": given()["API_KEYS"],
        "KYC_RTC_MEDIA__TURN_SECRET": "0" * 64,
        "KYC_RTC_CONFIG_DIR": str(tmp_path),
        "KYC_RTC_ENVIRONMENT": "production",
    }
    settings = load_settings(environ | secrets)
    assert settings.media.port_range is not None
    assert settings.consent.institution
    assert pod["terminationGracePeriodSeconds"] >= settings.limits.drain_s + 40
    labels = documents[1]["spec"]["template"]["metadata"]["labels"]
    assert (
        documents[0]["spec"]["selector"]
        == labels
        == documents[1]["spec"]["selector"]["matchLabels"]
    )
