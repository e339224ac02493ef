"""An object store as a store: S3 and what speaks like it, Google's, Azure's; `obstore` talks to all of them.

Its calls run on threads of its own and copy no bytes on their way out. Whatever it raises becomes an OSError here, and
nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from proxy.events import StoreFailed, Tell
from proxy.store.port import BINARY, Entry

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

SCHEMES = ("s3://", "gs://", "az://")
CLIENT = frozenset(
    {"allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_url", "timeout", "user_agent"}
)
"""Options of the connection; all others are the store's own."""
RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
"""A caller waits meanwhile."""
PAGE = 1000
"""As many as one listing answers."""


class ObjectStore:
    """A bucket, or what is below a prefix of it."""

    def __init__(self, url: str, options: Mapping[str, str], tell: Tell) -> None:
        """Credentials come from the environment, as every tool of that vendor takes them. Asks nobody anything.

        Raises ValueError where the address or an option is none, or the library is not installed.
        """
        try:
            import obstore  # an extra: `darkroom[objects]`
            from obstore.exceptions import BaseError
        except ImportError as error:
            raise ValueError(f"{url} needs a library: pip install 'darkroom[objects]'") from error
        if not url.startswith(SCHEMES):
            raise ValueError(f"{url!r} is no object store: write s3://bucket/prefix, gs://… or az://…")
        self._do = obstore
        self._errors = BaseError
        self._tell = tell
        own: Any = {name: value for name, value in options.items() if name not in CLIENT}
        client: Any = {name: value for name, value in options.items() if name in CLIENT}
        try:
            found = obstore.store.from_url(url, config=own, client_options=client, retry_config=RETRIES)
        except (BaseError, ValueError) as error:
            raise ValueError(_first_line(error)) from error
        self._at: S3Store | GCSStore | AzureStore = found  # type: ignore[assignment]  # by SCHEMES

    async def put(self, name: str, body: bytes) -> None:
        """As the port says."""
        with self._told("put"):
            await self._do.put_async(self._at, name, body, use_multipart=False)

    async def put_new(self, name: str, body: bytes) -> bool:
        """As the port says: by a condition that the vendor holds."""
        with self._told("put"):
            try:
                await self._do.put_async(self._at, name, body, mode="create")
            except self._do.exceptions.AlreadyExistsError:
                return False
            return True

    async def keep(self, name: str, body: bytes, *, kind: str = BINARY, claim: str | None = None) -> None:
        """As the port says. Nothing makes an object young again but a claim of it, or writing it once more."""
        if claim is None:
            there = await self.has(name)
        else:
            _, there = await asyncio.gather(self.put(claim, b""), self.has(name))
            there = there and await self.has(name)  # what the janitor took before it saw the claim is written again
        if not there:
            with self._told("put"):
                await self._do.put_async(self._at, name, body, attributes={"Content-Type": kind}, use_multipart=False)

    async def get(self, name: str) -> bytes | None:
        """As the port says."""
        with self._told("get"):
            try:
                found = await self._do.get_async(self._at, name)
                return (await found.bytes_async()).to_bytes()  # the one copy: from its memory into Python's
            except FileNotFoundError:
                return None

    async def has(self, name: str) -> bool:
        """As the port says."""
        with self._told("get"):
            try:
                await self._do.head_async(self._at, name)
            except FileNotFoundError:
                return False
            return True

    async def drop(self, *names: str) -> None:
        """As the port says."""
        with self._told("drop"):
            for at in range(0, len(names), PAGE):
                try:
                    await self._do.delete_async(self._at, list(names[at : at + PAGE]))
                except FileNotFoundError:  # Google and Azure say so, S3 does not
                    await self._drop_each(names[at : at + PAGE])

    async def listed(self, folder: str) -> AsyncIterator[Sequence[Entry]]:
        """As the port says."""
        with self._told("list"):
            async for page in self._do.list(self._at, folder, chunk_size=PAGE):
                yield [_entry(each) for each in page]

    async def begins(self, folder: str, stem: str) -> Sequence[Entry]:
        """As the port says. Names come in order, so that only what is asked for is listed."""
        found: list[Entry] = []
        begin = f"{folder}/{stem}"
        with self._told("list"):
            async for page in self._do.list(self._at, folder, offset=begin[:-1], chunk_size=PAGE):
                entries = [_entry(each) for each in page]
                alike = [each for each in entries if each.name.startswith(begin)]
                found += [each for each in alike if "/" not in each.name[len(begin) :]]
                if entries[-1].name > begin and not entries[-1].name.startswith(begin):
                    break
        return found

    async def presigned(self, name: str, seconds: int) -> str | None:
        """As the port says."""
        with self._told("sign"):
            return await self._do.sign_async(self._at, "GET", name, timedelta(seconds=seconds))

    def close(self) -> None:
        """Nothing was taken."""

    async def _drop_each(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                await self._do.delete_async(self._at, name)
            except FileNotFoundError:  # gone, as it should be
                continue

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Whatever fails is told and is an OSError."""
        try:
            yield
        except (self._errors, OSError) as error:
            why = _first_line(error)
            self._tell(StoreFailed(what=what, why=why))
            raise OSError(f"the object store failed: {why}") from error


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], meta["last_modified"].timestamp(), meta["size"])


def _first_line(error: Exception) -> str:
    """What a vendor said; what follows is for those who write its library."""
    return str(error).partition("\n")[0].strip()
