"""A folder of pictures, each under the hash of its bytes: the same picture twice is one file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from providers.contract import Format, Image
from proxy.events import PicturesSwept, Tell


class Stored(Struct, frozen=True):
    """Where a picture lies."""

    sha256: str
    format: Format


class DiskStore:
    """Puts, gets and sweeps. The disk is touched in threads, never on the event loop."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._threads = ThreadPoolExecutor(4, "store")
        folder.mkdir(parents=True, exist_ok=True)

    async def put(self, image: Image) -> Stored:
        """Keep a picture; putting it again makes it young again. Raises OSError where the disk does not take it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._put, image)

    async def get(self, stored: Stored) -> bytes | None:
        """A picture's bytes, None where it is gone."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._get, stored)

    async def drop(self, stored: Stored) -> None:
        """Delete a picture; nothing happens where it is gone."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._drop, stored)

    async def sweep(self, older_s: float) -> None:
        """Remove what nobody put for so many seconds, and what a crash left half written."""
        before = time.time() - older_s
        self._tell(await asyncio.get_running_loop().run_in_executor(self._threads, self._sweep, before))

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown()

    def path(self, stored: Stored) -> Path:
        """The file of a picture."""
        return self._folder / stored.sha256[:2] / f"{stored.sha256}.{stored.format.suffix}"

    def _put(self, image: Image) -> Stored:
        body = image.body
        stored = Stored(hashlib.sha256(body).hexdigest(), image.format)
        path = self.path(stored)
        try:
            os.utime(path)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                file.write(body)
            Path(file.name).rename(path)  # whole or not at all
        return stored

    def _get(self, stored: Stored) -> bytes | None:
        try:
            return self.path(stored).read_bytes()
        except FileNotFoundError:
            return None

    def _drop(self, stored: Stored) -> None:
        self.path(stored).unlink(missing_ok=True)

    def _sweep(self, before: float) -> PicturesSwept:
        removed = kept = size = 0
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):  # removed by someone else meanwhile
                facts = path.stat()
                if facts.st_mtime < before:
                    path.unlink()
                    removed += 1
                else:
                    kept += 1
                    size += facts.st_size
        return PicturesSwept(removed=removed, kept=kept, kept_bytes=size)

    def _files(self) -> Iterator[Path]:
        for folder in self._folder.iterdir():
            if folder.is_dir():
                yield from folder.iterdir()
