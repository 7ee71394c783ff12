"""The analysers of one session, on the pool: frames, the comparison with earlier footage, the close."""

from __future__ import annotations

from dataclasses import replace

import structlog

from kyc_rtc.frames import Frame
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.events import FootageCompared
from kyc_rtc.sessions.features import keep_features
from kyc_rtc.sessions.footage import find_earlier
from kyc_rtc.sessions.ports import AnalysisPort, Services
from kyc_rtc.sessions.states import SessionState
from kyc_rtc.storage.records import SessionRecord

log = structlog.get_logger(__name__)


class SessionAnalysis:
    """Made with the first frame. One call at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._analysis: AnalysisPort | None = None
        self._holds_decoded = False
        self._asking = False

    async def decode(self, frame: Frame) -> Frame:
        """An uploaded picture as a frame whose pixels are there; it waits where too many are, in this
        process, until `analyse` has seen them. Raises `BadImage`."""
        await self._services.decoded.acquire()
        self._holds_decoded = True
        try:
            image = await self._services.pool.run(frame.to_bgr)
        except BaseException:
            self._let_go()
            raise
        return replace(frame, to_bgr=lambda: image)

    async def analyse(self, frame: Frame, session: SessionRecord) -> FrameResult | None:
        """Analyse a frame; None where that failed: a frame that cannot be judged must not be skipped
        in silence."""
        pool, metrics = self._services.pool, self._services.metrics
        try:
            if self._analysis is None:
                self._analysis = await pool.run(self._services.new_analysis)
            analysis = self._analysis
            if session.state == SessionState.CHALLENGING and not self._asking:
                self._asking = True
                analysis.begin_challenges()
            result = await pool.run(lambda: analysis.analyse(frame))
        except Exception:  # whatever the libraries raise: fail closed
            log.exception("analysis_failed", session_id=session.session_id)
            return None
        finally:
            self._let_go()
        latency_ms = self._services.clock.monotonic_ms() - frame.received_at_ms
        metrics.frames.labels("analysed").inc()
        metrics.analysis_seconds.observe(latency_ms / 1000)
        return result

    async def compare(self, session: SessionRecord) -> FootageCompared:
        """Look for an earlier session with the same footage."""
        footage = self._analysis.record() if self._analysis is not None else b""
        if not footage:
            return FootageCompared(None)
        return await find_earlier(footage, session, self._services)

    async def aclose(self, session: SessionRecord) -> None:
        """Keep the features behind a verdict, and free the analysers. Idempotent."""
        analysis, self._analysis = self._analysis, None
        if analysis is None:
            return
        try:
            if session.verdict_status is not None:
                await keep_features(analysis, session, self._services)
        finally:
            await self._services.pool.run(analysis.close)

    def _let_go(self) -> None:
        """Another uploaded picture may be decoded."""
        if self._holds_decoded:
            self._holds_decoded = False
            self._services.decoded.release()
