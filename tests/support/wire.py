"""A client of HTTP that sends what it likes, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib

LIMIT_S = 5.0


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def head(self) -> tuple[int, str]:
        """Status and header of an answer, which may be an interim one."""
        async with asyncio.timeout(LIMIT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            return int(head.split(" ")[1]), head

    async def whole(self) -> tuple[int, str, bytes]:
        """Status, header and body of an answer."""
        status, head = await self.head()
        length = next(line for line in head.lower().split("\r\n") if "content-length" in line)
        async with asyncio.timeout(LIMIT_S):
            return status, head, await self._reader.readexactly(int(length.split(":")[1]))

    async def answer(self) -> tuple[int, str]:
        """Status and header of an answer; its body is read."""
        status, head, _ = await self.whole()
        return status, head

    async def is_closed(self) -> bool:
        """Wait for the end; whether nothing came before it."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return await self._reader.read() == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
