"""Real receivers on loopback: an SMTP server and an HTTP server, which answer as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class HttpReceiver:
    """Keeps the bodies that it accepts. `answer` gives the status of the next one; None: it hangs."""

    answer: Callable[[], int | None] = lambda: 200
    text: str = "ok"
    url: str = ""
    paths: list[str] = field(default_factory=list)
    accepted: list[Any] = field(default_factory=list)
    asked: int = 0
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        status = self.answer()
        if status is None:
            await self.ending.wait()
        body = await request.json()
        if status == 200:
            self.paths.append(request.path)
            self.accepted.append(body)
        return web.Response(status=status or 500, text=self.text)


@asynccontextmanager
async def http_receiver(
    answer: Callable[[], int | None] = lambda: 200,
) -> AsyncIterator[HttpReceiver]:
    """An HTTP server on a free port."""
    receiver = HttpReceiver(answer)
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}"
    try:
        yield receiver
    finally:
        receiver.ending.set()
        await runner.cleanup()


@dataclass
class MailReceiver:
    """Keeps the mails that it accepts. `answer` gives its answer to each, such as `250 OK`."""

    answer: Callable[[], str] = lambda: "250 OK"
    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    asked: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def received(self, count: int) -> None:
        """Wait until it has accepted so many."""
        while len(self.mails) < count:
            self.news.clear()
            await self.news.wait()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        self.asked += 1
        said = self.answer()
        if said.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append((list(envelope.rcpt_tos), mail))
            self.news.set()
        return said


@asynccontextmanager
async def mail_receiver(
    answer: Callable[[], str] = lambda: "250 OK",
) -> AsyncIterator[MailReceiver]:
    """An SMTP server on a free port, in this event loop."""
    receiver = MailReceiver(answer)
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks()
    server = await loop.create_server(lambda: SMTP(receiver, hostname="test"), "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
        # The library starts a task for each connection, and leaves it to end by itself.
        tasks = [task for task in asyncio.all_tasks() - others if _serves_mail(task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _serves_mail(task: asyncio.Task[Any]) -> bool:
    return "SMTP" in getattr(task.get_coro(), "__qualname__", "")
