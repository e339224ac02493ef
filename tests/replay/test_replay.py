"""What a replay comes to, held against the ledger as somebody else reads it."""

from __future__ import annotations

import copy
import gc
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pricing import Book, Price, from_micros
from providers.contract import Generate
from proxy.catalogue import Catalogue
from proxy.explain import usd
from proxy.ledger.engine import FILE
from proxy.ledger.history import Past, counted, history
from proxy.ledger.orders import Close, Held, Hold, HoldOrder, JobRecord, Outcome, Reserve
from proxy.planned import LeftOut, Planned
from proxy.policies import Policies
from proxy.replay import Figures, Scenario, replay, told
from tests.ledger.posted import rows
from tests.replay.month import CONFIG, FIRST, LAST, SECONDS, Month, config_of, fill, row, some

HOUR = 3_600_000
BOAT = Generate(model="photo", prompt="a boat")


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Month]:
    made = Month(tmp_path, config_of())
    yield made
    made.close()


def scenario(tree: dict[str, Any] = CONFIG, **more: Any) -> Scenario:
    config = config_of(tree)
    return Scenario(catalogue=Catalogue(config, Book({}), {}), policies=Policies(config), **more)


def played(month: Month, tried: Scenario | None = None, **more: Any) -> dict[str, Any]:
    return told(figures(month, tried, **more))


def figures(month: Month, tried: Scenario | None = None, **more: Any) -> Figures:
    return replay(partial(history, month.engine, FIRST, LAST, **more), tried or scenario())


def other(**changes: Any) -> dict[str, Any]:
    """The configuration with other settings."""
    return copy.deepcopy(CONFIG) | changes


def without_near(**more: Any) -> dict[str, Any]:
    tree = other(**more)
    del tree["providers"]["near"]
    return tree


def settled(folder: Path, by: str, kinds: str = "'settle', 'overrun'") -> dict[str, int]:
    query = f"SELECT {by} AS name, SUM(micros) AS micros FROM entries WHERE kind IN ({kinds}) GROUP BY {by}"
    return {each["name"]: each["micros"] for each in rows(folder / FILE, query)}


def amount(micros: int) -> str:
    return usd(from_micros(micros))


# The same again.


@pytest.mark.parametrize("charge", ["as quoted", "less", "more"])
def test_with_nothing_changed_every_figure_is_the_ledgers(month: Month, tmp_path: Path, charge: str) -> None:
    takes = {"as quoted": lambda hold: hold.micros, "less": _less, "more": lambda hold: hold.micros + len(hold.hold)}
    fill(month, some(1200), 16, took=takes[charge])
    shown = played(month)
    assert [shown["requests"][name] for name in ("recorded", "replayed", "moved")] == [1200, 1200, 0]
    in_all = amount(sum(settled(tmp_path, "team").values()))
    assert (shown["happened"]["usd"], shown["replayed"]["usd"]) == (in_all, in_all)
    assert shown["replayed"]["quoted_usd"] == amount(sum(settled(tmp_path, "team", "'hold'").values()))
    by_team = {each["team"]: (each["happened_usd"], each["replayed_usd"]) for each in shown["teams"]}
    assert by_team == {team: (amount(micros),) * 2 for team, micros in settled(tmp_path, "team").items()}
    by_provider = {each["provider"]: each for each in shown["providers"]}
    for provider, micros in settled(tmp_path, "provider").items():
        assert by_provider[provider]["happened"]["usd"] == amount(micros)
        assert by_provider[provider]["replayed"] == by_provider[provider]["happened"]
    assert shown["movers"] == []
    assert shown["latency"]["happened"] == shown["latency"]["replayed"]
    assert shown["compared"]["difference_usd"] == "0"


def _less(hold: Hold) -> int:
    return hold.micros * 2 // 3 + len(hold.hold) % 2


def test_it_counts_what_others_count(month: Month) -> None:
    requests = some(300)
    fill(month, requests, 16)
    shown = played(month)
    assert sum(each["happened"]["images"] for each in shown["providers"]) == sum(request.n for _, request in requests)
    of_teams = Counter(team for team, _ in requests)
    assert {each["team"]: each["requests"] for each in shown["teams"]} == of_teams
    assert played(month, team="acme")["requests"]["recorded"] == of_teams["acme"]


def test_requests_that_are_alike_are_planned_once(month: Month) -> None:
    fill(month, [("acme", BOAT), ("globex", BOAT), ("acme", replace(BOAT, prompt="a coat"))] * 40, 8)
    assert figures(month).planned == 1
    assert figures(month, scenario(other(teams={"acme": {"bans": ["near"]}}))).planned == 2


# Otherwise.


def test_requests_that_move_cost_their_quote_there_and_take_as_long_as_others_did(month: Month, tmp_path: Path) -> None:
    """`photo` is 0.040001 at near, 2 s; 0.05 at far, 8 s."""
    month.buy([("acme", BOAT)] * 10, FIRST)
    month.sold(without_near())
    month.buy([("globex", BOAT)] * 2, FIRST + HOUR)
    shown = played(month, scenario(without_near()))
    assert shown["requests"]["moved"] == 10
    assert shown["compared"] == {
        "happened_usd": "0.50001",
        "replayed_usd": "0.6",
        "difference_usd": "0.09999",
        "difference_ratio": 0.2,
    }
    assert [(each["team"], each["before"], each["after"], each["requests"]) for each in shown["movers"]] == [
        ("acme", "near/photo", "far/photo", 10)
    ]
    assert {each["provider"]: each["replayed"]["requests"] for each in shown["providers"]} == {"near": 0, "far": 12}
    latency = shown["latency"]
    assert latency["happened"]["mean"] == pytest.approx((10 * SECONDS["near"] + 2 * SECONDS["far"]) / 12, abs=0.001)
    assert latency["replayed"]["mean"] == SECONDS["far"]
    assert latency["replayed"]["p50"] == pytest.approx(SECONDS["far"], rel=0.05)
    assert latency["requests_without_history"] == 0


def test_what_an_offer_takes_of_its_quotes_is_expected_of_requests_that_move_there(month: Month) -> None:
    month.buy([("acme", BOAT)] * 4, FIRST)
    month.sold(without_near())
    month.buy([("globex", BOAT)] * 4, FIRST + HOUR, lambda hold: hold.micros * 3 // 5)
    shown = played(month, scenario(without_near()))
    assert next(each for each in shown["offers"] if each["offer"] == "far/photo")["taken_of_quotes"] == 0.6
    assert {each["team"]: each["replayed_usd"] for each in shown["teams"]} == {"acme": "0.12", "globex": "0.12"}
    assert shown["replayed"]["quoted_usd"] == "0.4"


def test_where_nobody_has_been_the_quote_is_expected_and_no_time_is_known(month: Month) -> None:
    month.buy([("acme", BOAT)] * 3, FIRST)
    shown = played(month, scenario(without_near()))
    assert shown["replayed"]["usd"] == "0.15"
    assert shown["latency"]["replayed"] == {"mean": None, "p50": None, "p95": None}
    assert shown["latency"]["requests_without_history"] == 3


def test_a_price_that_changes_changes_what_stays_in_proportion(month: Month) -> None:
    month.buy([("acme", BOAT)] * 3, FIRST, lambda hold: hold.micros // 2)
    tree = other()
    tree["providers"]["near"]["models"] = [row("photo", "0.02")]
    shown = played(month, scenario(tree))
    assert (shown["happened"]["usd"], shown["replayed"]["usd"]) == ("0.06", "0.03")
    assert shown["requests"]["moved"] == 0
    assert shown["movers"][0]["difference_usd"] == "-0.03"


@pytest.mark.parametrize(("prices", "at"), [(None, "0.3"), (date(2026, 10, 2), "0.2"), (date(2026, 11, 1), "0.4")])
def test_every_request_is_priced_with_the_book_of_its_day_or_of_the_one_that_is_named(
    month: Month, prices: date | None, at: str
) -> None:
    stanza = {"models": ["flux-dev"], "checked": "2026-10-01", "source": "https://example.com"}
    found = [
        {**stanza, "per": {"type": "image", "rows": [{"price": "0.05"}]}, "since": "2026-01-01", "until": "2026-10-15"},
        {**stanza, "per": {"type": "image", "rows": [{"price": "0.10"}]}, "since": "2026-10-15"},
    ]
    prices_of = msgspec.convert(found, list[Price])
    config = config_of({"providers": {"fal": {"key": "k"}}, "default_model": "flux-dev"})
    model = next(m for m in Catalogue(config, Book({}), {}).every_offer() if m.model.name == "flux-dev").model
    book = Book({"fal": [replace(price, models=(model.vendor_name,)) for price in prices_of]})
    month.catalogue = Catalogue(config, book, {})
    flux = Generate(model="flux-dev", prompt="a boat", width=1024, height=1024)
    for day in (3, 4, 20, 21):
        month.buy([("acme", flux)], FIRST + day * 24 * HOUR)
    tried = Scenario(catalogue=month.catalogue, policies=Policies(config), prices=prices)
    shown = played(month, tried)
    assert (shown["happened"]["usd"], shown["replayed"]["usd"]) == ("0.3", at)


def test_another_policy_decides_and_a_requests_own_does_by_default(tmp_path: Path) -> None:
    tree = other(policies={"premium": ["configured", "capable", "allowed", "priced", "within_ceiling", _SWIFT]})
    bought = Month(tmp_path, config_of(tree), "premium")
    bought.buy([("acme", BOAT)] * 2, FIRST)
    bought.close()
    assert played(bought, scenario(tree))["compared"]["difference_usd"] == "0"  # as recorded
    for tried in (scenario(tree, policy="house"), scenario(tree, recorded=False)):
        assert [each["after"] for each in played(bought, tried)["movers"]] == ["near/photo"]
    again = scenario(other(), recorded=True)  # the policy that decided is no more: what the configuration says, does
    assert [each["after"] for each in played(bought, again)["movers"]] == ["near/photo"]
    with pytest.raises(KeyError, match="none"):
        played(bought, scenario(tree, policy="none"))


_SWIFT = {"spread": {"weights": {"near": 0, "far": 0, "swift": 1}}}


def test_lots_that_were_drawn_by_a_requests_id_are_drawn_again(tmp_path: Path) -> None:
    rules = ["configured", "capable", "allowed", "priced", "within_ceiling", {"spread": {"worth": "1"}}]
    tree = other(policies={"lots": rules})
    bought = Month(tmp_path, config_of(tree), "lots")
    bought.buy([("acme", BOAT)] * 60, FIRST)
    bought.close()
    assert len(settled(tmp_path, "provider")) == 3
    shown = played(bought, scenario(tree))
    assert shown["requests"]["moved"] == 0


def test_a_latency_policy_knows_how_fast_offers_were(month: Month) -> None:
    """photo: near took 2 s; far 8 s and is dearer, swift 1 s and dearer still."""
    month.buy([("acme", BOAT)] * 5, FIRST)
    for provider in ("far", "swift"):
        month.sold(other(providers={provider: CONFIG["providers"][provider]}, models={}))
        month.buy([("globex", BOAT)] * 5, FIRST + HOUR)
    shown = played(month, scenario(policy="fastest"))
    assert {(each["before"], each["after"]) for each in shown["movers"]} == {
        ("near/photo", "swift/photo"),
        ("far/photo", "swift/photo"),
    }
    assert shown["latency"]["replayed"]["mean"] == SECONDS["swift"]


def test_a_name_that_ended_in_the_meantime_is_what_it_was_on_the_day_it_was_asked_for(month: Month) -> None:
    sketch = Generate(model="sketch", prompt="a boat")
    for day in (1, 20):
        month.buy([("acme", sketch)], FIRST + day * 24 * HOUR)
    ended = other(models={"sketch": {"to": ["photo"], "retired": True, "ends": "2026-10-15"}})
    shown = played(month, scenario(ended))
    assert [(each["before"], each["after"], each["requests"]) for each in shown["movers"]] == [
        ("near/sketch", "near/photo", 1)
    ]


# What is not planned again.


def test_requests_without_an_offer_are_told_with_what_they_did_cost(month: Month) -> None:
    month.buy([("acme", BOAT), ("acme", Generate(model="sketch", prompt="a boat"))], FIRST)
    tree = without_near()
    shown = played(month, scenario(tree))
    (stranded,) = shown["without_offer"]
    assert (stranded["model"], stranded["requests"], stranded["usd"]) == ("sketch", 1, "0.010001")
    assert "does not exist" in stranded["reason"]
    assert shown["happened"]["without_offer_usd"] == "0.010001"
    assert shown["compared"]["happened_usd"] == "0.040001"  # like with like
    assert shown["happened"]["usd"] == "0.050002"
    assert shown["replayed"]["usd"] == "0.05"


def test_reasons_beyond_the_first_are_put_together(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.replay.figures.REASONS", 1)
    month.buy([("acme", Generate(model=name, prompt="a boat")) for name in ("sketch", "photo", "photo")], FIRST)
    shown = played(month, scenario(other(teams={"acme": {"bans": ["near", "far", "swift"]}})))
    assert sorted((each["model"], each["requests"]) for each in shown["without_offer"]) in (
        [("photo", 2), ("sketch", 1)],
        [("for other reasons", 2), ("sketch", 1)],
    )
    assert len(shown["without_offer"]) == 2


def test_failed_unfinished_and_test_requests_stay_as_they_were(month: Month, tmp_path: Path) -> None:
    month.buy([("acme", BOAT)], FIRST)
    month.fail("acme", BOAT, FIRST + HOUR)
    month.buy([("acme", BOAT)], FIRST + HOUR, lambda hold: 0, key=month.test_key)
    job = record("job-open", month)
    month.post(Reserve(job=job, orders=(HoldOrder(provider="near", model="photo", micros=9, images=1, facts="{}"),)))
    shown = played(month, scenario(without_near()))
    kinds = ("recorded", "replayed", "moved", "without_offer", "failed", "unfinished", "test")
    assert shown["requests"] == dict(zip(kinds, (4, 1, 1, 0, 1, 1, 1), strict=True))
    assert shown["happened"]["usd"] == amount(sum(settled(tmp_path, "team").values()))


def record(job: str, month: Month, **more: Any) -> JobRecord:
    facts = msgspec.json.encode(BOAT.billable()).decode()
    known = {"model": "photo", "facts": facts, "print": b"p" * 32, "dialect": "openai"}
    return JobRecord(job=job, team="acme", key=month.keys["acme"], **{**known, **more})


def bought(month: Month, job: JobRecord, *tried: tuple[str, int, str, int, int]) -> None:
    """A request with submissions of its own: provider, pictures, how it ended, what was held and what was paid."""
    orders = tuple(
        HoldOrder(provider=provider, model="photo", micros=held, images=images, facts="{}")
        for provider, images, _, held, _ in tried
    )
    (held,) = month.post(Reserve(job=job, orders=orders))
    assert isinstance(held, Held)
    outcomes = tuple(
        Outcome(hold=hold.hold, kind=kind, micros=paid, images=images)  # type: ignore[arg-type]
        for hold, (_, images, kind, _, paid) in zip(held.holds, tried, strict=True)
    )
    month.post(Close(outcomes=outcomes, job=job.job, state="done"))


def test_what_was_paid_beside_a_plan_stays_as_it_was(month: Month, tmp_path: Path) -> None:
    """A prompt written out, a picture enlarged: holds for no picture."""
    bought(
        month,
        record("job-1", month),
        ("near", 1, "settle", 40_001, 40_001),
        ("upscaler", 0, "settle", 5_000, 5_000),
        ("words", 0, "settle", 300, 200),
    )
    shown = played(month, scenario(without_near()))
    assert shown["happened"]["beside_usd"] == shown["replayed"]["beside_usd"] == "0.0052"
    assert shown["replayed"]["usd"] == "0.0552"
    assert shown["happened"]["usd"] == amount(sum(settled(tmp_path, "team").values()))
    assert {each["provider"] for each in shown["providers"]} == {"near", "far"}
    assert shown["teams"][0]["beside_usd"] == "0.0052"


def test_what_was_on_the_house_was_paid_all_the_same(month: Month, tmp_path: Path) -> None:
    month.limit("acme", "0.05/total")
    month.buy([("acme", BOAT)], FIRST, lambda hold: hold.micros + 30_000)
    assert settled(tmp_path, "kind") == {"settle": 50_000, "overrun": 20_001}
    shown = played(month)
    assert (shown["happened"]["usd"], shown["happened"]["overrun_usd"]) == ("0.070001", "0.020001")
    assert shown["replayed"]["usd"] == "0.070001"


def test_a_request_without_an_end_has_no_duration(month: Month) -> None:
    """Nobody writes one down; a ledger that was mended by hand may have it."""
    month.buy([("acme", BOAT)] * 2, FIRST)
    pasts = [replace(past, finished=None) for past in history(month.engine, FIRST, LAST)]
    for tried in (scenario(), scenario(without_near())):
        shown = told(replay(lambda: pasts, tried))
        assert shown["requests"]["replayed"] == 2
        assert shown["latency"]["replayed"]["mean"] is shown["latency"]["happened"]["mean"] is None


def test_a_request_that_two_offers_shared_is_planned_as_one(month: Month) -> None:
    bought(
        month,
        record("job-1", month, facts='{"n": 2, "prompt_bytes": 6}'),
        ("far", 1, "settle", 50_000, 50_000),
        ("near", 1, "settle", 40_001, 40_001),
        ("swift", 1, "release", 60_000, 0),
    )
    shown = played(month)
    assert [(each["before"], each["after"]) for each in shown["movers"]] == [("far/photo + near/photo", "near/photo")]
    assert shown["compared"]["happened_usd"] == "0.090001"
    assert shown["compared"]["replayed_usd"] == "0.080002"


def test_an_offer_that_was_free_costs_its_quote_once_it_is_not(month: Month) -> None:
    bought(month, record("job-1", month), ("near", 1, "settle", 0, 0))
    assert played(month)["replayed"]["usd"] == "0.040001"


# What the recorded plan knows.


def test_what_the_caller_or_the_request_ruled_out_stays_out(month: Month) -> None:
    out = (LeftOut("near/photo", "within_ceiling", "too dear"), LeftOut("far/photo", "healthy", "was down"))
    kept = msgspec.json.encode(Planned(out=out)).decode()
    bought(month, record("job-1", month, plan=kept), ("swift", 1, "settle", 60_000, 60_000))
    assert [each["after"] for each in played(month)["movers"]] == ["far/photo"]  # everybody is well


@pytest.mark.parametrize("plan", ["not a plan", '{"out": 3}'])
def test_a_plan_that_cannot_be_read_says_nothing(month: Month, plan: str) -> None:
    bought(month, record("job-1", month, plan=plan), ("swift", 1, "settle", 60_000, 60_000))
    assert [each["after"] for each in played(month)["movers"]] == ["near/photo"]


@pytest.mark.parametrize("facts", ["not facts", '{"operation": "dance"}', '{"quality": "splendid"}'])
def test_facts_that_cannot_be_read_are_told(month: Month, facts: str) -> None:
    bought(month, record("job-1", month, facts=facts), ("near", 1, "settle", 40_001, 40_001))
    (stranded,) = played(month)["without_offer"]
    assert stranded["reason"].startswith("what was recorded of it cannot be read")


# Reading.


@pytest.mark.parametrize("page", [1, 3, 7, 1000])
def test_pages_are_read_without_loss_and_without_repeats(month: Month, page: int) -> None:
    for hour in range(4):
        month.buy([("acme", BOAT)] * 5, FIRST + hour * HOUR)  # five at one moment
    read = list(history(month.engine, FIRST, LAST, page=page))
    assert [each.job for each in read] == [f"job-{number:07}" for number in range(1, 21)]
    assert [each.job for each in history(month.engine, FIRST + HOUR, FIRST + 2 * HOUR, page=page)] == [
        each.job for each in read[5:10]
    ]
    with month.engine.connect().execution_options(reads=True) as connection:
        assert counted(connection, FIRST + HOUR, FIRST + 2 * HOUR) == 5
        assert counted(connection, FIRST, LAST, "globex") == 0


def test_what_is_in_memory_does_not_grow_with_the_past(month: Month) -> None:
    fill(month, [("acme", BOAT)] * 400, 16)
    alive = 0

    def pasts() -> Iterator[Past]:
        nonlocal alive
        for place, past in enumerate(history(month.engine, FIRST, LAST, page=20)):
            if place % 100 == 99:
                alive = max(alive, sum(type(each) is Past for each in gc.get_objects()))
            yield past

    replay(pasts, scenario())
    assert 0 < alive <= 60


def test_a_server_may_write_while_it_is_read(month: Month, tmp_path: Path) -> None:
    month.buy([("acme", BOAT)] * 5, FIRST)
    reading = history(month.engine, FIRST, LAST, page=2)
    next(reading)
    with closing(sqlite3.connect(tmp_path / FILE, timeout=0.1)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE teams SET created = 1")
        connection.commit()
    assert len(list(reading)) == 4
