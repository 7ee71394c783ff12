"""WHIP (RFC 9725): signaling for clients other than browsers, such as OBS or GStreamer."""

from __future__ import annotations

from functools import partial

from aiohttp import hdrs, web

from kyc_rtc.clock import Clock
from kyc_rtc.errors import (
    BadSdp,
    PreconditionFailed,
    PreconditionRequired,
    StorageUnavailable,
    Unauthorised,
    UnsupportedContentType,
)
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.settings import IceServer, Settings
from kyc_rtc.turn import ice_servers
from signaling.endpoints import Endpoint, client_of, read_bytes
from signaling.event_stream import EVENT_STREAM, last_event_of, write_events
from signaling.principals import Access, Principal

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


class Whip:
    """The WHIP endpoint of a session and the resources that it makes."""

    def __init__(self, sessions: SessionInterface, settings: Settings, clock: Clock) -> None:
        self._sessions = sessions
        self._media = settings.media
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        whip, peer = "/whip/{session_id}", "/whip/{session_id}/{peer_id}"
        return (
            Endpoint(
                "OPTIONS", whip, self.options, "What may be posted", Access.ANYONE, status=204,
                headers=("Accept-Post",),
            ),
            Endpoint(
                "POST", whip, self.create, "Connect the camera", Access.APPLICANT, status=201,
                problems=(401, 403, 404, 409, 421), creates=True, consumes=SDP, produces=SDP,
                headers=(hdrs.LOCATION, "ETag", hdrs.LINK, "Accept-Patch"),
            ),
            Endpoint(
                "PATCH", peer, self.trickle, "More candidates", Access.APPLICANT, status=204,
                problems=(401, 403, 404, 409, 412, 421, 422, 428), consumes=FRAGMENT,
                headers=("ETag",),
            ),
            Endpoint(
                "GET", f"{whip}/messages", self.messages, "The session's messages as events",
                Access.APPLICANT, problems=(400, 401, 403, 404, 409, 421, 503),
                produces=EVENT_STREAM,
            ),
            Endpoint(
                "DELETE", peer, self.delete, "Conclude with what was seen", Access.APPLICANT,
                problems=(401, 403, 404, 421, 503), after_end=True,
            ),
        )  # fmt: skip

    async def options(self, _request: web.Request, _principal: Principal) -> web.Response:
        """What may be posted here (RFC 9725, 4.2). ICE servers, whose credentials cost money, come with
        the answer to a POST: a preflight request carries no token."""
        return web.Response(status=204, headers={"Accept-Post": SDP})

    async def create(self, request: web.Request, principal: Principal) -> web.Response:
        """An offer becomes a peer: 201, the answer, and where to find it (4.2)."""
        session_id = principal.session_id
        _require_type(request, SDP)
        sdp = await _text(request)
        negotiated = await self._sessions.offer(session_id, sdp, client_of(request, whip=True))
        location = f"/whip/{session_id}/{negotiated.peer_id}"
        response = web.Response(
            status=201,
            text=negotiated.sdp,
            content_type=SDP,
            headers={hdrs.LOCATION: location, "Accept-Patch": FRAGMENT},
        )
        servers = ice_servers(self._media, self._clock.now_ms(), session_id)
        response.etag = negotiated.peer_id
        response.headers.extend([*ice_links(servers), *session_links(session_id)])
        return response

    async def trickle(self, request: web.Request, principal: Principal) -> web.Response:
        """More candidates of the same ICE session (4.3.2). An ICE restart is refused with 422 (4.3.1)."""
        session_id, peer_id = principal.session_id, request.match_info["peer_id"]
        _require_type(request, FRAGMENT)
        _require_match(request, peer_id)
        fragment = await _text(request)
        await self._sessions.trickle(session_id, peer_id, fragment)
        response = web.Response(status=204)
        response.etag = peer_id
        return response

    async def messages(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """What the data channel would say. It ends with the session or with the link, and resumes by
        Last-Event-ID."""
        after, may_read = last_event_of(request), partial(self._counts, principal)
        async with self._sessions.following(principal.session_id, after) as messages:
            return await write_events(request, messages, self._clock, may_read)

    async def _counts(self, principal: Principal) -> bool:
        """Whether the link of a token that was good at first is still the newest, as far as is known."""
        try:
            await self._sessions.check_token(
                principal.session_id, principal.link_number, after_end=True
            )
        except Unauthorised:
            return False
        except StorageUnavailable:
            return True  # an outage of the database ends no check
        return True

    async def delete(self, request: web.Request, principal: Principal) -> web.Response:
        """The client ends the session (4.2), which is concluded. Said again, it changes nothing. What
        If-Match says is ignored (4.3.1)."""
        session_id = principal.session_id
        await self._sessions.hang_up(session_id, request.match_info["peer_id"])
        return web.Response(status=200)


def ice_links(servers: tuple[IceServer, ...]) -> list[tuple[str, str]]:
    """A `Link` header for each ICE server (RFC 9725, 4.6)."""
    links: list[tuple[str, str]] = []
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username is not None and server.credential is not None:
                link += f'; username="{_quoted(server.username)}"'
                link += f'; credential="{_quoted(server.credential)}"; credential-type="password"'
            links.append((hdrs.LINK, link))
    return links


def session_links(session_id: str) -> list[tuple[str, str]]:
    """Where a client reads its challenges: relations of RFC 5989, 8.1 (`monitor`: what can be used to watch
    a resource change) and RFC 8631, 4.4 (`status`)."""
    messages = f'</whip/{session_id}/messages>; rel="monitor"; type="{EVENT_STREAM}"'
    status = f'</api/v1/kyc/sessions/{session_id}>; rel="status"; type="application/json"'
    return [(hdrs.LINK, messages), (hdrs.LINK, status)]


def _require_match(request: web.Request, peer_id: str) -> None:
    """Raises `PreconditionRequired` without If-Match, and `PreconditionFailed` where it names another ICE
    session (RFC 9725, 4.3.1; RFC 6585, 3; RFC 9110, 13.1.1)."""
    if hdrs.IF_MATCH not in request.headers:
        raise PreconditionRequired(
            "If-Match is missing", hint="send the ETag of the answer to POST"
        )
    if not any(tag.value in ("*", peer_id) and not tag.is_weak for tag in request.if_match or ()):
        raise PreconditionFailed(
            "If-Match is of another ICE session", hint="send the ETag of the answer to POST"
        )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _require_type(request: web.Request, expected: str) -> None:
    if request.content_type != expected:
        raise UnsupportedContentType(f"the body must be {expected}")


async def _text(request: web.Request) -> str:
    try:
        return (await read_bytes(request)).decode("utf-8")
    except UnicodeDecodeError:
        raise BadSdp("the body is not UTF-8 text") from None
