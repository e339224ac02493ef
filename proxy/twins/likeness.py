"""When two requests ask for the same picture. Pure: a request in, fingerprints out.

What tells two requests apart is said here by what does not: a field nobody thought of makes two pictures out of one,
and never one out of two.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from providers.contract import Format, Image
from proxy.job import Job

VERSION = b"darkroom twin 1\n"
"""A new one where the same words come to mean another picture: older answers are then found no more."""
UNSEEN = frozenset({"user", "previews", "grows"})
"""Fields of a request that its finished picture does not show: for whom, what is shown meanwhile, what is set aside."""
ENCODING = frozenset({"format", "compression"})
"""Fields that are about the file, and not about what is to be seen in it."""
STEERING = ("strict", "max_cost", "max_seconds", "regions", "policy", "providers", "finish")
"""Fields of a job that decide who draws, or what becomes of a picture afterwards."""
ASIDE = frozenset(
    {
        *("id", "key", "dialect", "request", "print", "created", "lease", "idempotency", "retry", "keep", "recall"),
        *("preview", "held", "wanted", "notes", "twin", "cache", "user"),
    }
)
"""Fields of a job that are about the asking; of its key, the team counts, and whether it is for tests."""
LOSSY = frozenset({None, Format.JPEG, Format.WEBP})
"""Wishes that a picture kept as PNG fulfils as well: encoding it again loses nothing that was asked for."""


class Likeness(Struct, frozen=True):
    """Fingerprints of the pictures that would do for a job, 32 bytes each."""

    own: bytes
    """Of the very picture it asks for: all that makes it what it is."""
    alike: tuple[bytes, ...] = ()
    """Of others that would do, encoded as it asks."""
    sized: tuple[bytes, ...] = ()
    """Of others that would do where they came out at the size asked for, whether or not they had to."""

    @property
    def every(self) -> tuple[bytes, ...]:
        """All of them, best first."""
        return (self.own, *self.alike, *self.sized)


def likeness(job: Job, model: str) -> Likeness:
    """What makes a job's picture what it is. `model` is what serves it, whatever name it was asked for by.

    Hashes every picture sent along, which for large ones takes a while. Raises ValueError where one is base64 that does
    not decode.
    """
    request = job.request
    seen = {
        name: _plain(value)
        for name, value in asdict(request).items()
        if value is not None and name not in UNSEEN and name not in ENCODING
    }
    steering = {name: _plain(value) for name in STEERING if (value := getattr(job, name)) is not None}
    whole = {
        "team": job.key.team,
        "test": job.key.test,
        "does": type(request).__name__,
        "request": {**seen, "model": model},
        **steering,
    }
    lossless: dict[str, Any] = {"format": Format.PNG, "compression": None}
    encodings: list[dict[str, Any]] = [{"format": request.format, "compression": request.compression}]
    if request.format is Format.PNG:
        encodings = [lossless]
    elif request.format in LOSSY:
        encodings.append(lossless)
    own, *alike = [_print(whole, encoding) for encoding in encodings]
    if request.width is None or job.finish is not None:
        return Likeness(own, tuple(alike))
    whole["request"]["exact"] = not request.exact
    return Likeness(own, tuple(alike), tuple([_print(whole, encoding) for encoding in encodings]))


def _print(whole: dict[str, Any], encoding: dict[str, Any]) -> bytes:
    said = msgspec.json.encode({**whole, "encoding": encoding}, order="deterministic")
    return hashlib.sha256(VERSION + said).digest()


def _plain(value: Any) -> Any:
    """A value as JSON has it, the same however a dialect spells it: 7 is 7.0, and a picture is its content."""
    match value:
        case Image():
            return hashlib.sha256(value.body).hexdigest()
        case float() if value.is_integer():
            return int(value)
        case Decimal():
            return str(value.normalize())
        case Enum():
            return value.value
        case frozenset():
            return sorted(_plain(each) for each in value)
        case tuple():
            return [_plain(each) for each in value]
        case Struct():
            return {name: _plain(each) for name, each in asdict(value).items() if each is not None}
    return value
