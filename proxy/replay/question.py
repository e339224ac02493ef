"""What somebody wants to know of the past, in the words of a command line or of a route; and the answer to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine

from pricing import Book
from proxy.catalogue import Catalogue
from proxy.config import Config, parse
from proxy.learned import NAME, Learned, loads_of
from proxy.ledger.accounts import AccountError, Accounts
from proxy.ledger.engine import open_ledger
from proxy.ledger.history import history
from proxy.policies import Policies
from proxy.replay.planning import Scenario
from proxy.replay.run import replay
from proxy.replay.told import told
from proxy.written import length_in


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests, and what is to be otherwise."""

    since: str = "30d"
    """`12h`, `30d`, or the first moment of a day, `2026-11-01`."""
    until: str | None = None
    """In the same words; that moment is not included. Now by default."""
    team: str | None = None
    """Only this team's."""
    policy: str | None = None
    """The name of the policy that would decide; each request's own by default."""
    configuration: str | None = None
    """YAML: a whole configuration, or only what of it is to be otherwise."""
    called: str = "configuration"
    """What that is called where something is wrong with it."""
    prices: str | None = None
    """Price all of them with the book of that day; by default, each of its own."""


class QuestionError(ValueError):
    """A question that makes no sense; `field` says where."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field, detail)  # both, so that it can travel between processes
        self.field = field
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


def answer(folder: Path, config: Config, question: Question, environ: Mapping[str, str]) -> dict[str, Any]:
    """The answer, ready for JSON, from the ledger of a data folder. Blocking, and long: seconds for a month.

    Raises QuestionError, ConfigError, AccountError.
    """
    now = time.time_ns() // 1_000_000
    first = moment(question.since, now, "since")
    last = now if question.until is None else moment(question.until, now, "until")
    scenario = scenario_of(config, question, environ, folder)
    engine = open_ledger(folder, config.ledger.address)
    _check_team(engine, question.team)
    began = time.perf_counter()
    figures = replay(partial(history, engine, first, last, question.team), scenario)
    return {
        "since": _iso(first),
        "until": _iso(last),
        "team": question.team,
        "policy": question.policy,
        "prices": question.prices,
        **told(figures),
        "seconds": round(time.perf_counter() - began, 3),
    }


def scenario_of(config: Config, question: Question, environ: Mapping[str, str], folder: Path | None = None) -> Scenario:
    """A configuration, with another policy of its own or whatever is to be otherwise.

    `folder`: the data folder, for what pictures drawn here were measured to take.

    Where what is given has no providers, it is laid over the configuration there is. Raises QuestionError, ConfigError.
    """
    if question.configuration is not None:
        config = _overlaid(config, question.configuration, question.called, environ)
    policies = Policies(config)
    if question.policy is not None and question.policy not in policies:
        names = ", ".join(policies)
        raise QuestionError("policy", f"there is no policy {question.policy!r}; there are {names}")
    catalogue = Catalogue(config, Book.load(), environ)
    learned = Learned(None if folder is None else folder / NAME, loads_of(config))
    return Scenario(
        catalogue=catalogue,
        local=learned.local(catalogue.every_offer()),
        policies=policies,
        policy=question.policy,
        recorded=question.configuration is None,
        prices=None if question.prices is None else _day(question.prices),
    )


def moment(text: str, now: int, field: str) -> int:
    """Milliseconds since 1970 of `30d` before `now`, or of the first moment of a day in UTC. Raises QuestionError."""
    ago = length_in(text, "hd")
    if ago is not None:
        return now - ago
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise QuestionError(field, "write hours or days, 12h or 30d, or a day, 2026-11-01") from error
    return int(day.timestamp()) * 1000


def _overlaid(config: Config, text: str, called: str, environ: Mapping[str, str]) -> Config:
    other = parse(text, environ, called)
    stated = yaml.safe_load(text) or {}
    return other if "providers" in stated else replace(config, **{name: getattr(other, name) for name in stated})


def _check_team(engine: Engine, team: str | None) -> None:
    if team is not None and team not in {each.team for each, _ in Accounts(engine).teams()}:
        raise AccountError(f"there is no team {team!r}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise QuestionError("prices", "write a day, 2026-11-01") from error


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
