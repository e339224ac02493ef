"""What has a balance, and what a balance is. Values only."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from proxy.ledger.windows import DAY_MS, Window

Account = tuple[str, str]
"""A scope and a label: what has a balance."""
Whose = tuple[str, str, str, str]
"""Team, key, organisation and end user ('' for nobody's) of a hold."""
_UTC = (Window("total"), Window("month"), Window("day"))


class Balance(Struct):
    """One row of `balances`, while it is worked on. The fields but the last are `AMOUNTS`, in order."""

    settled: int = 0
    held: int = 0
    images_settled: int = 0
    images_held: int = 0
    pixels_settled: int = 0
    pixels_held: int = 0
    told: str | None = None
    """The soft limits that were told, `usd/month/80` each, with commas between them; None where nobody looked yet."""

    def used(self, what: str) -> int:
        """What counts against a limit."""
        if what == "usd":
            return self.settled + self.held
        if what == "images":
            return self.images_settled + self.images_held
        return self.pixels_settled + self.pixels_held


def windows(at: int) -> dict[str, str]:
    """The labels of a moment (ms) that are always kept, by the name of their window. Days and months are UTC."""
    total, month, day = _labels_of_day(at // DAY_MS)
    return {"total": total, "month": month, "day": day}


def accounts(team: str, key: str, at: int) -> tuple[Account, ...]:
    """The balances of a moment that are always kept: those of the key and its team."""
    return _accounts_of_day(team, key, at // DAY_MS)


def kept(account: Account) -> bool:
    """Whether a balance is always kept. Any other is made of the entries when a limit first needs it."""
    scope, label = account
    return scope.startswith(("key:", "team:")) and ":" not in label


@lru_cache(maxsize=64)
def _labels_of_day(day: int) -> tuple[str, str, str]:
    total, month, day_ = (window.label(day * DAY_MS) for window in _UTC)
    return total, month, day_


@lru_cache(maxsize=4096)
def _accounts_of_day(team: str, key: str, day: int) -> tuple[Account, ...]:
    return tuple((scope, label) for scope in (f"key:{key}", f"team:{team}") for label in _labels_of_day(day))
