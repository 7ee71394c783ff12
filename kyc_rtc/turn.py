"""STUN and TURN servers with credentials that expire.

The scheme is that of coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00, 2.2): the username is the
Unix time at which the credential ends and an identifier, the password an HMAC of it under a secret that only
this server and the TURN server have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from kyc_rtc.settings import IceServer, MediaSettings


def turn_credentials(secret: str, expires_at_s: int, identifier: str) -> tuple[str, str]:
    """Username and password of a TURN server until `expires_at_s` (Unix seconds)."""
    username = f"{expires_at_s}:{identifier}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def ice_servers(media: MediaSettings, now_ms: int, identifier: str) -> tuple[IceServer, ...]:
    """The servers of the settings, for one peer; those that take the secret get a new credential.

    `now_ms`: Unix milliseconds. `identifier`: what the TURN server's log calls the peer.
    """
    secret = media.turn_secret.get_secret_value()
    if not secret:
        return media.ice_servers
    expires_at_s = now_ms // 1_000 + media.turn_ttl_s
    username, credential = turn_credentials(secret, expires_at_s, identifier)
    fresh = {"username": username, "credential": credential}
    return tuple(
        server.model_copy(update=fresh) if server.takes_secret else server
        for server in media.ice_servers
    )
