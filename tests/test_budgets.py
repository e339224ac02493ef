"""Budgets as they are said: in refusals, in headers, on the command line, to a team's webhook."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from pricing import Billable
from proxy.cli import main
from proxy.edge.budgets import BudgetNews, address_of, shown
from proxy.edge.terms import end_user
from proxy.events import BudgetReached
from proxy.explain import WHEN, over_budget
from proxy.ledger.accounts import Accounts, Budget
from proxy.ledger.engine import open_ledger
from proxy.ledger.orders import Refused
from proxy.ledger.tables import entries
from proxy.ledger.windows import NAMES
from proxy.parts import pixels
from tests.edge.house import BODY, house
from tests.edge.vendors import FickleVendor
from tests.ledger.posted import moment
from tests.walk.vendors import at, serving


def refused(scope: str, what: str, window: str, **more: Any) -> str:
    amounts = {"limit": 2_500_000, "left": 500_000, "asked": 1_000_000}
    return over_budget(Refused(scope=scope, what=what, window=window, **{**amounts, **more})).detail


@pytest.mark.parametrize("window", NAMES)
def test_a_refusal_names_every_window(window: str) -> None:
    assert f" {WHEN[window]}" in refused("team:acme", "usd", window)


@pytest.mark.parametrize(
    ("scope", "who"),
    [
        ("key:k_1", "this key"),
        ("team:acme", "team acme"),
        ("org:lab", "organisation lab"),
        ("user:acme/a/b", "user a/b"),
    ],
)
def test_a_refusal_names_whose_budget_it_is(scope: str, who: str) -> None:
    assert f"budget of {who} is $2.500000" in refused(scope, "usd", "day")


def test_a_refusal_says_when_some_of_it_is_free_again_and_whose_days_they_are() -> None:
    said = refused("team:acme", "usd", "day", zone="Europe/Berlin", frees=moment("2026-11-21 23:00"))
    assert "today (Europe/Berlin)" in said
    assert said.endswith("More is free from 2026-11-21 23:00 UTC on.")
    assert "free from" not in refused("team:acme", "usd", "total")


def test_a_refusal_of_pixels_speaks_of_megapixels() -> None:
    said = refused("team:acme", "pixels", "hour")
    assert said == "Team acme may make 2.5 megapixels this hour; 0.5 are left, and this request asks for 1."


@pytest.mark.parametrize(
    ("named", "headers", "user"),
    [
        (None, {}, ""),
        ("jo", {}, "jo"),
        (None, {"x-darkroom-user": " jo "}, "jo"),
        ("jo", {"x-darkroom-user": "ann"}, "jo"),
        ("j" * 120, {}, "j" * 120),
    ],
)
def test_an_end_user_is_whom_the_body_names_else_the_header(
    named: str | None, headers: dict[str, str], user: str
) -> None:
    assert end_user(named, headers) == user


@pytest.mark.parametrize("name", ["j" * 121, "a\x00b", "a\nb", "\ud800"])
def test_a_name_that_no_database_takes_is_known_by_its_hash(name: str) -> None:
    assert end_user(name, {}).startswith("sha256:")
    assert len(end_user(name, {})) == 71
    assert end_user(name, {}) != end_user(name + "x", {})


@pytest.mark.parametrize(
    ("billable", "count"),
    [
        (Billable(width=100, height=50, n=3), 15_000),
        (Billable(inputs=((40, 30), (10, 10))), 1200),
        (Billable(n=2), 2 * 1024 * 1024),
    ],
)
def test_pixels_are_counted_of_the_size_asked_for_else_of_the_one_sent_along_else_of_a_usual_one(
    billable: Billable, count: int
) -> None:
    assert pixels(billable) == count


class Post:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.sent = asyncio.Event()

    async def send(self, letter: Any) -> None:
        self.letters.append(letter)
        self.sent.set()


class Reading:
    """A ledger that is only read."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    async def read(self, query: Any) -> Any:
        with self._engine.connect().execution_options(reads=True) as connection:
            return query(connection)

    def now(self) -> int:
        return moment("2026-11-21 12:00")


async def test_a_teams_webhook_is_told_and_what_is_used_is_told_to_whoever_counts(tmp_path: Path) -> None:
    engine = open_ledger(tmp_path)
    accounts = Accounts(engine)
    accounts.create_team("acme", (Budget("usd", "day", 100),), webhook="https://acme.example/told", webhook_key="t")
    post = Post()
    told: list[Any] = []
    news = BudgetNews(Reading(engine), post, told.append)  # type: ignore[arg-type]
    event = BudgetReached(scope="team:acme", what="usd", window="day", share=80, limit=100, used=85)
    news.hear([event])
    task = asyncio.create_task(news.run())
    await asyncio.wait_for(post.sent.wait(), 5)
    task.cancel()
    (letter,) = post.letters
    assert (letter.team, letter.key, letter.url) == ("acme", "team:acme", "https://acme.example/told")
    body = json.loads(letter.body)
    assert body["type"] == "budget.reached"
    assert body["data"] == {
        "scope": "team:acme", "what": "usd", "window": "day", "share": 80, "limit": 100, "used": 85
    }  # fmt: skip
    assert [(each.scope, each.window, each.share) for each in told] == [("team:acme", "day", 0.0)]
    engine.dispose()


def test_whoever_has_no_webhook_is_told_nothing_and_only_teams_and_organisations_are_shown(tmp_path: Path) -> None:
    engine = open_ledger(tmp_path)
    accounts = Accounts(engine)
    accounts.create_team("quiet")
    accounts.create_team("acme", webhook="https://acme.example/told")
    key = accounts.create_key("acme", limits=(Budget("usd", "day", 1),))[0].key
    accounts.set_limits("team:*", (Budget("usd", "day", 5),))
    accounts.set_limits("org:default", (Budget("usd", "week", 5),))
    with engine.connect() as connection:
        assert address_of(connection, "team:quiet") is None
        assert address_of(connection, "org:default") is None
        assert address_of(connection, f"key:{key}") == ("acme", "https://acme.example/told", None)
        assert address_of(connection, "user:acme/jo") == ("acme", "https://acme.example/told", None)
        assert [state.scope for state in shown(connection, moment("2026-11-21 12:00"))] == [
            "org:default", "team:acme", "team:quiet"
        ]  # fmt: skip
    engine.dispose()


def test_budgets_are_set_raised_moved_and_listed_on_the_command_line(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(main, [*words, "--data", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.stdout

    for team in ("acme", "lab"):
        run("teams", "create", team)
        run("budgets", "set", f"team:{team}", "--budget", "100/month@Europe/Berlin", "--soft", "50,80", "--carry", "20")
    run("budgets", "raise", "team:acme", "50/month", "--for", "3d", "--why", "a campaign")
    run("budgets", "transfer", "team:acme", "team:lab", "20/month")
    told = json.loads(run("budgets", "list", "--json"))
    assert [(each["scope"], each["limit"], each["zone"], each["soft"]) for each in told["budgets"]] == [
        ("team:acme", 130_000_000, "Europe/Berlin", [50, 80]),
        ("team:lab", 120_000_000, "Europe/Berlin", [50, 80]),
    ]
    raised = next(each for each in told["raises"] if each["why"] == "a campaign")
    run("budgets", "withdraw", raised["id"])
    assert "team:acme\tusd/month@Europe/Berlin\t$80\t" in run("budgets", "list", "team:acme")


async def test_an_end_user_named_by_header_or_body_has_one_budget_and_is_kept_with_what_it_spent(
    tmp_path: Path,
) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with house(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as home:
            key = home.key("acme", "100/total")
            Accounts(home.app.premises.engine).set_limits("user:*", (Budget("images", "day", 2),))
            asked = [({}, {"X_Darkroom_User": "jo"}), ({"user": "jo"}, {}), ({}, {"X_Darkroom_User": "jo"}), ({}, {})]
            answers = [await home.post(key, {**BODY, **body}, **headers) for body, headers in asked]
            assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
            error = answers[2].json()["error"]
            assert error["code"] == "insufficient_quota"
            assert "User jo may make 2 pictures today; 0 are left. More is free from" in error["message"]
            with home.app.premises.engine.connect() as connection:
                kept = connection.execute(
                    select(entries.c.user, entries.c.org, entries.c.pixels).where(entries.c.kind == "settle")
                )
                assert [tuple(row)[:2] for row in kept] == [("jo", "default"), ("jo", "default"), ("", "default")]
            assert "jo" not in home.app.premises.metrics.expose().decode().replace("job", "")
