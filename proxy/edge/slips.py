"""Slips: what a caller was given to come back with, kept in the store until nobody may ask any more.

A dialect writes an answer from what was asked, so what was asked has to be there when the answer is fetched: by another
connection, perhaps from another server than the one that took the request. A slip therefore is the request's body and
what is known of it; once it has ended, what the ledger does not keep of its end lies beside it:

    slips/acme/4f/req_7.body    .slip    .end

Bodies hold prompts and pictures: whoever reads the store reads them.
"""

from __future__ import annotations

import logging
import re
import time
import zlib
from collections.abc import Mapping, Set
from typing import TypeVar

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.store import Store

T = TypeVar("T")
_ID = re.compile(r"[\w-]{1,40}")
"""What may become part of a name in the store."""
FOLDER = "slips"


class Slip(Struct, frozen=True, kw_only=True):
    """A request that was taken and is to be asked for later."""

    id: str
    team: str
    key: str
    dialect: str
    path: str
    """Of its route, as the dialect has it: what reads and writes it."""
    kind: str
    """The media type of its body."""
    query: Mapping[str, str]
    model: str
    """As the caller named it."""
    created: int
    """Milliseconds since 1970."""
    begins: str
    """Scheme and host that links to it begin with, where nobody asks who would tell."""
    webhook: str | None = None
    """Whom to tell when it has ended."""
    bearer: str | None = None
    """What that is told with, besides the signature."""
    owner: str = ""
    """The server that works on it."""


class Lost(Struct, frozen=True, kw_only=True):
    """A failure as it is kept."""

    fault: Fault
    detail: str
    code: Code | None = None
    field: str | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, failure: Failure) -> Lost:
        """What is kept of one."""
        return cls(**{name: getattr(failure, name) for name in cls.__struct_fields__})

    def failure(self) -> Failure:
        """The failure again."""
        return Failure(self.fault, self.detail, code=self.code, field=self.field, retry_after=self.retry_after)


class Ending(Struct, frozen=True, kw_only=True):
    """How a request ended: what the ledger does not keep of it."""

    job: str
    """Whose answer it got: its own, or that of an earlier request it repeats."""
    prompt: str = ""
    missing: int = 0
    seconds: float = 0.0
    finished: int = 0
    """Milliseconds since 1970."""
    kept: str | None = None
    """Where its pictures lie (`job.pack`), for an answer that is no job of the ledger's."""
    lost: Lost | None = None


class Slips:
    """Those of all servers that share a store."""

    def __init__(self, store: Store, owner: str = "") -> None:
        """`owner`: the name of this server."""
        self._store = store
        self.owner = owner
        self.running: set[str] = set()
        """Those whose work goes on in this process: they have not ended, whatever the ledger says already."""

    async def put(self, slip: Slip, body: bytes) -> None:
        """Keep a slip and what was asked. Raises OSError where the store does not take it."""
        await self._store.put(_name(slip.team, slip.id, "body"), body)
        await self._store.put(_name(slip.team, slip.id, "slip"), msgspec.msgpack.encode(slip))  # last: it has its body

    async def find(self, id_: str, team: str) -> Slip | None:
        """A team's slip by the id of its request; None where the team has none of that id. Raises OSError."""
        return await self._read(_name(team, id_, "slip"), Slip) if _ID.fullmatch(id_) else None

    async def body(self, slip: Slip) -> bytes | None:
        """What was asked, None where it is gone. Raises OSError."""
        return await self._store.get(_name(slip.team, slip.id, "body"))

    async def end(self, slip: Slip, ending: Ending) -> bool:
        """Note how it ended, once: False where that is noted already, by whoever else thought it was theirs to do.

        Raises OSError where the store does not take it.
        """
        return await self._store.put_new(_name(slip.team, slip.id, "end"), msgspec.msgpack.encode(ending))

    async def ending(self, slip: Slip) -> Ending | None:
        """How it ended, where that is known. Raises OSError."""
        return await self._read(_name(slip.team, slip.id, "end"), Ending)

    async def drop(self, slip: Slip) -> None:
        """Forget it, and what was asked. Raises OSError."""
        await self._store.drop(*(_name(slip.team, slip.id, suffix) for suffix in ("slip", "body", "end")))

    async def unended(self, living: Set[str] = frozenset()) -> list[Slip]:
        """Those that had not ended when the server that worked on them did; `living` still do. Raises OSError."""
        found = []
        async for page in self._store.listed(FOLDER):
            names = {entry.name for entry in page}
            for name in names:
                if name.endswith(".slip") and f"{name.removesuffix('.slip')}.end" not in names:
                    slip = await self._read(name, Slip)
                    if slip is not None and slip.owner not in living and await self.ending(slip) is None:
                        found.append(slip)
        return sorted(found, key=lambda slip: slip.created)

    async def sweep(self, older_s: float, own: Mapping[str, float] | None = None) -> None:
        """Remove what was written more than so many seconds ago, or as many as a team has of its `own`.

        Raises OSError.
        """
        now = time.time()
        async for page in self._store.listed(FOLDER):
            old = [entry.name for entry in page if entry.at + (own or {}).get(_team(entry.name), older_s) < now]
            if old:
                await self._store.drop(*old)

    async def _read(self, name: str, kind: type[T]) -> T | None:
        body = await self._store.get(name)
        try:
            return None if body is None else msgspec.msgpack.decode(body, type=kind)
        except msgspec.DecodeError:  # of another version, or half of it lost with the power
            logging.getLogger(__name__).exception("%s cannot be read", name)
            return None


def _name(team: str, id_: str, suffix: str) -> str:
    return f"{FOLDER}/{team}/{zlib.crc32(id_.encode()) & 255:02x}/{id_}.{suffix}"


def _team(name: str) -> str:
    return name.split("/", 2)[1]
