"""Whom a provider's claims describe."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.access.people import MAX_NAME_LENGTH, Person, claim_at, person_of, require_role
from kyc_rtc.errors import Forbidden, Unauthorised
from kyc_rtc.scopes import DEFAULT_TENANT, Role, Scope, scopes_of
from kyc_rtc.settings import OidcSettings

PLAIN = OidcSettings()
KEYCLOAK = OidcSettings(
    roles_claim="realm_access.roles",
    role_names={"KYC Admins": Role.ADMIN},
    tenant_claim="https://kyc.example/tenant",
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("roles", "found"),
    [
        (None, ()),
        ([], ()),
        (["agent"], (Role.AGENT,)),
        (["admin", "agent", "agent"], (Role.AGENT, Role.ADMIN)),
        ("auditor supervisor", (Role.SUPERVISOR, Role.AUDITOR)),
        (["Admin", "root", 5, None, ["admin"]], ()),
        ({"admin": True}, ()),
        (["x"] * 200 + ["admin"], ()),
    ],
)
def test_roles_are_those_that_are_known(roles: Any, found: tuple[Role, ...]) -> None:
    assert person_of({"sub": "1", "roles": roles}, PLAIN).roles == found


def test_with_a_map_only_its_names_count() -> None:
    claims = {"sub": "1", "https://kyc.example/tenant": "bank-a"}
    named = claims | {"realm_access": {"roles": ["KYC Admins", "auditor"]}}
    assert person_of(named, KEYCLOAK).roles == (Role.ADMIN,)
    plain = claims | {"realm_access": {"roles": ["admin"]}}
    assert person_of(plain, KEYCLOAK).roles == ()


@pytest.mark.parametrize("tenant", [None, "", "Bank A", 5, ["bank-a"], "x" * 65])
def test_where_tenants_are_claimed_everybody_has_one(tenant: Any) -> None:
    with pytest.raises(Forbidden, match="tenant"):
        person_of({"sub": "1", "https://kyc.example/tenant": tenant}, KEYCLOAK)


@pytest.mark.parametrize("subject", [None, "", 5, "x" * 256, ["x"]])
def test_nobody_is_nobody(subject: Any) -> None:
    with pytest.raises(Unauthorised):
        person_of({"sub": subject, "roles": ["admin"]}, PLAIN)


@pytest.mark.parametrize(
    ("preferred", "name"),
    [
        (None, "s1"),
        ("", "s1"),
        ("  ", "s1"),
        (5, "s1"),
        ("ada", "ada"),
        ("a\x1b[2J\nb", "a?[2J?b"),
        ("x" * 500, "x" * MAX_NAME_LENGTH),
    ],
)
def test_the_name_is_short_and_printable(preferred: Any, name: str) -> None:
    assert person_of({"sub": "s1", "preferred_username": preferred}, PLAIN).name == name


@given(st.dictionaries(st.sampled_from(["sub", "roles", "preferred_username", "x"]), JUNK), JUNK)
def test_no_claim_escapes_the_error_tree(claims: dict[str, Any], tenant: Any) -> None:
    settings = OidcSettings(tenant_claim="x.y", roles_claim="roles.z")
    for one in (PLAIN, settings):
        try:
            person = person_of(claims | {"x": tenant}, one)
        except (Forbidden, Unauthorised):
            continue
        assert 0 < len(person.name) <= MAX_NAME_LENGTH
        assert person.name.isprintable()


def test_the_whole_name_of_a_claim_comes_before_its_parts() -> None:
    assert claim_at({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert claim_at({"a": {"b": 2}}, "a.b") == 2
    assert claim_at({"a": 5}, "a.b") is None


@pytest.mark.parametrize("role", Role)
def test_metrics_are_for_the_operators_people(role: Role) -> None:
    operator, other = Person("1", "a", (role,)), Person("1", "a", (role,), "bank-a")
    assert operator.scopes == scopes_of([role])
    assert other.scopes == operator.scopes - {Scope.METRICS}
    assert operator.tenant_id == DEFAULT_TENANT
    assert operator.person_id != other.person_id


def test_somebody_without_a_role_learns_whom_to_ask() -> None:
    require_role(Person("1", "a", (Role.AUDITOR,)))
    with pytest.raises(Forbidden) as caught:
        require_role(Person("1", "a", ()))
    assert "administrator" in caught.value.hint
