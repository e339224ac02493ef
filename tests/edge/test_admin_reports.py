"""What the admin API tells of money and work: usage, entries, requests, prices, health."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct
from sqlalchemy import insert

from providers.contract import Fault
from proxy.ledger.accounts import Accounts
from proxy.ledger.clock import now_ms
from proxy.ledger.tables import entries
from tests.edge.administering import Operator, administered, bought

pytestmark = pytest.mark.asyncio(loop_scope="module")
FORMULA = "=cmd|'/c calc'!A1"
"""As a caller might name its user."""
TODAY = datetime.now(UTC).date().isoformat()


class Bought(Struct):
    """What two teams have bought, at four cents a picture."""

    operator: Operator
    acme: list[str]
    globex: list[str]
    acme_key: str
    """Its id."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def spent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bought]:
    async with administered(tmp_path_factory.mktemp("reports")) as operator:
        home = operator.home
        acme, globex = home.key("acme", "100/total"), home.key("globex", "100/total")
        first = [*await bought(home, acme, 2), *await bought(home, acme, model="spare")]
        second = await bought(home, globex)
        engine = home.engine()
        with engine.begin() as connection:
            for user in ("jo", FORMULA):
                row = {"kind": "settle", "job": f"of {user}", "hold": "", "team": "acme", "key": "k_odd", "user": user}
                rest = {"provider": "stub", "model": "photo", "micros": 1, "images": 0, "at": now_ms()}
                connection.execute(insert(entries).values(**row, **rest))
        [key] = [each.key for each in Accounts(engine).keys_of("acme")]
        engine.dispose()
        yield Bought(operator, first, second, key)


def sums(told: dict[str, Any], *names: str) -> dict[tuple[str, ...], tuple[int, str]]:
    return {tuple(row[name] for name in names): (row["requests"], row["usd"]) for row in told["data"]}


async def test_usage_is_told_apart_as_asked(spent: Bought) -> None:
    operator = spent.operator
    told = await operator.get("/usage")
    assert sums(told, "team") == {("acme",): (5, "0.120002"), ("globex",): (1, "0.04")}
    assert told["group_by"] == ["team"]
    assert told["total"] == {"images": 4, "pixels": told["total"]["pixels"], "usd": "0.160002", "beyond_usd": "0"}
    told = await operator.get("/usage?group_by=team,model,day")
    assert told["group_by"] == ["day", "team", "model"]
    assert sums(told, "day", "team", "model") == {
        (TODAY, "acme", "photo"): (4, "0.080002"),
        (TODAY, "acme", "spare"): (1, "0.04"),
        (TODAY, "globex", "photo"): (1, "0.04"),
    }
    assert sums(await operator.get("/usage?group_by=dialect,provider"), "dialect", "provider") == {
        ("openai", "stub"): (4, "0.16")
    }
    assert sums(await operator.get("/usage?group_by="), *()) == {(): (6, "0.160002")}
    assert sums(await operator.get("/usage?group_by=org,user&user=jo"), "org", "user") == {
        ("default", "jo"): (1, "0.000001")
    }


ALONE = (
    ("team=globex", "0.04"),
    ("team=nobody", "0"),
    ("model=spare", "0.04"),
    ("team=acme&model=photo", "0.080002"),
    ("dialect=openai&team=acme", "0.12"),
    (f"since={TODAY}", "0.160002"),
    (f"until={TODAY}", "0"),
    ("since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00%2B01:00", "0"),
)


@pytest.mark.parametrize(("query", "usd"), ALONE, ids=[query.replace(TODAY, "today") for query, _ in ALONE])
async def test_usage_of_what_is_asked_for_alone(spent: Bought, query: str, usd: str) -> None:
    assert (await spent.operator.get(f"/usage?{query}"))["total"]["usd"] == usd


async def test_usage_as_a_table_is_the_same(spent: Bought) -> None:
    operator = spent.operator
    path = "/usage?group_by=team,user,model"
    rows = (await operator.get(path))["data"]
    for answer in (await operator.ask("GET", path, accept="text/csv"), await operator.ask("GET", f"{path}&format=csv")):
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "usage.csv" in answer.headers["content-disposition"]
        read = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["usd"] for row in read] == [row["usd"] for row in rows]
        assert sum(Decimal(row["usd"]) for row in read) == Decimal("0.160002")
        assert list(read[0]) == ["team", "user", "model", "requests", "images", "pixels", "usd", "beyond_usd"]
        users = {row["user"] for row in read}
        assert users == {"", "jo", f"'{FORMULA}"}  # of which a spreadsheet runs nothing
    assert (await operator.ask("GET", f"{path}&format=json", accept="text/csv")).json()["data"] == rows
    assert (await operator.ask("GET", path, accept="application/json, text/csv")).json()["data"] == rows


async def test_a_report_that_is_too_long_for_memory_goes_through_a_file(
    spent: Bought, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (await spent.operator.ask("GET", "/usage?group_by=team,key,user,model&format=csv")).content
    monkeypatch.setattr("proxy.edge.admin.usage.IN_MEMORY", 16)
    monkeypatch.setattr("proxy.edge.admin.door.PIECE", 7)
    assert (await spent.operator.ask("GET", "/usage?group_by=team,key,user,model&format=csv")).content == whole


async def test_entries_are_listed_page_by_page(spent: Bought) -> None:
    operator = spent.operator
    every = await operator.every("/entries", 3)
    ledger = operator.home.rows("entries")
    assert sorted(each["id"] for each in every) == [row["entry"] for row in ledger]
    order = [(each["at"], each["id"]) for each in every]
    assert order == sorted(order, reverse=True)
    for filters, count in (
        ("team=acme", 8),
        ("team=acme&kind=hold", 3),
        ("kind=settle&model=spare", 1),
        (f"request={spent.globex[0]}", 2),
        ("user=jo", 1),
        (f"key={spent.acme_key}", 6),
        ("provider=nobody", 0),
        (f"until={TODAY}", 0),
    ):
        assert len(await operator.every(f"/entries?{filters}", 2)) == count, filters
    [line] = await operator.every(f"/entries?request={spent.globex[0]}&kind=settle", 5)
    assert (line["usd"], line["team"], line["images"]) == ("0.04", "globex", 1)


async def test_requests_of_every_team_are_listed_and_explained(spent: Bought) -> None:
    operator = spent.operator
    every = await operator.every("/requests", 2)
    assert [each["id"] for each in every] == [*reversed([*spent.acme, *spent.globex])]
    assert {each["charged_usd"] for each in every} == {"0.04"}
    assert [each["id"] for each in await operator.every("/requests?team=globex", 2)] == spent.globex
    assert [each["id"] for each in await operator.every("/requests?model=spare&state=done", 2)] == [spent.acme[2]]
    assert await operator.every("/requests?state=failed", 2) == []
    told = await operator.get(f"/requests/{spent.globex[0]}")
    assert (told["team"], told["state"], told["charged_usd"]) == ("globex", "done", "0.04")
    assert [each["offer"] for each in told["plan"]["choices"]] == ["stub/photo"]
    [attempt] = told["attempts"]
    assert (attempt["outcome"], attempt["charged_usd"]) == ("paid", "0.04")
    await operator.refused(404, "GET", "/requests/req_nothing")


async def test_prices_are_those_that_requests_are_priced_with(spent: Bought) -> None:
    operator = spent.operator
    book = operator.home.app.service.setup.catalogue.book
    today = datetime.now(UTC).date()
    every = await operator.every("/prices", 50)
    held = [entry for entry in book if entry[2].since <= today and (entry[2].until is None or today < entry[2].until)]
    assert [(each["vendor"], each["model"]) for each in every] == [entry[:2] for entry in held]
    [bfl] = await operator.every("/prices?vendor=bfl&model=flux-pro-1.1", 5)
    assert bfl["price"]["type"] == "image"
    assert await operator.every("/prices?stale_days=100000", 5) == []
    assert await operator.every("/prices?on=2001-01-01", 5) == []


async def test_health_tells_of_offers_and_accounts(spent: Bought) -> None:
    operator = spent.operator
    told = await operator.get("/health")
    assert told["ready"] is True
    photo = next(each for each in told["offers"] if each["offer"] == "stub/photo")
    assert (photo["usable"], photo["breaker"], photo["out"]) == (True, "closed", None)
    [account] = [each for each in told["accounts"] if each["provider"] == "stub"]
    assert (account["in_flight"], account["balance_usd"], account["out"]) == (0, None, {})


async def test_health_tells_what_is_out_and_why(spent: Bought) -> None:
    health = spent.operator.home.app.premises.health
    health.failed("stub/spare", Fault.CREDENTIAL, "the key was refused", None)
    told = await spent.operator.get("/health")
    spare = next(each for each in told["offers"] if each["offer"] == "stub/spare")
    assert (spare["usable"], spare["breaker"]) == (False, "open")
    assert "refused by its vendor" in spare["reason"]
    assert spare["retry_after_s"] > 1
