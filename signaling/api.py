"""The REST API: sessions, frames, verdicts, alerts."""

from __future__ import annotations

import base64
import binascii
import re

from aiohttp import web

from kyc_rtc import __version__
from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadImage, BadRequest
from kyc_rtc.ids import parse_session_id
from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.interface import (
    AlertFilter,
    Command,
    CommandType,
    Order,
    SessionInterface,
    VerificationFilter,
)
from kyc_rtc.settings import Settings
from kyc_rtc.turn import ice_servers
from signaling import answers, schemas
from signaling.bodies import UploadPlaces
from signaling.endpoints import Body, Endpoint, answer, client_of, read_body, warnings_of
from signaling.idempotency import Creations
from signaling.links import Links
from signaling.principals import Access, Principal
from signaling.queries import (
    AlertsQuery,
    JournalQuery,
    VerificationsQuery,
    read_query,
    refuse,
    unknown_names,
)

V1 = "/api/v1"
_DATA_URL = re.compile(
    r"data:image/(?:jpeg|jpg|png|webp)(?:;[\w.+-]{1,32}=[\w.+%-]{1,64}){0,4};base64,",
    re.ASCII | re.IGNORECASE,
)
_LINE_BREAKS = str.maketrans("", "", "\r\n\t ")


class KycApi:
    """Handlers of the REST endpoints. Knows sessions only by their interface."""

    def __init__(
        self,
        sessions: SessionInterface,
        links: Links,
        settings: Settings,
        creations: Creations,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._links = links
        self._settings = settings
        self._uploads = UploadPlaces(settings.limits.uploads_in_flight)
        self._creations = creations

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        return (
            *self._open_endpoints(),
            *self._verification_endpoints(),
            *self._attempt_endpoints(),
            *self._alert_endpoints(),
        )

    def _open_endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                "GET", "/health", self.health, "Is the instance able to serve",
                Access.ANYONE, schemas.Health,
            ),
            Endpoint(
                "GET", "/health/ready", self.ready, "Should the instance get requests",
                Access.ANYONE, schemas.Readiness, other_status=503,
            ),
            Endpoint(
                "GET", f"{V1}/kyc/client-config", self.client_config, "What a client needs to connect",
                Access.KNOWN, schemas.ClientConfig, problems=(401, 403, 409, 503),
                scope=Scope.VERIFICATIONS_READ,
            ),
        )  # fmt: skip

    def _verification_endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                "POST", f"{V1}/kyc/start-session", self.start_session, "Open a session",
                Access.INSTITUTION, schemas.StartedSession, 201, schemas.StartSession,
                problems=(400, 401, 403, 413, 415, 422, 503), creates=True, idempotent=True,
            ),
            Endpoint(
                "POST", f"{V1}/kyc/send-challenge", self.send_challenge, "Ask for one more challenge",
                Access.INSTITUTION, schemas.ChallengeAnswer, 200, schemas.SendChallenge,
                problems=(400, 401, 403, 404, 409, 415, 503), scope=Scope.ASSIST,
            ),
            Endpoint(
                "POST", f"{V1}/kyc/upload-video-frame", self.upload_frame,
                "Analyse a picture of a client without WebRTC", Access.EITHER,
                schemas.FrameAnswer, 200, schemas.UploadFrame,
                problems=(400, 401, 403, 404, 409, 413, 415, 421, 429, 503), large_body=True,
            ),
            Endpoint(
                "POST", f"{V1}/kyc/complete-verification", self.complete, "Bring it to its verdict now",
                Access.INSTITUTION, schemas.VerificationAnswer, 200, schemas.SessionReference,
                problems=(400, 401, 403, 404, 409, 415, 503), scope=Scope.ASSIST,
            ),
            Endpoint(
                "GET", f"{V1}/kyc/get-session-status", self.session_status, "A session as it stands",
                Access.INSTITUTION, schemas.SessionStatus, query=("session_id",),
                problems=(400, 401, 403, 404, 503), scope=Scope.VERIFICATIONS_READ,
            ),
            Endpoint(
                "GET", f"{V1}/kyc/sessions", self.verifications, "Verifications as they stand",
                Access.INSTITUTION, schemas.VerificationList,
                optional_query=VerificationsQuery, problems=(400, 401, 403, 503),
                scope=Scope.VERIFICATIONS_READ,
            ),
        )  # fmt: skip

    def _attempt_endpoints(self) -> tuple[Endpoint, ...]:
        one = f"{V1}/kyc/sessions/{{session_id}}"
        return (
            Endpoint(
                "POST", f"{one}/cancel", self.cancel, "End it without a verdict",
                Access.INSTITUTION, schemas.SessionStatus, problems=(401, 403, 404, 409, 503),
            ),
            Endpoint(
                "POST", f"{one}/offer", self.offer, "Connect the camera (WebRTC offer and answer)",
                Access.APPLICANT, schemas.AnswerBody, 200, schemas.Offer,
                problems=(400, 401, 403, 404, 409, 413, 415, 421, 503), creates=True,
            ),
            Endpoint(
                "GET", one, self.applicant_status, "What the applicant may know of the session",
                Access.APPLICANT, schemas.ApplicantStatus, problems=(401, 403, 404, 503),
                after_end=True,
            ),
            Endpoint(
                "GET", f"{one}/events", self.journal, "The journal of an attempt",
                Access.INSTITUTION, schemas.Journal, optional_query=JournalQuery,
                problems=(400, 401, 403, 404, 503), scope=Scope.VERIFICATIONS_READ,
            ),
            Endpoint(
                "POST", f"{one}/retry", self.retry, "Try again in a new session",
                Access.APPLICANT, schemas.StartedSession, 201,
                problems=(400, 401, 403, 404, 409, 503), creates=True, idempotent=True,
                after_end=True,
            ),
        )  # fmt: skip

    def _alert_endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                "GET", f"{V1}/alerts/active", self.active_alerts, "Alerts that nobody acknowledged",
                Access.INSTITUTION, schemas.AlertList, optional_query=AlertsQuery,
                problems=(400, 401, 403, 503), scope=Scope.ALERTS_READ,
            ),
            Endpoint(
                "GET", f"{V1}/alerts/statistics", self.alert_statistics, "How many alerts of what kind",
                Access.INSTITUTION, schemas.AlertStatistics, problems=(401, 403, 503),
                scope=Scope.ALERTS_READ,
            ),
            Endpoint(
                "POST", f"{V1}/alerts/{{alert_id}}/acknowledge", self.acknowledge, "Mark an alert as seen",
                Access.INSTITUTION, schemas.AlertBody, 200, schemas.Acknowledge,
                problems=(400, 401, 403, 404, 415, 503), scope=Scope.ALERTS,
            ),
        )  # fmt: skip

    async def health(self, _request: web.Request, _principal: Principal) -> web.Response:
        return answer(answers.health(await self._sessions.health(), __version__))

    async def ready(self, _request: web.Request, _principal: Principal) -> web.Response:
        causes = list(await self._sessions.readiness())
        body = schemas.Readiness(ready=not causes, causes=causes)
        return answer(body, status=503 if causes else 200)

    async def client_config(self, _request: web.Request, principal: Principal) -> web.Response:
        caller = principal.session_id or f"key-{principal.key_id}"
        servers = ice_servers(self._settings.media, self._clock.now_ms(), caller)
        return answer(
            schemas.ClientConfig(
                ice_servers=[server.model_dump(exclude_none=True) for server in servers],
                expose_scores=self._settings.scores_exposed,
                environment=self._settings.environment,
            )
        )

    async def start_session(self, request: web.Request, principal: Principal) -> web.Response:
        # What makes no link is refused before anything is stored.
        origin = self._links.origin(request)
        body = await self._read(request, principal, schemas.StartSession)
        order = Order(
            return_url=body.return_url,
            metadata=body.metadata,
            locale=body.locale,
            profile=body.profile,
            expires_in_s=body.expires_in,
            exclude=tuple(kind.value for kind in body.exclude),
            tenant_id=principal.tenant_id,
        )

        async def create(new_id: str | None) -> schemas.StartedSession:
            view = await self._sessions.open(body.user_id, order, new_id)
            return self._links.started(origin, view, warnings_of(body))

        return await self._creations.answer(request, principal, body, create)

    async def retry(self, request: web.Request, principal: Principal) -> web.Response:
        origin = self._links.origin(request)

        async def create(new_id: str | None) -> schemas.StartedSession:
            return self._links.started(
                origin, await self._sessions.retry(principal.session_id, new_id)
            )

        return await self._creations.answer(request, principal, None, create)

    async def send_challenge(self, request: web.Request, principal: Principal) -> web.Response:
        body = await self._read(request, principal, schemas.SendChallenge)
        command = Command(CommandType.SEND_CHALLENGE, {"challenge_type": body.challenge_type.value})
        view = await self._sessions.command(body.session_id, command)
        return answer(
            schemas.ChallengeAnswer(
                session_id=view.session_id,
                status=view.outcome,
                challenge_type=body.challenge_type.value,
                challenges=answers.session_status(view).challenges,
                warnings=warnings_of(body),
            )
        )

    async def upload_frame(self, request: web.Request, principal: Principal) -> web.Response:
        if principal.is_institution:  # only the body says for which session
            body = await self._read(request, principal, schemas.UploadFrame)
            with self._uploads.place(parse_session_id(body.session_id)):
                return await self._upload(request, principal, body)
        with self._uploads.place(principal.session_id):
            body = await self._read(request, principal, schemas.UploadFrame)
            return await self._upload(request, principal, body)

    async def _upload(
        self, request: web.Request, principal: Principal, body: schemas.UploadFrame
    ) -> web.Response:
        picture = _picture(body.frame)
        view = await self._sessions.upload(
            body.session_id, picture, client_of(request), body.cannot
        )
        with_scores = principal.is_institution or self._settings.scores_exposed
        return answer(answers.frame(view, with_scores=with_scores, warnings=warnings_of(body)))

    async def complete(self, request: web.Request, principal: Principal) -> web.Response:
        body = await self._read(request, principal, schemas.SessionReference)
        view = await self._sessions.command(body.session_id, Command(CommandType.COMPLETE))
        alerts = await self._sessions.session_alerts(view.attempt_id)
        return answer(answers.verification(view, alerts, warnings_of(body)))

    async def cancel(self, request: web.Request, _principal: Principal) -> web.Response:
        """Ends the attempt that is open, and with it the link; what is over stays as it is."""
        session_id = request.match_info["session_id"]
        view = await self._sessions.command(session_id, Command(CommandType.CANCEL))
        return answer(answers.session_status(view))

    async def session_status(self, request: web.Request, _principal: Principal) -> web.Response:
        unknown = unknown_names(request, ("session_id",))
        if not self._settings.development:
            refuse(unknown)
        session_id = request.query.get("session_id", "")
        if not session_id:
            raise BadRequest("session_id: is missing", hint="send ?session_id=<id>")
        view = await self._sessions.status(session_id)
        return answer(answers.session_status(view, unknown))

    async def verifications(self, request: web.Request, principal: Principal) -> web.Response:
        query = read_query(request, VerificationsQuery)
        wanted = VerificationFilter(
            principal.tenant_id,
            query.user_id,
            query.state,
            query.status,
            query.from_ms,
            query.to_ms,
        )
        page = await self._sessions.verifications(wanted, query.after, query.limit)
        return answer(answers.verification_list(page))

    async def applicant_status(self, _request: web.Request, principal: Principal) -> web.Response:
        view = await self._sessions.attempt(principal.session_id)
        return answer(answers.applicant_status(view))

    async def journal(self, request: web.Request, _principal: Principal) -> web.Response:
        query = read_query(request, JournalQuery)
        entries = await self._sessions.journal(request.match_info["session_id"], query.after)
        return answer(answers.journal(entries))

    async def offer(self, request: web.Request, principal: Principal) -> web.Response:
        session_id = principal.session_id
        body = await read_body(request, principal, schemas.Offer)
        client = client_of(request, instance=body.instance, take_over=body.take_over)
        negotiated = await self._sessions.offer(session_id, body.sdp, client)
        return answer(schemas.AnswerBody(sdp=negotiated.sdp))

    async def active_alerts(self, request: web.Request, principal: Principal) -> web.Response:
        query = read_query(request, AlertsQuery)
        wanted = AlertFilter(principal.tenant_id, query.severity, query.type, query.session_id)
        page = await self._sessions.active_alerts(wanted, query.after, query.limit)
        alerts = [answers.alert(view) for view in page.alerts]
        return answer(schemas.AlertList(alerts=alerts, count=len(alerts), next=page.next))

    async def alert_statistics(self, _request: web.Request, principal: Principal) -> web.Response:
        found = await self._sessions.alert_statistics(principal.tenant_id)
        return answer(schemas.AlertStatistics(**found))

    async def acknowledge(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.Acknowledge)
        alert_id = request.match_info["alert_id"]
        view = await self._sessions.acknowledge_alert(
            alert_id, principal.tenant_id, principal.name, body.acknowledged_by
        )
        return answer(answers.alert(view))

    async def _read(self, request: web.Request, principal: Principal, model: type[Body]) -> Body:
        """The body of a call of the original system: in development it may have unknown keys."""
        return await read_body(request, principal, model, lenient=self._settings.development)


def _picture(data_url: str) -> bytes:
    """The bytes of a data URL (RFC 2397), with parameters or without. Encoders for MIME break base64 into
    lines (RFC 2045, 6.8). Raises `BadImage`."""
    head = _DATA_URL.match(data_url)
    if head is None:
        raise BadImage("frame is not a data URL of a JPEG, PNG or WebP in base64")
    try:
        return base64.b64decode(data_url[head.end() :].translate(_LINE_BREAKS), validate=True)
    except (binascii.Error, ValueError):
        raise BadImage("frame is not valid base64") from None
