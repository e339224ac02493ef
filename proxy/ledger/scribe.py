"""The server's end of the pipe to the one process that writes a SQLite ledger; the other end is `clerk.py`.

Writing from a thread of the server would make two threads pass Python's lock back and forth around every statement,
which costs a server under load more than everything else the ledger does. Here orders go over a socket in groups, and
come back answered when they are durable.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from providers.contract import Failure, Fault
from proxy.ledger.clerk import LENGTH
from proxy.ledger.orders import Answer, Order

END_S = 10.0
"""Seconds the process has to finish when the server stops."""


class Scribe:
    """Writes orders by way of a process of its own."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(list[Answer])

    @classmethod
    async def start(cls, file: Path, *, hold: int | None = None) -> Scribe:
        """Start the process. `hold` is a descriptor it keeps open, such as a lock that must outlive the server."""
        ours, theirs = socket.socketpair()
        kept = (theirs.fileno(),) if hold is None else (theirs.fileno(), hold)
        command = [sys.executable, "-m", "proxy.ledger.clerk", str(file), str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=kept, stdin=subprocess.DEVNULL)  # noqa: ASYNC220  returns at once
        theirs.close()
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 24)
        return cls(process, reader, writer)

    async def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Post orders in one transaction. One call at a time. Raises UNAVAILABLE where the process is gone."""
        body = self._encoder.encode(orders)
        try:
            if self._writer.is_closing():
                raise ConnectionResetError
            self._writer.write(LENGTH.pack(len(body)) + body)
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Failure(Fault.UNAVAILABLE, "the process that writes the ledger has ended") from error

    async def close(self) -> None:
        """Let it finish, and wait for that."""
        self._writer.close()
        await asyncio.to_thread(self._process.wait, END_S)
