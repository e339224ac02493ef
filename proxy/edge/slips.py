"""Slips: what a caller was given to come back with, kept on disk until nobody may ask any more.

A dialect writes an answer from what was asked, so what was asked has to be there when the answer is fetched: by another
connection, perhaps from another process than the one that took the request. A slip therefore is the request's body and
what is known of it; once it has ended, what the ledger does not keep of its end lies beside it. Readable by the owner
of the data folder alone: bodies hold prompts and pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from providers.contract import Code, Failure, Fault

T = TypeVar("T")
_ID = re.compile(r"[\w-]{1,40}")
"""What may become the name of a file."""


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
    """A folder of them. The disk is touched in threads, never on the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running: set[str] = set()
        """Those whose work goes on in this process: they have not ended, whatever the ledger says already."""
        folder.mkdir(parents=True, exist_ok=True)

    async def put(self, slip: Slip, body: bytes) -> None:
        """Keep a slip and what was asked. Raises OSError where the disk does not take it."""
        await asyncio.to_thread(self._put, slip, body)

    async def find(self, id_: str, team: str) -> Slip | None:
        """A team's slip by the id of its request; None where the team has none of that id."""
        if not _ID.fullmatch(id_):
            return None
        slip = await asyncio.to_thread(self._read, self._file(id_, "slip"), Slip)
        return slip if slip is not None and slip.team == team else None

    async def body(self, slip: Slip) -> bytes | None:
        """What was asked, None where it is gone."""
        return await asyncio.to_thread(_bytes_of, self._file(slip.id, "body"))

    async def end(self, slip: Slip, ending: Ending) -> None:
        """Note how it ended. Raises OSError where the disk does not take it."""
        await asyncio.to_thread(self._write, self._file(slip.id, "end"), msgspec.msgpack.encode(ending))

    async def ending(self, slip: Slip) -> Ending | None:
        """How it ended, where that is known."""
        return await asyncio.to_thread(self._read, self._file(slip.id, "end"), Ending)

    async def unended(self) -> list[Slip]:
        """Those a process took that has ended before they had."""
        return await asyncio.to_thread(self._unended)

    async def sweep(self, older_s: float) -> None:
        """Remove what was written more than so many seconds ago."""
        await asyncio.to_thread(self._sweep, time.time() - older_s)

    def _file(self, id_: str, suffix: str) -> Path:
        return self._folder / f"{zlib.crc32(id_.encode()) & 255:02x}" / f"{id_}.{suffix}"

    def _put(self, slip: Slip, body: bytes) -> None:
        self._write(self._file(slip.id, "body"), body)
        self._write(self._file(slip.id, "slip"), msgspec.msgpack.encode(slip))  # last: a slip has its body

    @staticmethod
    def _write(path: Path, body: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:  # its owner's alone
            file.write(body)
        Path(file.name).rename(path)  # whole or not at all

    @staticmethod
    def _read(path: Path, kind: type[T]) -> T | None:
        body = _bytes_of(path)
        try:
            return None if body is None else msgspec.msgpack.decode(body, type=kind)
        except msgspec.DecodeError:  # of another version, or half of it lost with the power
            logging.getLogger(__name__).exception("%s cannot be read", path)
            return None

    def _unended(self) -> list[Slip]:
        found = []
        for path in self._files():
            if path.suffix == ".slip" and not path.with_suffix(".end").exists():
                slip = self._read(path, Slip)
                if slip is not None:
                    found.append(slip)
        return sorted(found, key=lambda slip: slip.created)

    def _sweep(self, before: float) -> None:
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):  # removed by someone else meanwhile
                if path.stat().st_mtime < before:
                    path.unlink()

    def _files(self) -> Iterator[Path]:
        for folder in self._folder.iterdir():
            yield from folder.iterdir()


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
