"""What keeps bytes by name, wherever that is: a folder, or an object store that many servers share.

A name is words with slashes between them. Whatever goes wrong is an OSError, as it is with a disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct

BINARY = "application/octet-stream"


class Entry(Struct, frozen=True):
    """Something that is kept."""

    name: str
    at: float
    """When it was written, in seconds since 1970."""
    size: int


class Store(Protocol):
    """Bytes by name. Every method but `close` raises OSError where what keeps them does not do its part."""

    async def put(self, name: str, body: bytes) -> None:
        """Keep bytes, whole or not at all; what was under the name is written over."""

    async def put_new(self, name: str, body: bytes) -> bool:
        """Keep bytes where nothing is yet, and say whether that was so: of several servers, one is told True."""

    async def keep(self, name: str, body: bytes, *, kind: str = BINARY, claim: str | None = None) -> None:
        """Keep bytes whose name is made of their hash: what is there is young again and is not written once more.

        `claim` is the name of an empty entry beside it, there before it is looked whether the bytes are. `kind` is
        their media type, for whoever gets them past us.
        """

    async def get(self, name: str) -> bytes | None:
        """The bytes, None where there are none."""

    async def has(self, name: str) -> bool:
        """Whether there are any."""

    async def drop(self, *names: str) -> None:
        """Delete; nothing happens where there is nothing."""

    def listed(self, folder: str) -> AsyncIterator[Sequence[Entry]]:
        """All below a folder, by name, a page at a time: what is in memory, however much there is."""

    async def begins(self, folder: str, stem: str) -> Sequence[Entry]:
        """What lies in a folder itself, under a name that begins so."""

    async def presigned(self, name: str, seconds: int) -> str | None:
        """An address where anybody gets the bytes for so long; None where there are no such addresses."""

    def close(self) -> None:
        """Let go of what was taken."""
