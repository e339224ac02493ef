"""The file that keeps what was measured: `learned.json` in the data folder, for all servers of that folder.

Each adds what it has measured since, under a lock, to what lies there, and puts the whole in its place at once: a
reader finds the old one or the new one, and a server what the others learned as well.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from pricing.pace import KEPT, Sample, bucket_of

FORGET_MS = 180 * 86_400_000
"""What was not measured for so long is forgotten: nobody loads the model like that any more."""
LOADS = 8
"""Loadings of a model that are remembered."""


class Of(NamedTuple):
    """What pictures are alike in, but for their steps."""

    model: str
    made: str
    """Stands for how the model is loaded."""
    engine: str
    guided: bool
    bucket: int
    """Of sizes, as `pricing.pace` has them."""


class Drawn(Struct, frozen=True, kw_only=True):
    """What pictures that are alike took, the latest of them."""

    model: str
    made: str
    engine: str
    guided: bool
    at: int
    """When the last one was drawn, in ms of Unix time."""
    samples: tuple[Sample, ...]

    @property
    def of(self) -> Of:
        """Which pictures they are."""
        return Of(self.model, self.made, self.engine, self.guided, bucket_of(self.samples[-1].pixels))

    @property
    def sound(self) -> bool:
        """Whether it is what this program writes: somebody may have had a hand in the file."""
        return bool(self.samples) and all(each.sound for each in self.samples)

    def then(self, later: Drawn) -> Drawn:
        """These, and after them others."""
        samples = (*self.samples, *later.samples)[-KEPT:]
        return msgspec.structs.replace(later, samples=samples, at=max(self.at, later.at))


class Loaded(Struct, frozen=True, kw_only=True):
    """What it took to load a model, the latest times."""

    model: str
    made: str
    at: int
    seconds: tuple[float, ...]

    @property
    def of(self) -> tuple[str, str]:
        """Which model it is, and how it is loaded."""
        return self.model, self.made

    @property
    def sound(self) -> bool:
        """As above."""
        return bool(self.seconds) and all(isfinite(each) and each >= 0 for each in self.seconds)

    def then(self, later: Loaded) -> Loaded:
        """These, and after them others."""
        seconds = (*self.seconds, *later.seconds)[-LOADS:]
        return msgspec.structs.replace(later, seconds=seconds, at=max(self.at, later.at))


class Kept(Struct, frozen=True, kw_only=True):
    """All of it. It never changes: what is learned makes another one."""

    version: Literal[1] = 1
    drawn: tuple[Drawn, ...] = ()
    loaded: tuple[Loaded, ...] = ()

    def then(self, later: Kept) -> Kept:
        """All of it, and after it what was measured later."""
        return Kept(drawn=_then(self.drawn, later.drawn), loaded=_then(self.loaded, later.loaded))

    def since(self, moment: int) -> Kept:
        """Less what was last measured before a moment, in ms of Unix time."""
        return Kept(
            drawn=tuple([each for each in self.drawn if each.at >= moment]),
            loaded=tuple([each for each in self.loaded if each.at >= moment]),
        )


NOTHING = Kept()
_T = TypeVar("_T", Drawn, Loaded)


def _then(earlier: Iterable[_T], later: Iterable[_T]) -> tuple[_T, ...]:
    found = {each.of: each for each in earlier}
    for each in later:
        found[each.of] = found[each.of].then(each) if each.of in found else each
    return tuple(found.values())


def read(file: Path) -> Kept:
    """What a file has; nothing where there is none, or where it is none of ours, which the log is told."""
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=Kept)
    except FileNotFoundError:
        return NOTHING
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        logging.getLogger(__name__).warning("%s cannot be read, and is begun anew: %s", file, error)
        return NOTHING
    return Kept(
        drawn=tuple([each for each in kept.drawn if each.sound]),
        loaded=tuple([each for each in kept.loaded if each.sound]),
    )


def add(file: Path, news: Kept, now: int) -> Kept:
    """Put what is new to what a file has, at ms of Unix time, and return all of it. Blocking. Raises OSError."""
    with _alone(file):
        kept = read(file).then(news).since(now - FORGET_MS)
        new = file.with_name(f"{file.name}.new")
        with new.open("wb") as opened:
            opened.write(msgspec.json.encode(kept))
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(file)
    return kept


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """No other process, and no other thread, is at the file meanwhile. The system lets go of it however we end."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
