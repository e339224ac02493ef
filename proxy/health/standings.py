"""What opens breakers, and what is said of accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from proxy.lines import Lane


class Thresholds(Struct, frozen=True, kw_only=True):
    """What opens a breaker, and for how long."""

    failures: int
    """In a row."""
    seconds: float
    """It stays open, before one request may try."""
    rate: float = 0.5
    """Share of the requests in the window that failed, 0 to 1 ..."""
    least: int = 20
    """... where there were so many."""
    window_s: float = 300.0
    """How far back is looked."""


class AccountStanding(Struct, frozen=True):
    """How an account of ours at a provider is."""

    provider: str
    account: str
    """Empty where there is no other."""
    in_flight: int
    """Requests that are at it."""
    waiting: int
    """Requests that wait for any account of the provider."""
    room: int | None
    """How many it takes at once; None where nobody knows."""
    out: Mapping[str, str]
    """The states of its breakers that are not closed, by offer; of an only account, the offers' own say it."""


def account_standings(states: Mapping[str, str], busy: Iterable[tuple[str, Lane, int, int]]) -> list[AccountStanding]:
    """Every account there is, of the breakers' states by their names, and of who is at which account and waits."""
    out: dict[tuple[str, str], dict[str, str]] = {}
    for name, state in states.items():
        account, _, offer = name.partition(" ")
        if state != "closed":
            out.setdefault((offer.partition("/")[0], account), {})[offer] = state
    return [
        AccountStanding(provider, lane.name, in_flight, waiting, lane.concurrency, out.get((provider, lane.name), {}))
        for provider, lane, in_flight, waiting in busy
    ]
