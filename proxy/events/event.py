"""What all events have in common."""

from __future__ import annotations

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """Something that happened. What all of them have: a name, when they are written down."""
