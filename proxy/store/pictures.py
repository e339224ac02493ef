"""Pictures in a store, each under the hash of its bytes: the same picture twice is kept once.

Beside a picture lie its claims, an empty entry for each request that it was made for:

    pictures/ab/ab12….png              the picture
    pictures/ab/ab12….png.req_7        of request req_7; as old as its latest put

A picture goes with its last claim: when that one is deleted, or is older than its request's team keeps pictures. One
that nobody claims is as old as itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from providers.contract import Format, Image
from proxy.events import PicturesSwept, Tell
from proxy.store.port import Entry, Store

_NAME = re.compile(r"([0-9a-f]{64})\.(\w+)(?:\.([\w-]+))?")
"""Of a picture, and of its claims."""
_LEFT = "."
"""What the names of files begin with that a crash left half written."""

Keeps = Callable[[Sequence[str]], Awaitable[Mapping[str, float]]]
"""How many seconds the pictures of requests are kept, of those that differ from the rest."""


class Stored(Struct, frozen=True):
    """Where a picture lies."""

    sha256: str
    format: Format


class Pictures:
    """Those of one folder of a store."""

    def __init__(self, store: Store, folder: str, tell: Tell, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._store = store
        self._folder = folder
        self._tell = tell

    async def put(self, image: Image, job: str | None = None) -> Stored:
        """Keep a picture, for a request; putting it again makes it young again.

        Raises OSError where the store does not take it, ValueError where its base64 breaks off.
        """
        body, stored = await asyncio.to_thread(_hashed, image)
        name = self._name(stored)
        await self._store.keep(name, body, kind=stored.format.mime, claim=None if job is None else f"{name}.{job}")
        return stored

    async def get(self, stored: Stored) -> bytes | None:
        """A picture's bytes, None where it is gone. Raises OSError."""
        return await self._store.get(self._name(stored))

    async def drop(self, stored: Stored) -> None:
        """Delete a picture, whoever claims it; nothing happens where it is gone. Raises OSError."""
        await self._store.drop(self._name(stored))

    async def release(self, stored: Stored, job: str) -> bool:
        """Give up a request's claim, and the picture with it if that was the last. Says whether it is gone by that.

        A picture that the request does not claim stays: it is another's, or of a version without claims, where nobody
        knows whose it is besides. Raises OSError.
        """
        name = self._name(stored)
        claim = f"{name}.{job}"
        if all(each.name != claim for each in await self._together(name)):
            return False
        await self._store.drop(claim)
        if any(each.name != name for each in await self._together(name)):
            return False
        await self._store.drop(name)
        return True

    async def presigned(self, stored: Stored, seconds: int) -> str | None:
        """The store's own link to a picture that is there, if it has such links. Raises OSError."""
        name = self._name(stored)
        return await self._store.presigned(name, seconds) if await self._store.has(name) else None

    async def sweep(self, older_s: float, keeps: Keeps | None = None) -> None:
        """Remove what nobody put for so many seconds, or for as many as `keeps` says of who claims it.

        Raises OSError.
        """
        now = self._clock()
        removed = kept = size = 0
        async for groups in self._groups():
            claims = [job for group in groups for each in group if (job := _claim(each)) is not None]
            own = await keeps(claims) if keeps is not None else {}
            for group in groups:
                stays = _until(group, older_s, own) >= now or not await self._swept(group, now, older_s, own)
                picture = _picture(group)
                removed += picture is not None and not stays
                kept += picture is not None and stays
                size += picture.size if picture is not None and stays else 0
        self._tell(PicturesSwept(removed=removed, kept=kept, kept_bytes=size))

    async def _swept(self, group: Sequence[Entry], now: float, older_s: float, own: Mapping[str, float]) -> bool:
        """Remove a picture and its claims, unless somebody has put it since it was listed."""
        if _NAME.fullmatch(_last(group[0])) is not None:
            folder = group[0].name.rpartition("/")[0]
            group = await self._together(f"{folder}/{_whose(group[0])}")
            if group and _until(group, older_s, own) >= now:
                return False
        await self._store.drop(*(each.name for each in reversed(group)))  # the picture, which is the first, at last
        return True

    async def _together(self, name: str) -> list[Entry]:
        """A picture and its claims, those that are there."""
        folder, _, stem = name.rpartition("/")
        found = await self._store.begins(folder, stem)
        return [each for each in found if each.name == name or each.name.startswith(f"{name}.")]

    async def _groups(self) -> AsyncIterator[list[list[Entry]]]:
        """What is there, each picture with its claims, and what a crash left by itself; a page at a time."""
        left: list[Entry] = []
        async for page in self._store.listed(self._folder):
            groups = list(_grouped(itertools.chain(left, page)))
            left = groups.pop() if groups else []  # it may go on in the next page
            yield groups
        if left:
            yield [left]

    def _name(self, stored: Stored) -> str:
        return f"{self._folder}/{stored.sha256[:2]}/{stored.sha256}.{stored.format.suffix}"


def _hashed(image: Image) -> tuple[bytes, Stored]:
    body = image.body
    return body, Stored(hashlib.sha256(body).hexdigest(), image.format)


def _last(entry: Entry) -> str:
    return entry.name.rpartition("/")[2]


def _claim(entry: Entry) -> str | None:
    match = _NAME.fullmatch(_last(entry))
    return None if match is None else match[3]


def _whose(entry: Entry) -> str:
    """The last part of the name of the picture that it is or that it claims; its own name where it is neither."""
    match = _NAME.fullmatch(_last(entry))
    return _last(entry) if match is None else f"{match[1]}.{match[2]}"


def _picture(group: Sequence[Entry]) -> Entry | None:
    match = _NAME.fullmatch(_last(group[0]))
    return group[0] if match is not None and match[3] is None else None


def _until(group: Sequence[Entry], older_s: float, own: Mapping[str, float]) -> float:
    """Until when it is kept: by its claims, and where there are none by itself."""
    claims = [each.at + own.get(job, older_s) for each in group if (job := _claim(each)) is not None]
    return max(claims, default=group[0].at + older_s)


def _grouped(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """A picture and its claims stand together, as names go; what is neither is left alone."""
    for _, group in itertools.groupby(entries, _whose):
        found = list(group)
        if _NAME.fullmatch(_last(found[0])) is not None or _last(found[0]).startswith(_LEFT):
            yield found
