"""Answers as JSON, and the pieces that every answer of this dialect is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from providers.contract import Note
from proxy.dialects.contract import Outgoing

JSON = {"content-type": "application/json"}


def reply(told: Any, *, status: int = 200) -> Outgoing:
    """An answer without a picture in it."""
    return Outgoing(status=status, headers=JSON, body=(msgspec.json.encode(told),))


def members(told: Mapping[str, Any]) -> bytes:
    """The members of an object that is not empty, without its braces: to put a picture's text beside them."""
    return msgspec.json.encode(told)[1:-1]


def worded(notes: Iterable[Note]) -> list[str]:
    """Notes as a client shows them."""
    return [f"{note.field}: {note.detail}" for note in notes]
