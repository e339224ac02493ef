"""What a key is for: dialects, models, operations, what a picture may cost, web pages; admin keys; rotated keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from proxy.app import chores
from proxy.dialects.contract import Dialect, Generating
from proxy.ledger.accounts import Accounts, Budget, KeyChange, May
from tests.edge.examples import EXAMPLES, Example
from tests.edge.house import house
from tests.edge.town import GENERATING, SHAPES, Team, Town, furnish, named, town
from tests.walk.vendors import OpenAIVendor, at, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY = pytest.mark.parametrize(("dialect", "route"), GENERATING, ids=named(GENERATING))
PLAN = {"x-darkroom-dry-run": "plan"}
PAGE, OTHER = "https://studio.example.com", "https://other.example.com"
OPENAI = "/openai/v1/images/generations"
DAY_S = 86_400


class Here:
    """A server, and a team that can pay. Every test has keys of its own."""

    def __init__(self, home: Town, team: Team) -> None:
        self.home = home
        self.team = team
        self.accounts = Accounts(home.engine())

    def caller(self, **about: Any) -> Team:
        """The team by a new key."""
        return self.by(self.accounts.create_key(self.team.name, **about)[1])

    def by(self, secret: str) -> Team:
        """The team by a key."""
        made = Team(self.home, self.team.name, secret)
        made.has = self.team.has
        return made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    async with town(tmp_path_factory.mktemp("may")) as home:
        team = home.team("acme", "100000/total")
        await furnish(team)
        yield Here(home, team)


def example(dialect: Dialect, route: Generating) -> Example:
    return EXAMPLES[dialect.name][f"{route.method} {route.path}"][0]


# In every dialect.


@EVERY
@pytest.mark.parametrize(
    "narrow",
    [
        {"may": May(models=("nothing-*",))},
        {"may": May(operations=())},
        {"may": May(dialects=())},
        {"may": May(most_micros=39_999)},
        {"grants": frozenset({"admin"})},
        {"origins": (OTHER,)},
    ],
    ids=["model", "operation", "dialect", "cost", "admin", "page"],
)
async def test_what_a_key_is_not_for_is_forbidden_in_the_dialects_words_and_nothing_is_spent(
    dialect: Dialect, route: Generating, narrow: dict[str, Any], here: Here
) -> None:
    team = here.caller(**narrow)
    before, asked = await here.home.quiet(), here.home.painter.asked
    answer = await team.example(dialect, route, example(dialect, route), {"origin": PAGE})
    assert answer.status_code == 403, answer.text
    assert SHAPES[dialect.name].fit(answer), answer.text
    assert (here.home.money(), here.home.painter.asked) == (before, asked)


@EVERY
async def test_what_a_key_is_for_is_served(dialect: Dialect, route: Generating, here: Here) -> None:
    plan = (await here.caller().example(dialect, route, example(dialect, route), PLAN)).json()
    kinds = {plan["operation"].partition(".")[0]} | ({"upscale"} if "finish" in plan else set())
    may = May(dialects=(dialect.name,), models=(plan["model"] or "card",), operations=tuple(kinds), most_micros=10**7)
    team = here.caller(may=may, origins=(PAGE,), grants=frozenset({"admin", "spend"}))
    answer = await team.example(dialect, route, example(dialect, route), {"origin": PAGE})
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE
    await here.home.quiet()


# Models and operations.


@pytest.mark.parametrize(
    ("may", "model", "status", "code"),
    [
        (May(models=("card",)), "card", 200, None),
        (May(models=("card",)), None, 200, None),  # what stands for no name
        (May(models=("c*d",)), "card", 200, None),
        (May(models=("draft",)), "draft", 200, None),
        (May(models=("card",)), "draft", 403, "model_not_found"),  # names as they are asked for
        (May(models=("draft",)), None, 403, "model_not_found"),
        (May(models=("card",)), "no-such-model", 403, "model_not_found"),
        (May(operations=("edit", "upscale")), "card", 403, "insufficient_permissions"),
        (May(operations=("generate",)), "card", 200, None),
        (May(dialects=("leonardo", "studiolm")), "card", 403, "insufficient_permissions"),
    ],
)
async def test_names_are_held_against_what_is_asked_for(
    may: May, model: str | None, status: int, code: str | None, here: Here
) -> None:
    body = {"prompt": "A boat"} | ({"model": model} if model else {})
    answer = await here.caller(may=may).ask("POST", OPENAI, body)
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["error"]["code"] == code
        assert answer.headers["x-should-retry"] == "false"


async def test_making_larger_afterwards_is_an_operation_of_its_own(here: Here) -> None:
    body, path = {"prompt": "A boat", "style": "upscaled"}, "/studiolm/v1/images/generations"
    plan = (await here.caller().ask("POST", path, body, PLAN)).json()
    assert "finish" in plan, plan
    refused = await here.caller(may=May(operations=("generate",))).ask("POST", path, body)
    assert refused.status_code == 403, refused.text
    assert "upscale" in refused.text
    allowed = await here.caller(may=May(operations=("generate", "upscale"))).ask("POST", path, body, PLAN)
    assert allowed.status_code == 200, allowed.text


async def test_lists_have_what_a_key_may_ask_for_and_no_more(here: Here) -> None:
    async def listed(**about: Any) -> set[str]:
        answer = await here.caller(**about).ask("GET", "/v1/models")
        return {each["id"] for each in answer.json()["data"]}

    every = await listed()
    assert {"card", "draft", "sandbox"} <= every
    assert await listed(may=May(models=("card", "dr*"))) == {"card", "draft"}
    assert await listed(may=May(models=())) == set()
    assert await listed(may=May(operations=())) == set()
    assert await listed(may=May(operations=("edit",))) == every  # each of them edits as well
    assert await listed(may=May(models=("card",)), test=True) == {"card"}
    answer = await here.caller(may=May(dialects=("leonardo",))).ask("GET", "/v1/models")
    assert answer.status_code == 403


# What a picture may cost.


@pytest.mark.parametrize(
    ("n", "most", "status"), [(1, 40_000, 200), (3, 40_000, 200), (1, 39_999, 403), (3, 39_999, 403), (2, 0, 403)]
)
async def test_a_cap_is_for_each_picture(n: int, most: int, status: int, here: Here) -> None:
    team = here.caller(may=May(most_micros=most))
    body = {"prompt": "A boat", "model": "card", "n": n}
    answer = await team.ask("POST", OPENAI, body)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert "this key may pay" in answer.json()["error"]["message"]
        return
    await here.home.quiet()
    asked = await team.ask("POST", OPENAI, body, {"x-darkroom-max-cost": "0.01"})  # both hold
    assert (asked.status_code, asked.json()["error"]["param"]) == (400, "x-darkroom-max-cost")


async def test_a_cap_leaves_out_what_is_too_dear_and_takes_the_rest(tmp_path: Path) -> None:
    prices = {"cheap": "0.02", "dear": "0.08"}
    rows = {name: {"speaks": "sandbox", "models": [_model(price)], "options": {}} for name, price in prices.items()}
    async with house(tmp_path, {"providers": rows, "default_model": "card", "policy": {"rules": RULES}}) as home:
        home.key("acme", "10/total")
        accounts = Accounts(home.engine())
        capped = accounts.create_key("acme", may=May(most_micros=50_000))[1]
        plan = (await home.post(capped, {"prompt": "A boat", "n": 2}, x_darkroom_dry_run="plan")).json()
        free = (
            await home.post(home.another_key("acme"), {"prompt": "A boat", "n": 2}, x_darkroom_dry_run="plan")
        ).json()
    assert [each["offer"] for each in free["choices"]] == ["cheap/card", "dear/card"]
    assert [each["offer"] for each in plan["choices"]] == ["cheap/card"]
    (out,) = plan["left_out"]
    assert (out["offer"], out["rule"]) == ("dear/card", "within_ceiling")
    assert out["reason"] == "costs up to $0.16, and this key may pay $0.1 for that"


RULES = ["configured", "capable", "allowed", "priced", "within_ceiling", "cheapest"]


def _model(price: str) -> dict[str, Any]:
    per = {"type": "image", "rows": [{"price": price}]}
    return {
        "name": "card",
        "sizes": {"step": 1, "min_side": 16, "max_side": 4096},
        "at_once": 10,
        "price": {"per": per},
    }


async def test_a_cap_counts_what_becomes_of_a_picture_afterwards(here: Here) -> None:
    body, path = {"prompt": "A boat", "style": "upscaled", "n": 2}, "/studiolm/v1/images/generations"
    both = here.caller(may=May(most_micros=80_000))
    assert (await both.ask("POST", path, body, PLAN)).json()["choices"]
    less = (await here.caller(may=May(most_micros=79_999)).ask("POST", path, body, PLAN)).json()
    assert (less["choices"], less["left_out"][0]["rule"]) == ([], "within_ceiling")


# Admin keys.


async def test_an_admin_key_lists_and_plans_nothing_away_but_makes_no_pictures(here: Here) -> None:
    team = here.caller(grants=frozenset({"admin"}))
    answer = await team.ask("POST", OPENAI, {"prompt": "A boat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_permissions")
    assert "'spend'" in answer.json()["error"]["message"]
    assert (await team.ask("GET", "/v1/models")).status_code == 200
    plain = here.caller(grants=frozenset({"spend"}))
    assert (await plain.ask("POST", OPENAI, {"prompt": "A boat"}, PLAN)).status_code == 200


# Web pages.


async def test_a_page_is_answered_by_a_key_that_names_it_and_by_no_other_key(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {"providers": {"stub": at(vendor)}, "default_model": "photo", "cors": {"origins": [OTHER]}}
        async with house(tmp_path, config) as home:
            plain = home.key("acme", "1/total")
            accounts = Accounts(home.engine())
            asks = {"origin": PAGE, "access-control-request-method": "POST"}
            before = await home.http.options("/images/generations", headers=asks)
            secret = accounts.create_key("acme", origins=(PAGE,))[1]
            home.app.premises.ring.refresh()
            asked = await home.http.options("/images/generations", headers=asks)
            mine, alien = await home.post(secret, origin=PAGE), await home.post(secret, origin=OTHER)
            bought = len(vendor.submits)
            others = await home.post(plain, origin=PAGE)
            configured = await home.post(plain, origin=OTHER)
            program = await home.post(secret)
            anywhere = await home.post(accounts.create_key("acme", origins=("*",))[1], origin=PAGE)

    def told(answer: Any) -> Any:
        return answer.headers.get("access-control-allow-origin")

    assert (told(before), told(asked)) == (None, PAGE)
    assert (mine.status_code, told(mine)) == (200, PAGE)
    assert (alien.status_code, told(alien), bought) == (403, None, 1)
    assert OTHER in alien.json()["error"]["message"]
    assert (others.status_code, told(others)) == (200, None)  # served, and the browser shows the page nothing
    assert told(configured) == OTHER
    assert (program.status_code, told(program)) == (200, None)
    assert (anywhere.status_code, told(anywhere)) == (200, PAGE)


# Rotation, and how soon a change holds.


async def test_repeats_and_idempotency_survive_a_rotation(here: Here) -> None:
    key, old = here.accounts.create_key(here.team.name, limits=(Budget("usd", "total", 60_000),))
    sent = {"idempotency-key": "rotated-1"}
    body = {"prompt": "rotated", "model": "card"}
    first = await here.by(old).ask("POST", OPENAI, body, sent)
    assert first.status_code == 200
    _, new = here.accounts.rotate_key(key.key, DAY_S)
    before = await here.home.quiet()
    again = await here.by(new).ask("POST", OPENAI, body, sent)
    retried = await here.by(new).ask("POST", OPENAI, body, {"x-stainless-retry-count": "1"})
    assert again.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
    assert retried.headers["x-darkroom-repeats"] == first.headers["x-request-id"]
    other = await here.by(new).ask("POST", OPENAI, {**body, "prompt": "another"}, sent)
    assert other.status_code == 409
    assert await here.home.quiet() == before
    for secret in (old, new):  # four cents are spent, and six are all there is
        spent = await here.by(secret).ask("POST", OPENAI, {**body, "prompt": "more"})
        assert spent.json()["error"]["code"] == "insufficient_quota", spent.text


async def test_what_is_changed_elsewhere_holds_within_two_seconds(here: Here) -> None:
    """Another process writes the ledger; nobody tells this one."""
    key, secret = here.accounts.create_key(here.team.name)
    team = here.by(secret)
    body = {"prompt": "A boat"}

    async def until(status: int) -> None:
        began = time.monotonic()
        while (await team.ask("POST", OPENAI, body, PLAN)).status_code != status:
            assert time.monotonic() - began < 2
            await asyncio.sleep(0.05)

    await until(200)
    here.accounts.update_key(key.key, KeyChange(may=May(models=())))
    await until(403)
    here.accounts.update_key(key.key, KeyChange(may=May()))
    await until(200)
    here.accounts.set_limits(f"key:{key.key}", (Budget("requests", "minute", 0),))
    await until(429)
    here.accounts.set_limits(f"key:{key.key}", (), replace=True)
    await until(200)
    here.accounts.revoke_key(key.key)
    await until(401)


async def test_an_earlier_secret_ends_when_its_overlap_does(here: Here) -> None:
    key, old = here.accounts.create_key(here.team.name)
    _, new = here.accounts.rotate_key(key.key, 0)
    here.home.app.premises.ring.refresh()
    assert (await here.by(old).ask("POST", OPENAI, {"prompt": "A boat"}, PLAN)).status_code == 401
    assert (await here.by(new).ask("POST", OPENAI, {"prompt": "A boat"}, PLAN)).status_code == 200


# Last used.


async def test_when_a_key_was_used_is_written_beside_the_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"}) as home:
        secret = home.key("acme")
        unused = home.another_key("acme")
        accounts = Accounts(home.engine())
        began = time.time_ns() // 1_000_000
        assert (await home.get(secret, "/models")).status_code == 200
        assert [key.used for key in accounts.keys_of()] == [None, None]  # no request waits for it
    used = {key.prefix: key.used for key in accounts.keys_of()}  # written at the end at the latest
    assert used.pop(unused[:13]) is None
    assert began <= (used.pop(secret[:13]) or 0) <= time.time_ns() // 1_000_000
    monkeypatch.setattr(chores, "USED_S", 0.05)
    async with house(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"}) as home:
        await home.get(unused, "/models")
        until = time.monotonic() + 5
        while None in (key.used for key in accounts.keys_of()):
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
