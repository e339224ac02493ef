"""The times a limit is for, and the labels that balances have for them. Pure: moments are given, none are asked for.

A label names an interval: `total`, `2026-11`, `2026-11-21` (UTC), `minute:2026-11-21T14:05`, `hour:2026-11-21T14`,
`week:2026-W47` (ISO); with a zone it says which: `day@Europe/Berlin:2026-11-21`, which may have 23 hours or 25. A
rolling window is the sum of whole buckets of such labels. Its oldest bucket counts as a whole, so that it never counts
less than what was used since.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
Interval = tuple[int, int]
"""From a moment (ms) to before another one."""
FOREVER: Interval = (0, 1 << 62)
CALENDAR = ("minute", "hour", "day", "week", "month", "total")
ROLLING = {
    "rolling-hour": ("minute", MINUTE_MS, 60),
    "rolling-day": ("hour", HOUR_MS, 24),
    "rolling-week": ("day", DAY_MS, 7),
    "rolling-month": ("day", DAY_MS, 30),
}
"""The buckets each is made of, how long they are, and how many make it up. Buckets are UTC: none is longer."""
NAMES = (*CALENDAR, *ROLLING)
STEPS = {"minute": MINUTE_MS, "hour": HOUR_MS}
"""Windows of one length, counted in UTC wherever somebody lives."""
LEAP_MIN = 180
"""Minutes by which clocks are put forward or back at most."""
KEPT = frozenset({"total", "month", "day"})
"""The windows, in UTC, whose balances are kept whether a limit needs them or not."""


class Window(Struct, frozen=True):
    """One of NAMES; calendar windows in an IANA time zone. Raises nothing: `check` says whether there is such a one."""

    name: str
    zone: str = "UTC"

    @property
    def rolls(self) -> bool:
        """Whether it goes back from now instead of beginning anew."""
        return self.name in ROLLING

    @property
    def bucket(self) -> Window:
        """What it is made of: itself, or the buckets of a rolling one."""
        return Window(ROLLING[self.name][0]) if self.rolls else self

    @property
    def kept(self) -> bool:
        """Whether the balances of its labels are always kept, for keys and teams."""
        of = self.bucket
        return of.name in KEPT and (of.zone == "UTC" or of.name == "total")

    def label(self, at: int) -> str:
        """Where what is held at a moment (ms) counts."""
        of = self.bucket
        return _label(of.name, of.zone, at // MINUTE_MS)

    def labels(self, at: int) -> tuple[str, ...]:
        """Everything that counts at a moment, the oldest first."""
        if not self.rolls:
            return (self.label(at),)
        of, length, count = ROLLING[self.name]
        return _buckets(of, length, at // length, count)

    def spans(self, at: int, until: int) -> tuple[tuple[str, ...], ...]:
        """Every such set of labels in which `at` still counts, up to the one of `until`; the one of `at` is the first.

        What is added to the label of `at` adds to all of them.
        """
        if not self.rolls:
            return (self.labels(at),)
        of, length, count = ROLLING[self.name]
        first = at // length
        return _spans(of, length, count, first, min(first + count, max(first, until // length)))

    def leaves(self, label: str) -> int:
        """The moment (ms) from which on what is counted under one of its labels counts no more."""
        return interval(label)[0 if self.rolls else 1] + (self._length if self.rolls else 0)

    @property
    def _length(self) -> int:
        _, length, count = ROLLING[self.name]
        return length * (count + 1)

    def interval(self, at: int) -> Interval:
        """When it begins and ends that has a moment in it; a rolling one: from its oldest bucket to now."""
        if not self.rolls:
            return interval(self.label(at))
        return interval(self.labels(at)[0])[0], at + 1

    def before(self, at: int) -> int:
        """The last moment (ms) of the window before the one of a moment; calendar windows alone have one."""
        return self.interval(at)[0] - 1


def check(name: str, zone: str = "UTC") -> str | None:
    """Why there is no such window; None where there is."""
    if name not in NAMES:
        return f"there is no window {name!r}: {', '.join(NAMES)}"
    if zone != "UTC":
        if name in ROLLING or name in STEPS or name == "total":
            return f"a window {name!r} has no time zone: day, week and month have"
        if zone not in available_timezones():
            return f"there is no time zone {zone!r}: write one of IANA's, such as Europe/Berlin"
    return None


def parted(label: str) -> tuple[Window, str]:
    """The kind of window a label is of, and when that is."""
    kind, _, when = label.partition(":")
    if not when:
        kind, when = ("total" if label == "total" else "month" if len(label) == 7 else "day"), label
    name, _, zone = kind.partition("@")
    return Window(name, zone or "UTC"), when


def interval(label: str) -> Interval:
    """From and to before which (ms) a label stands for. Raises ValueError for what is none."""
    return _interval(label)


@lru_cache(maxsize=65_536)
def _interval(label: str) -> Interval:
    if label == "total":
        return FOREVER
    of, when = parted(label)
    if of.name in STEPS:
        minute = when if of.name == "minute" else f"{when}:00"
        begins = int(datetime.fromisoformat(minute).replace(tzinfo=UTC).timestamp())
        return begins * 1000, begins * 1000 + STEPS[of.name]
    first, after = _days(of.name, when)
    return _midnight(first, of.zone), _midnight(after, of.zone)


def _days(name: str, when: str) -> tuple[date, date]:
    """The first day, and the day after the last."""
    if name == "day":
        day = date.fromisoformat(when)
        return day, day + timedelta(days=1)
    if name == "week":
        year, _, week = when.partition("-W")
        monday = date.fromisocalendar(int(year), int(week), 1)
        return monday, monday + timedelta(days=7)
    if name == "month":
        first = date.fromisoformat(f"{when}-01")
        return first, (first + timedelta(days=31)).replace(day=1)
    raise ValueError(f"{name!r} is no kind of label")


@lru_cache(maxsize=8192)
def _label(name: str, zone: str, minute: int) -> str:
    if name == "total":
        return name
    if name in STEPS:
        moment = datetime.fromtimestamp(minute * 60, UTC)
        return f"{name}:{moment:%Y-%m-%dT%H:%M}" if name == "minute" else f"{name}:{moment:%Y-%m-%dT%H}"
    day = _day(zone, minute)
    if name == "week":
        year, week, _ = day.isocalendar()
        text = f"{year:04}-W{week:02}"
    else:
        text = day.isoformat() if name == "day" else day.isoformat()[:7]
    if zone != "UTC":
        return f"{name}@{zone}:{text}"
    return f"{name}:{text}" if name == "week" else text


@lru_cache(maxsize=256)
def _buckets(of: str, length: int, last: int, count: int) -> tuple[str, ...]:
    """So many buckets before one, and that one."""
    minutes = length // MINUTE_MS
    return tuple([_label(of, "UTC", each * minutes) for each in range(last - count, last + 1)])


@lru_cache(maxsize=256)
def _spans(of: str, length: int, count: int, first: int, last: int) -> tuple[tuple[str, ...], ...]:
    return tuple([_buckets(of, length, each, count) for each in range(first, last + 1)])


# Days of time zones. Clocks are put forward at midnight in some, and back across it in others: a day begins once, with
# the first moment that shows it or a later one.


def _day(zone: str, minute: int) -> date:
    shown = datetime.fromtimestamp(minute * 60, _zone(zone)).date()
    after = shown + timedelta(days=1)
    return after if zone != "UTC" and minute * MINUTE_MS >= _midnight(after, zone) else shown


@lru_cache(maxsize=8192)
def _midnight(day: date, zone: str) -> int:
    guess = int(datetime(day.year, day.month, day.day, tzinfo=_zone(zone)).timestamp()) // 60
    if zone == "UTC":
        return guess * MINUTE_MS
    known = _zone(zone)
    around = range(guess - LEAP_MIN, guess + LEAP_MIN + 1)
    begins = next(minute for minute in around if datetime.fromtimestamp(minute * 60, known).date() >= day)
    return begins * MINUTE_MS


@cache
def _zone(zone: str) -> ZoneInfo:
    return ZoneInfo(zone)
