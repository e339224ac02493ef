"""A month of requests, bought the way the server buys: planned by the engine, held, settled, by the ledger's own clerk.

Nothing of the replay is used here: what it reads back was written by others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from pricing import Book
from providers.contract import Generate, Quality
from proxy.catalogue import Catalogue
from proxy.config import Config, parse
from proxy.ledger.accounts import Accounts, parse_budget
from proxy.ledger.clerk import Clerk
from proxy.ledger.engine import FILE, open_ledger
from proxy.ledger.orders import Close, Held, Hold, JobRecord, Outcome, Reserve
from proxy.parts import Part, divided, order
from proxy.policies import Policies
from proxy.policy import Choice, Wish, World, plan

FIRST = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp() * 1000)
DAYS = 30
LAST = FIRST + DAYS * 86_400_000
TEAMS = ("acme", "globex", "initech")
SECONDS = {"near": 2.0, "far": 8.0, "swift": 1.0}
"""How long a provider takes."""


def row(name: str, price: str, **more: Any) -> dict[str, Any]:
    """A model at so much a picture."""
    return {"name": name, "price": {"per": {"type": "image", "rows": [{"price": price}]}}, **more}


def stub(*models: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A provider that nobody asks."""
    return {"speaks": "openai", "base": "http://127.0.0.1:9/v1", "key": "k", "models": list(models), **more}


TOKENS = {
    "type": "token",
    "text_in": "5",
    "image_in": "10",
    "image_out": "40",
    "output": {"type": "tiers", "tiers": [{"up_to": 100_000_000, "tokens": 1056}]},
}
SIZED: dict[str, Any] = {"sizes": {"step": 16, "max_side": 2048}}
PHOTO: dict[str, Any] = {"qualities": ["low", "high"], **SIZED}
CONFIG: dict[str, Any] = {
    "providers": {
        "near": stub(row("photo", "0.040001", **PHOTO), row("sketch", "0.0100005", **SIZED)),
        "far": stub(row("photo", "0.05", at_once=4, **PHOTO), {"name": "story", "price": {"per": TOKENS}, **SIZED}),
        "swift": stub(row("photo", "0.06", **PHOTO), row("story", "0.09", **SIZED)),
    },
    "models": {"picture": {"to": ["photo"]}},
    "default_model": "photo",
}


def config_of(tree: Mapping[str, Any] = CONFIG) -> Config:
    """A configuration as it is read."""
    return parse(msgspec.json.encode(tree).decode(), {})


class Month:
    """Buys requests at their moments."""

    def __init__(self, folder: Path, config: Config, policy: str = "house") -> None:
        self.engine = open_ledger(folder)
        self.catalogue = Catalogue(config, Book({}), {})
        self.policy = policy
        self._rules = Policies(config).rules(policy)
        self._now = FIRST
        accounts = Accounts(self.engine)
        self.keys = {}
        for team in TEAMS:
            accounts.create_team(team)
            self.keys[team] = accounts.create_key(team)[0].key
        self.test_key = accounts.create_key(TEAMS[0], test=True)[0].key
        self._clerk = Clerk(folder / FILE, lambda: self._now)
        self._ids = count(1)

    def close(self) -> None:
        """Let go of the ledger."""
        self._clerk.close()

    def limit(self, team: str, budget: str) -> None:
        """Give a team a budget."""
        Accounts(self.engine).set_limits(f"team:{team}", (parse_budget(budget),))

    def sold(self, tree: Mapping[str, Any]) -> None:
        """From now on, requests go where this configuration has them go."""
        self.catalogue = Catalogue(config_of(tree), Book({}), {})

    def choices(self, job: str, request: Generate, day: datetime) -> tuple[Choice, ...]:
        """Where a request goes."""
        listing = self.catalogue.serving(request.model, request.operation)
        wish = Wish(request=request, any_area=listing.retired, id=job)
        return plan(self._rules, wish, self.catalogue.offers(listing, test=False), World(now=day)).choices

    def buy(
        self,
        requests: list[tuple[str, Generate]],
        at: int,
        took: Callable[[Hold], int] = lambda hold: hold.micros,
        *,
        key: str | None = None,
    ) -> None:
        """All of them at one moment, each at its first choice; `took` says what the vendor charges for a hold."""
        day = datetime.fromtimestamp(at / 1000, UTC)
        self._now = at
        reserves = [self._reserve(team, request, day, key) for team, request in requests]
        held = [answer.holds for answer in self._clerk.post(reserves) if isinstance(answer, Held)]
        assert len(held) == len(requests)
        for provider in sorted({holds[0].provider for holds in held}):
            self._now = at + int(SECONDS.get(provider, 3.0) * 1000)
            self._clerk.post([self._closed(holds, took) for holds in held if holds[0].provider == provider])

    def fail(self, team: str, request: Generate, at: int) -> None:
        """One that came to nothing."""
        self._now = at
        (held,) = self._clerk.post([self._reserve(team, request, datetime.fromtimestamp(at / 1000, UTC), None)])
        assert isinstance(held, Held)
        outcomes = tuple(Outcome(hold=hold.hold, kind="release") for hold in held.holds)
        self._clerk.post([Close(outcomes=outcomes, job=held.holds[0].job, state="failed")])

    def post(self, *orders: Any) -> list[Any]:
        """Whatever else is to be written."""
        return self._clerk.post(orders)

    def _reserve(self, team: str, request: Generate, day: datetime, key: str | None) -> Reserve:
        job = f"job-{next(self._ids):07}"
        choice = self.choices(job, request, day)[0]
        parts: list[Part] = divided(choice, choice.fit.request, day.date())
        asked = parts[0].billable if len(parts) == 1 else request.billable()
        record = JobRecord(
            job=job,
            team=team,
            key=key or self.keys[team],
            dialect="openai",
            model=request.model,
            facts=msgspec.json.encode(asked).decode(),
            print=b"p" * 32,
            policy=self.policy,
        )
        return Reserve(job=record, orders=tuple(order(choice.offer, part) for part in parts))

    def _closed(self, holds: tuple[Hold, ...], took: Callable[[Hold], int]) -> Close:
        outcomes = [Outcome(hold=hold.hold, kind="settle", micros=took(hold), images=hold.images) for hold in holds]
        return Close(outcomes=tuple(outcomes), job=holds[0].job, state="done")


def some(count: int, seed: int = 1) -> list[tuple[str, Generate]]:
    """Requests of teams: models, sizes, qualities, numbers and lengths of prompts as they come."""
    lots = random.Random(seed)
    made = []
    for _ in range(count):
        sized = lots.random() < 0.7
        request = Generate(
            model=lots.choice(("photo", "photo", "picture", "sketch", "story")),
            prompt="ä" * int(lots.lognormvariate(4.5, 0.8)),
            n=lots.choice((1, 1, 1, 2, 4)),
            width=lots.choice((512, 1024, 1536)) if sized else None,
            height=1024 if sized else None,
            quality=lots.choice((None, Quality.LOW, Quality.HIGH)),
        )
        made.append((lots.choice(TEAMS), request))
    return made


def fill(month: Month, requests: list[tuple[str, Generate]], group: int, **more: Any) -> None:
    """Spread them over the month, so many at a moment."""
    groups = [requests[at : at + group] for at in range(0, len(requests), group)]
    for place, together in enumerate(groups):
        month.buy(together, FIRST + place * (LAST - FIRST - 3_600_000) // len(groups), **more)
