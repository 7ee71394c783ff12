"""Who makes a request, and whose credential a route wants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.errors import Forbidden
from kyc_rtc.scopes import DEFAULT_TENANT, Scope


class Access(StrEnum):
    """Whose credential a route wants.

    `LINK`: the link token of the session that the path names. `EITHER`: the institution's,
    or that of the applicant whose session path or body name. `KNOWN`: the institution's, or any applicant's.
    """

    ANYONE = "anyone"
    LINK = "link"
    APPLICANT = "applicant"
    INSTITUTION = "institution"
    EITHER = "either"
    KNOWN = "known"


class Kind(StrEnum):
    """What kind of caller a principal is."""

    ANYONE = "anyone"
    LINK = "link"
    APPLICANT = "applicant"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as far as its credential proves it.

    `session_id` and `link_number` are set for an applicant and for a link token: the session that
    the token is for, and the link that it comes from. The other fields are set for an institution, which
    sees nothing of another tenant; `name` is what the journal and the records keep. `is_test`: by a key of
    the sandbox.
    """

    kind: Kind
    session_id: str = ""
    link_number: int = 0
    key_id: str = ""
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    tenant_id: str = DEFAULT_TENANT
    is_test: bool = False

    @property
    def is_institution(self) -> bool:
        return self.kind is Kind.INSTITUTION

    @property
    def has_token(self) -> bool:
        """Whether it is an applicant's, by a token of either kind."""
        return self.kind in (Kind.APPLICANT, Kind.LINK)

    def require_session(self, session_id: str) -> None:
        """Raises `Forbidden` for an applicant of another session."""
        if self.has_token and self.session_id != session_id:
            raise Forbidden("the token belongs to another session")


ANYONE = Principal(Kind.ANYONE)
DEVELOPER = Principal(
    Kind.INSTITUTION, key_id="development", name="development", scopes=frozenset(Scope)
)
"""Everybody, where development has no keys."""
