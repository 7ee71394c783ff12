"""The sentences of the OpenAPI description, and what it says of headers and credentials."""

from __future__ import annotations

from typing import Any, Final

from signaling.principals import Access

ABOUT: Final = (
    "Video KYC with liveness and deepfake checks on the live WebRTC track. Errors are "
    "`{error: {code, message, hint}}`. Times are RFC 3339 in UTC. Keys of sentences are those of "
    "`/static/i18n/en.json`. Calls that take no body ignore one. Webhooks say what happens: see "
    "docs/webhooks.md."
)

TAGS: Final = {
    "verifications": "Calls of the institution: start verifications, and read what came of them",
    "applicant": "Calls of the applicant's client",
    "whip": "WebRTC-HTTP ingestion (RFC 9725), for clients that are not browsers",
    "alerts": "What a person should look at",
    "keys": "API keys of the tenant",
    "people": "Logins of the institution's people, and who is asking",
    "webhooks": "Endpoints that hear of what happens",
    "deliveries": "What was sent to endpoints and channels",
    "labels": "What attempts turned out to be, and what it says about the verdicts",
    "metrics": "For Prometheus",
    "health": "For monitors and load balancers",
}

WHO: Final = {
    Access.ANYONE: "Needs no credential.",
    Access.LINK: "Under the token of the link.",
    Access.APPLICANT: "Under the client token of this attempt.",
    Access.INSTITUTION: "Under an API key, or as a person, with the scope `{scope}`.",
    Access.PERSON: "As a person with any role: by a login, or an access token of the OIDC provider.",
    Access.EITHER: "Under the client token of this attempt, or under an API key or as a person with the "
    "scope `{scope}`.",
    Access.KNOWN: "Under any client token, or under an API key or as a person with the scope `{scope}`.",
}

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key of the institution: kyc_…",
    },
    "apiKeyAsBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same API key as `Authorization: Bearer kyc_…`",
    },
    "oidc": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's access token of the OIDC provider (RFC 9068), for this server's audience",
    },
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-kyc_login",
        "description": "The cookie of a login at `/login`; methods other than GET and HEAD also need the "
        "header `X-CSRF-Token` with the `csrf_token` of `/api/v1/me`, from a page of this server",
    },
    "clientToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The applicant's `client_token`, from `start-session`, `open`, `renew` or `retry`",
    },
    "linkToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The fragment of `join_url`",
    },
}

PROBLEMS: Final = {
    400: "The request is malformed",
    401: "A credential is missing or not valid",
    403: "The credential belongs to another session, the API key or the person lacks the scope, or a call "
    "with a login's cookie may come from another site",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "Not possible in the present state",
    412: "If-Match names another ICE session than there is",
    413: "More bytes or pixels than accepted",
    415: "Another content type than accepted",
    421: "The session lives in another process; Retry-After says when to ask again",
    422: "The Idempotency-Key came with another request within the last 24 h",
    428: "If-Match is missing",
    429: "Too many calls; Retry-After says when to come back",
    503: "At capacity, or the database or the OIDC provider is away; Retry-After says when to come back",
}
WHIP_PROBLEMS: Final = {422: "A restart of ICE, or the peer was replaced by another"}
PROBLEM_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    421: ("Retry-After",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}

HEADERS: Final[dict[str, Any]] = {
    "Retry-After": {
        "description": "after how many seconds to ask again",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"description": "Bearer (RFC 6750)", "schema": {"type": "string"}},
    "Location": {
        "description": "path of the new peer, for PATCH and DELETE; of a login, where it goes on",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": 'one for each ICE server: <…>; rel="ice-server" (RFC 9725, 4.6); '
        'the session\'s messages as events: rel="monitor"; its state: rel="status"',
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "of the ICE session, for If-Match of PATCH (RFC 9725, 4.3.1)",
        "schema": {"type": "string"},
    },
    "Accept-Patch": {"description": "what PATCH takes", "schema": {"type": "string"}},
    "Accept-Post": {"description": "what POST takes", "schema": {"type": "string"}},
}

IDS: Final = {
    "session_id": "id of the attempt, or of the verification: a UUID",
    "alert_id": "id of the alert: a UUID",
    "webhook_id": "id of the endpoint: a UUID",
    "delivery_id": "id of the delivery: a UUID",
    "key_id": "id of the API key: the twelve characters before its secret",
    "peer_id": "id of the connection, from the Location of the answer to POST",
}

IDEMPOTENCY_KEY: Final = (
    "A key of your own, such as a UUID: 1 to 255 printable ASCII characters without spaces. For 24 h a call "
    "that is repeated with the same key and body gets the same answer, and creates nothing more."
)
