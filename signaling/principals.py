"""Who makes a request, and whose credential a route wants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.access.people import Person
from kyc_rtc.errors import Forbidden
from kyc_rtc.scopes import DEFAULT_TENANT, Role, Scope


class Access(StrEnum):
    """Whose credential a route wants.

    `LINK`: the link token of the session that the path names. `EITHER`: the institution's,
    or that of the applicant whose session path or body name. `KNOWN`: the institution's, or any applicant's.
    The institution's are API keys, and the bearers and logins of its people; `PERSON`: the latter two,
    whatever their scopes.
    """

    ANYONE = "anyone"
    LINK = "link"
    APPLICANT = "applicant"
    INSTITUTION = "institution"
    PERSON = "person"
    EITHER = "either"
    KNOWN = "known"


OF_THE_INSTITUTION = (Access.INSTITUTION, Access.PERSON, Access.EITHER, Access.KNOWN)
"""Those that admit people of the institution."""


class Kind(StrEnum):
    """What kind of caller a principal is."""

    ANYONE = "anyone"
    LINK = "link"
    APPLICANT = "applicant"
    INSTITUTION = "institution"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as far as its credential proves it.

    `session_id` and `link_number` are set for an applicant and for a link token: the session that
    the token is for, and the link that it comes from. The other fields are set for an institution and its
    people, who see nothing of another tenant; `name` is what the journal and the records keep, `key_id` says
    whose calls are counted together. `is_test`: by a key of the sandbox. `roles` are a person's, and so is
    `login_id`, where they come by a login.
    """

    kind: Kind
    session_id: str = ""
    link_number: int = 0
    key_id: str = ""
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    tenant_id: str = DEFAULT_TENANT
    is_test: bool = False
    roles: tuple[Role, ...] = ()
    login_id: str = ""

    @property
    def is_institution(self) -> bool:
        """Whether it speaks for an institution: by a key, or as one of its people."""
        return self.kind in (Kind.INSTITUTION, Kind.PERSON)

    @property
    def has_token(self) -> bool:
        """Whether it is an applicant's, by a token of either kind."""
        return self.kind in (Kind.APPLICANT, Kind.LINK)

    def require_session(self, session_id: str) -> None:
        """Raises `Forbidden` for an applicant of another session."""
        if self.has_token and self.session_id != session_id:
            raise Forbidden("the token belongs to another session")


def of_person(person: Person, login_id: str = "") -> Principal:
    """Somebody of the institution; `login_id`: by this login, not by a bearer."""
    return Principal(
        Kind.PERSON,
        key_id=f"person-{person.person_id}",
        name=person.name,
        scopes=person.scopes,
        tenant_id=person.tenant_id,
        roles=person.roles,
        login_id=login_id,
    )


ANYONE = Principal(Kind.ANYONE)
DEVELOPER = Principal(
    Kind.INSTITUTION, key_id="development", name="development", scopes=frozenset(Scope)
)
"""Everybody, where development has no keys."""
