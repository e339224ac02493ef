"""A folder as a store: every name is the path of a file. The disk is touched in threads, never on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from proxy.store.port import BINARY, Entry

T = TypeVar("T")
THREADS = 4


class DiskStore:
    """Files of their owner's alone; written beside their place and put there whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(THREADS, "store")
        folder.mkdir(parents=True, exist_ok=True)

    async def put(self, name: str, body: bytes) -> None:
        """As the port says."""
        await self._in_thread(lambda: self._write(name, body))

    async def put_new(self, name: str, body: bytes) -> bool:
        """As the port says."""
        return await self._in_thread(lambda: self._write_new(name, body))

    async def keep(self, name: str, body: bytes, *, kind: str = BINARY, claim: str | None = None) -> None:
        """As the port says."""
        await self._in_thread(lambda: self._keep(name, body, claim))

    async def get(self, name: str) -> bytes | None:
        """As the port says."""
        return await self._in_thread(lambda: self._read(name))

    async def has(self, name: str) -> bool:
        """As the port says."""
        return await self._in_thread(self.path(name).exists)

    async def drop(self, *names: str) -> None:
        """As the port says."""

        def drop() -> None:
            for name in names:
                self.path(name).unlink(missing_ok=True)

        await self._in_thread(drop)

    async def listed(self, folder: str) -> AsyncIterator[Sequence[Entry]]:
        """As the port says; a page is a folder, and every one is found out in a thread."""
        pages = self._pages(self.path(folder))
        while (page := await self._in_thread(lambda: next(pages, None))) is not None:
            yield page

    async def begins(self, folder: str, stem: str) -> Sequence[Entry]:
        """As the port says."""
        return await self._in_thread(lambda: self._entries(self.path(folder), stem))

    async def presigned(self, name: str, seconds: int) -> str | None:
        """None: a disk has no address."""
        return None

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown()

    def path(self, name: str) -> Path:
        """The file of a name."""
        return self._folder / name

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _write(self, name: str, body: bytes) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(body)
        Path(file.name).rename(path)

    def _write_new(self, name: str, body: bytes) -> bool:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(body)
        try:
            os.link(file.name, path)  # unlike a rename, this fails where something is
        except FileExistsError:
            return False
        else:
            return True
        finally:
            Path(file.name).unlink()

    def _keep(self, name: str, body: bytes, claim: str | None) -> None:
        if claim is not None:
            self._touch(claim)
        try:
            os.utime(self.path(name))
        except FileNotFoundError:
            self._write(name, body)

    def _touch(self, name: str) -> None:
        path = self.path(name)
        try:
            path.touch(mode=0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)

    def _read(self, name: str) -> bytes | None:
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None

    def _pages(self, top: Path) -> Iterator[Sequence[Entry]]:
        for at, folders, _ in os.walk(top):
            folders.sort()
            if page := self._entries(Path(at), ""):
                yield page

    def _entries(self, folder: Path, stem: str) -> Sequence[Entry]:
        found: list[Entry] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as there:
            for each in there:
                if each.name.startswith(stem) and each.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):  # removed by someone else meanwhile
                        facts = each.stat(follow_symlinks=False)
                        name = Path(each.path).relative_to(self._folder).as_posix()
                        found.append(Entry(name, facts.st_mtime, facts.st_size))
        return sorted(found, key=lambda entry: entry.name)
