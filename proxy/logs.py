"""Events as structlog lines, JSON on standard error. Never a key, never a picture; a prompt only if configured."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from proxy.events import (
    AttemptEnded,
    BreakerTurned,
    BudgetRefused,
    Event,
    HoldEnded,
    HoldLeft,
    Overrun,
    RequestEnded,
    ServerChanged,
)

LEVELS: Mapping[type, str] = {
    RequestEnded: "info",
    AttemptEnded: "debug",
    BudgetRefused: "info",
    BreakerTurned: "warning",
    HoldLeft: "warning",
    HoldEnded: "warning",
    Overrun: "error",
    ServerChanged: "info",
}
"""What becomes a line, and how loud; a failed attempt is a warning."""


def listener(level: str) -> Callable[[Event], None]:
    """A listener that writes lines of at least a level."""
    log = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    ).bind()

    def tell(event: Event) -> None:
        loud = LEVELS.get(type(event))
        if loud is None:
            return
        if isinstance(event, AttemptEnded) and event.outcome != "ok":
            loud = "warning"
        if isinstance(event, RequestEnded) and event.status >= 500:
            loud = "error"
        getattr(log, loud)(type(event).__name__, **_fields(event))

    return tell


def quiet_libraries() -> None:
    """Libraries log through the standard logger: their warnings only, on standard error."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


def _fields(event: Event) -> dict[str, Any]:
    """What is worth reading: everything but what is empty."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    if "seconds" in fields:
        fields["seconds"] = round(fields["seconds"], 6)
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _encode(fields: Any, **_: Any) -> bytes:
    return msgspec.json.encode(fields)
