"""Events as structlog lines, JSON on standard error. Never a key, never a picture; a prompt only if configured."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import msgspec
import structlog
from msgspec.structs import replace

from proxy.events import (
    AccountTurned,
    AttemptEnded,
    BalanceLow,
    BalanceRead,
    BalanceUnknown,
    BreakerTurned,
    BudgetReached,
    BudgetRefused,
    ConfigurationRefused,
    ConfigurationTaken,
    Event,
    Forgotten,
    Hedged,
    HedgePaid,
    HoldEnded,
    HoldLeft,
    LeaseLapsed,
    LedgerAway,
    LedgerBack,
    MemoryStrained,
    ModelsShelved,
    Overrun,
    PaidUnusable,
    PriceDrifted,
    RendererDied,
    RendererRested,
    RendererStarted,
    RequestEnded,
    RequestErased,
    Reused,
    ServerChanged,
    ServersSeen,
    ShadowPlanned,
    SharedTurned,
    StoreFailed,
    TakenOver,
    WebhookEnded,
)

LOUDNESS: Mapping[type, str] = {
    RequestEnded: "info",
    AttemptEnded: "debug",
    BudgetRefused: "info",
    BudgetReached: "warning",
    BreakerTurned: "warning",
    AccountTurned: "warning",
    Forgotten: "info",
    BalanceRead: "debug",
    BalanceLow: "warning",
    BalanceUnknown: "warning",
    PaidUnusable: "warning",
    Hedged: "info",
    HedgePaid: "info",
    HoldLeft: "warning",
    LedgerAway: "warning",
    LedgerBack: "warning",
    HoldEnded: "warning",
    Overrun: "error",
    PriceDrifted: "warning",
    ServerChanged: "info",
    ServersSeen: "info",
    TakenOver: "warning",
    LeaseLapsed: "error",
    SharedTurned: "error",
    StoreFailed: "warning",
    RequestErased: "info",
    ConfigurationTaken: "info",
    ConfigurationRefused: "error",
    RendererStarted: "info",
    RendererDied: "error",
    RendererRested: "info",
    MemoryStrained: "warning",
    ModelsShelved: "info",
    ShadowPlanned: "debug",
    WebhookEnded: "info",
    Reused: "info",
}
"""What becomes a line, and how loud."""


ASKING = frozenset({"talk", "inform"})
"""Operations that make no picture."""
SPOKEN = frozenset({"rejected", "moderated"})
"""Faults in whose detail a vendor speaks of the request, and may repeat its prompt."""


class Log:
    """A listener that writes lines of at least a level, all it hears at once in one piece."""

    def __init__(self, level: str, target: BinaryIO, *, prompts: bool = False) -> None:
        """`prompts`: whether lines may carry what a vendor said of a request, which may repeat it."""
        self._target = target
        self._lines = io.BytesIO()
        self.adopt(level, prompts=prompts)

    def adopt(self, level: str, *, prompts: bool) -> None:
        """Write by another level from now on."""
        self._prompts = prompts
        self._log: Any = structlog.wrap_logger(
            structlog.BytesLogger(self._lines),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                _render,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            cache_logger_on_first_use=True,
        ).bind()

    def hear(self, events: Sequence[Event]) -> None:
        """Write events."""
        for event in events:
            loud = LOUDNESS.get(type(event))
            if loud is None:
                continue
            if isinstance(event, AttemptEnded) and event.outcome != "ok":
                loud = "warning"  # a failed attempt is told also where good ones are not
            elif isinstance(event, RequestEnded) and event.status >= 500:
                loud = "error"
            elif isinstance(event, RequestEnded) and event.operation in ASKING:
                loud = "debug"  # clients that poll would fill the log
            getattr(self._log, loud)(event if self._prompts else _silent(event))
        lines = self._lines.getvalue()
        self._lines.seek(0)  # before writing: what cannot be written must not pile up
        self._lines.truncate()
        self._target.write(lines)
        self._target.flush()


def _silent(event: Event) -> Event:
    """The event without a vendor's words; `code` and `field` still say what was refused."""
    if isinstance(event, AttemptEnded) and event.outcome in SPOKEN:
        return replace(event, detail="")
    if isinstance(event, RequestEnded) and event.fault in SPOKEN:
        return replace(event, detail="")
    return event


def quiet_libraries() -> None:
    """Libraries log through the standard logger: their warnings only, on standard error."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


def _render(_: Any, __: str, line: Mapping[str, Any]) -> bytes:
    """One line: when, how loud, and the event itself, encoded without a detour over a dict; empty fields left out."""
    head = f'{{"time":"{line["time"]}","level":"{line["level"]}",'
    return head.encode() + msgspec.json.encode(line["event"])[1:]
