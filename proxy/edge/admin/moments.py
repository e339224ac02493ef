"""Since when and until when, in the words of a query."""

from __future__ import annotations

from datetime import datetime

from proxy.edge.admin.refusing import Refusal
from proxy.replay.question import QuestionError
from proxy.replay.question import moment as read

SINCE = "From when: `12h` or `30d` ago, a day in UTC (`2026-11-01`), or a moment (`2026-11-01T12:00:00Z`)."
UNTIL = "Up to when, in the same words; that moment is not included. Up to now by default."


def moment(text: str, now: int, field: str) -> int:
    """Milliseconds since 1970. Raises `Refusal`."""
    try:
        return read(text, now, field)
    except QuestionError as error:
        try:
            told = datetime.fromisoformat(text)
        except ValueError:
            told = None
        if told is None or told.tzinfo is None:
            detail = f"`{field}` is {text[:40]!r}: {error.detail}, or a moment with its zone, 2026-11-01T12:00:00Z"
            raise Refusal(400, "invalid_value", detail, field) from error
        return int(told.timestamp() * 1000)


def between(since: str, until: str | None, now: int) -> tuple[int, int | None]:
    """From which moment, and before which; None where nobody says. Raises `Refusal`."""
    return moment(since, now, "since"), None if until is None else moment(until, now, "until")
