"""A server's seat in a data folder: a lock that it has for as long as it lives, however it ends.

`server.lock` is shared by all servers of a folder; one of a version that had the folder for itself takes it alone, and
then neither starts beside the other. Beside it, each server locks a file under its own name: whoever can have that lock
knows at once that the server is over, without waiting for its lease. The system lets go of it with the last process
that has it open, which is the server's writer, so that what a dead server had sent to be written is written by then.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path


class InUseError(RuntimeError):
    """A server of a version that wants the data folder for itself has it."""


class Seat:
    """Taken by one server, under a name of its own."""

    def __init__(self, folder: Path) -> None:
        """Take one. Raises InUseError."""
        self.owner = f"s_{secrets.token_hex(8)}"
        self.place = f"{socket.gethostname()}:{folder.resolve()}"
        self._folder = folder
        _file(folder, self.owner).parent.mkdir(parents=True, exist_ok=True)
        self._shared = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(self._shared, fcntl.LOCK_SH):
            os.close(self._shared)
            raise InUseError(
                f"a server of an older version is using {folder}: it wants the folder for itself, and would take what "
                f"this one is working on for left behind. Stop it first, or give this one its own with --data."
            )
        self.descriptor = os.open(_file(folder, self.owner), os.O_RDWR | os.O_CREAT, 0o600)
        """For whoever has to be gone before this server is over."""
        assert _locked(self.descriptor, fcntl.LOCK_EX), "a new name is nobody's"

    def left(self, owner: str, place: str) -> bool:
        """Whether another server is surely over: it worked in this very folder, and its lock is free."""
        if place != self.place:
            return False
        try:
            descriptor = os.open(_file(self._folder, owner), os.O_RDWR)
        except FileNotFoundError:  # that says nothing: its lease does
            return False
        try:
            return _locked(descriptor, fcntl.LOCK_SH)  # shared: others may be looking, too
        finally:
            os.close(descriptor)

    def forget(self, owner: str) -> None:
        """Another server's lock is of no use any more."""
        _file(self._folder, owner).unlink(missing_ok=True)

    def close(self) -> None:
        """Leave."""
        with suppress(FileNotFoundError):
            _file(self._folder, self.owner).unlink()
        os.close(self.descriptor)
        os.close(self._shared)


def _file(folder: Path, owner: str) -> Path:
    return folder / "servers" / f"{owner}.lock"


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
