"""The server's end of the pipe to the one process that writes its ledger; the other end is `clerk.py`.

Writing from a thread of the server would make two threads pass Python's lock back and forth around every statement,
which costs a server under load more than everything else the ledger does. Here orders go over a socket in groups, and
come back answered when they are durable.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import msgspec
from sqlalchemy import make_url

from providers.contract import Failure, Fault
from proxy.events import LedgerAway, LedgerBack, Tell
from proxy.ledger.clerk import LENGTH
from proxy.ledger.engine import Place
from proxy.ledger.orders import Answer, Away, Note, Order, Posted, Reply

END_S = 10.0
"""Seconds the process has to finish when the server stops."""


class Scribe:
    """Writes orders by way of a process of its own."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tell: Tell = lambda _: None,
    ) -> None:
        self._tell = tell
        self._process = process
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder[Reply](Reply)

    @classmethod
    async def start(cls, place: Place, *, hold: int | None = None, tell: Tell = lambda _: None) -> Scribe:
        """Start the process. `hold` is a descriptor it keeps open, such as a lock that must outlive the server."""
        ours, theirs = socket.socketpair()
        kept = (theirs.fileno(),) if hold is None else (theirs.fileno(), hold)
        shown, environ = _without_password(place)
        command = [sys.executable, "-m", "proxy.ledger.clerk", shown, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=kept, stdin=subprocess.DEVNULL, env=environ)  # noqa: ASYNC220  returns at once
        theirs.close()
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 24)
        return cls(process, reader, writer, tell)

    async def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Post orders in one transaction. One call at a time. Raises UNAVAILABLE where the process is gone."""
        body = self._encoder.encode(orders)
        try:
            if self._writer.is_closing():
                raise ConnectionResetError
            self._writer.write(LENGTH.pack(len(body)) + body)
            while True:
                (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
                reply = self._decoder.decode(await self._reader.readexactly(length))
                if isinstance(reply, Posted):
                    return list(reply.answers)
                self._note(reply)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Failure(Fault.UNAVAILABLE, "the process that writes the ledger has ended") from error

    def _note(self, note: Note) -> None:
        if isinstance(note, Away):
            self._tell(LedgerAway(why=note.why))
        else:
            self._tell(LedgerBack(seconds=note.seconds, tries=note.tries))

    async def close(self) -> None:
        """Let it finish, and wait for that."""
        self._writer.close()
        await asyncio.to_thread(self._process.wait, END_S)


def _without_password(place: Place) -> tuple[str, dict[str, str]]:
    """What a process is told of a place: its arguments can be read by anybody on the machine, its environment not."""
    environ = dict(os.environ)
    if not isinstance(place, str):
        return str(place), environ
    url = make_url(place)
    if url.password is not None:
        environ["PGPASSWORD"] = str(url.password)
    return url._replace(password=None).render_as_string(hide_password=False), environ
