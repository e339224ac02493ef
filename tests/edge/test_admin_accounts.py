"""Organisations, teams, keys and limits over the admin API: made, read, changed, ended; and every change in the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.ledger.accounts import Accounts
from tests.edge.administering import Operator, administered, bought
from tests.edge.house import BODY

MONTH = {"what": "usd", "window": "month", "usd": "100"}


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with administered(tmp_path) as made:
        yield made


def limit(what: str, window: str, amount: str | int, **more: Any) -> dict[str, Any]:
    """A limit as it is told, with all that is not said of it."""
    bare: dict[str, Any] = {"zone": "UTC", "carry_usd": None, "carry_count": None, "soft": []}
    given = {"usd": amount, "count": None} if what == "usd" else {"usd": None, "count": amount}
    return {"what": what, "window": window, **given, **bare, **more}


async def made(operator: Operator, path: str, body: Any) -> Any:
    """A new thing, which is where its answer says."""
    answer = await operator.ask("POST", path, body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    found = await operator.ask("GET", answer.headers["location"].removeprefix("/admin/v1"))
    assert found.json() == {name: said for name, said in told.items() if name != "secret"}
    if "etag" in answer.headers:
        assert found.headers["etag"] == answer.headers["etag"]
    return told


async def changed(operator: Operator, method: str, path: str, body: Any, reads: str | None = None) -> Any:
    """A thing that was changed in the state in which it was read."""
    etag = (await operator.ask("GET", reads or path)).headers["etag"]
    answer = await operator.ask(method, path, body, if_match=etag)
    assert answer.status_code == 200, answer.text
    assert (await operator.ask("GET", reads or path)).headers["etag"] == answer.headers["etag"] != etag
    return answer.json()


async def me(operator: Operator) -> str:
    """The id of the operator's key."""
    [key] = [str(each["key"]) for each in await operator.every("/keys", 10) if "admin" in each["grants"]]
    return key


async def test_an_organisation_has_teams_and_limits(operator: Operator) -> None:
    told = await made(operator, "/orgs", {"org": "globex", "limits": [MONTH]})
    assert told["limits"] == [limit("usd", "month", "100")]
    await made(operator, "/teams", {"team": "north", "org": "globex"})
    await made(operator, "/teams", {"team": "south", "org": "globex", "weight": 3, "keep_s": 60})
    assert [each["org"] for each in await operator.every("/orgs", 1)] == ["default", "globex"]
    assert [each["team"] for each in await operator.every("/teams?org=globex", 1)] == ["north", "south"]
    assert {each["team"] for each in await operator.every("/teams", 2)} >= {"north", "ops", "south"}
    assert (await operator.refused(409, "POST", "/orgs", {"org": "globex"}))["type"] == "conflict_error"
    assert (await operator.refused(409, "POST", "/teams", {"team": "north"}))["type"] == "conflict_error"
    assert (await operator.refused(404, "POST", "/teams", {"team": "west", "org": "nobody"}))["code"] == "not_found"
    assert (await operator.refused(400, "POST", "/teams", {"team": "No Name"}))["type"] == "invalid_request_error"
    for path in ("/orgs/nobody", "/teams/nobody", "/keys/k_nobody", "/budgets/team:nobody"):
        await operator.refused(404, "GET", path)


async def test_what_is_said_of_a_team_changes_and_the_rest_stays(operator: Operator) -> None:
    about = {"webhook": "https://hooks.example.com/in", "webhook_key": "w-secret", "weight": 2}
    team = await made(operator, "/teams", {"team": "acme", **about, "limits": [MONTH]})
    assert (team["webhook_key_set"], "w-secret" in json.dumps(team)) == (True, False)
    after = await changed(operator, "PATCH", "/teams/acme", {"weight": 5, "webhook_key": None})
    assert after == {**team, "weight": 5, "webhook_key_set": False}
    error = await operator.refused(400, "PATCH", "/teams/acme", {"weight": 0}, if_match="*")
    assert "weight" in error["message"]
    assert (await operator.refused(400, "PATCH", "/teams/acme", {"team": "b"}, if_match="*"))["param"] == "team"
    assert await operator.get("/teams/acme") == after


async def test_who_has_not_seen_the_last_change_makes_none(operator: Operator) -> None:
    await made(operator, "/teams", {"team": "acme"})
    seen = (await operator.ask("GET", "/teams/acme")).headers["etag"]
    assert (await operator.ask("PATCH", "/teams/acme", {"weight": 2}, if_match=f'"x", {seen}')).status_code == 200
    error = await operator.refused(412, "PATCH", "/teams/acme", {"weight": 3}, if_match=seen)
    assert (error["type"], error["code"]) == ("precondition_error", "precondition_failed")
    assert (await operator.get("/teams/acme"))["weight"] == 2
    assert len(await operator.every("/audit?action=team.update", 5)) == 1


async def test_of_changes_at_once_one_is_made(operator: Operator) -> None:
    await made(operator, "/teams", {"team": "acme"})
    seen = (await operator.ask("GET", "/teams/acme")).headers["etag"]
    changes = [operator.ask("PATCH", "/teams/acme", {"weight": 2 + n}, if_match=seen) for n in range(8)]
    answers = await asyncio.gather(*changes)
    assert sorted(each.status_code for each in answers) == [200, *[412] * 7]
    [kept] = [each.json() for each in answers if each.status_code == 200]
    assert await operator.get("/teams/acme") == kept


async def test_a_key_works_at_once_and_its_secret_is_told_once(operator: Operator) -> None:
    home = operator.home
    await made(operator, "/teams", {"team": "acme", "limits": [MONTH]})
    body = {
        "team": "acme",
        "name": "checkout",
        "expires": "2030-01-01T00:00:00Z",
        "may": {"models": ["pho*"], "most_usd": "0.05"},
        "limits": [{"what": "images", "window": "day", "count": 2}],
        "webhook": "https://hooks.example.com/in",
        "webhook_key": "w-secret",
    }
    key = await made(operator, "/keys", body)
    secret = key.pop("secret")
    assert key["may"] == {"dialects": None, "models": ["pho*"], "operations": None, "most_usd": "0.05"}
    assert (key["expires"], key["limits"]) == ("2030-01-01T00:00:00Z", [limit("images", "day", 2)])
    assert await bought(home, secret, 2)
    assert (await home.post(secret)).status_code == 429
    shown = json.dumps([await operator.every("/keys", 2), await operator.every("/audit", 3)])
    assert secret not in shown
    assert "w-secret" not in shown
    assert key["key"] in shown


async def test_a_key_is_changed_rotated_and_ended(operator: Operator) -> None:
    home = operator.home
    await made(operator, "/teams", {"team": "acme"})
    key = await made(operator, "/keys", {"team": "acme"})
    path, first = f"/keys/{key['key']}", key["secret"]
    after = await changed(operator, "PATCH", path, {"name": "renamed", "may": {"models": ["poster"]}})
    assert (after["name"], after["may"]["models"]) == ("renamed", ["poster"])
    assert (await home.post(first)).status_code in (403, 404)
    await changed(operator, "PATCH", path, {"may": {}, "expires": None, "grants": []})
    rotated = await operator.ask("POST", f"{path}/rotate", {"overlap_s": 3600})
    assert (rotated.status_code, rotated.headers["cache-control"]) == (200, "no-store")
    second = rotated.json()["secret"]
    assert rotated.json()["key"] == key["key"]
    assert second != first
    for secret in (first, second):
        assert (await home.post(secret)).status_code == 200
    again = (await operator.ask("POST", f"{path}/rotate", {"overlap_s": 0})).json()["secret"]
    assert (await home.post(second)).status_code == 401
    await operator.refused(412, "DELETE", path, if_match='"another"')
    assert (await home.post(again)).status_code == 200
    ended = await operator.ask("DELETE", path, if_match="*")
    assert ended.json()["revoked"] is not None
    for secret in (first, second, again):
        assert (await home.post(secret)).status_code == 401
    await operator.refused(409, "DELETE", path, if_match="*")


async def test_that_a_key_is_used_does_not_change_its_etag(operator: Operator) -> None:
    await made(operator, "/teams", {"team": "acme"})
    key = await made(operator, "/keys", {"team": "acme"})
    path = f"/keys/{key['key']}"
    before = await operator.ask("GET", path)
    Accounts(operator.home.engine()).write_used({key["key"]: 1_800_000_000_000})
    after = await operator.ask("GET", path)
    assert (before.json()["used"], after.json()["used"]) == (None, "2027-01-15T08:00:00Z")
    assert before.headers["etag"] == after.headers["etag"]


WRONG: dict[str, tuple[str, Any, str | None]] = {
    "a part of a micro-dollar": ("/teams", {"team": "a", "limits": [{**MONTH, "usd": "0.0000001"}]}, "limits[0].usd"),
    "less than nothing": ("/teams", {"team": "a", "limits": [{**MONTH, "usd": "-1"}]}, "limits[0].usd"),
    "no amount": ("/teams", {"team": "a", "limits": [{**MONTH, "usd": "much"}]}, "limits[0].usd"),
    "an infinite amount": ("/teams", {"team": "a", "limits": [{**MONTH, "usd": "Infinity"}]}, "limits[0].usd"),
    "a number for USD": ("/teams", {"team": "a", "limits": [{**MONTH, "usd": 100}]}, "limits[0].usd"),
    "USD for pictures": ("/teams", {"team": "a", "limits": [{**MONTH, "what": "images"}]}, "limits[0]"),
    "a window there is none of": ("/teams", {"team": "a", "limits": [{**MONTH, "window": "aeon"}]}, None),
    "a limit twice": ("/teams", {"team": "a", "limits": [MONTH, MONTH]}, "limits"),
    "a field within": ("/teams", {"team": "a", "limits": [{**MONTH, "colour": "red"}]}, "limits[0].colour"),
    "a grant there is none of": ("/keys", {"team": "ops", "grants": ["fly"]}, None),
    "a moment without its zone": ("/keys", {"team": "ops", "expires": "2030-01-01T00:00:00"}, "expires"),
    "a team there is none of": ("/keys", {"team": "nobody"}, None),
    "no team": ("/keys", {}, "team"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_refused_whole(operator: Operator, name: str) -> None:
    path, body, param = WRONG[name]
    before = await operator.every("/audit", 50)
    answer = await operator.ask("POST", path, body)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["param"] == param
    assert await operator.every("/audit", 50) == before


async def test_the_limits_of_a_scope_are_set_together(operator: Operator) -> None:
    home = operator.home
    await made(operator, "/teams", {"team": "acme", "limits": [MONTH]})
    key = await made(operator, "/keys", {"team": "acme"})
    path = "/budgets/team:acme"
    assert await operator.get(path) == {"scope": "team:acme", "limits": [limit("usd", "month", "100")]}
    two = [
        {"what": "usd", "window": "day", "usd": "0.05", "zone": "Europe/Berlin", "carry_usd": "1.5", "soft": [50, 80]},
        {"what": "requests", "window": "minute", "count": 60},
    ]
    told = await changed(operator, "PUT", path, {"limits": two})
    assert told["limits"] == [
        limit("requests", "minute", 60),
        limit("usd", "day", "0.05", zone="Europe/Berlin", carry_usd="1.5", soft=[50, 80]),
    ]
    await bought(home, key["secret"])
    assert (await home.post(key["secret"], {**BODY, "prompt": "Another"})).status_code == 429
    await changed(operator, "PUT", path, {"limits": []})
    await bought(home, key["secret"], prompt="A third")
    own = f"/budgets/key:{key['key']}"
    await changed(operator, "PUT", own, {"limits": [MONTH]})
    user = "/budgets/user:acme/jo%20of%2FAcme"
    told = await changed(operator, "PUT", user, {"limits": [MONTH]})
    assert told["scope"] == "user:acme/jo of/Acme"
    scopes = [each["scope"] for each in await operator.every("/budgets", 1)]
    assert {f"key:{key['key']}", "user:acme/jo of/Acme"} <= set(scopes)
    assert scopes == sorted(scopes)
    assert [each["scope"] for each in await operator.every("/budgets?kind=key", 5)] == [f"key:{key['key']}"]
    await operator.refused(412, "PUT", path, {"limits": [MONTH]}, if_match='"old"')


async def test_every_change_is_written_down_with_whose_it_was(operator: Operator) -> None:
    await made(operator, "/teams", {"team": "acme"})
    await changed(operator, "PATCH", "/teams/acme", {"weight": 9})
    key = await made(operator, "/keys", {"team": "acme"})
    await operator.ask("POST", f"/keys/{key['key']}/rotate", {})
    await operator.ask("PUT", "/budgets/team:acme", {"limits": [MONTH]}, if_match="*")
    await operator.ask("DELETE", f"/keys/{key['key']}", if_match="*")
    who = await me(operator)
    told = await operator.every(f"/audit?who={who}", 2)
    assert [each["action"] for each in reversed(told)] == [
        *("team.create", "team.update", "key.create", "key.rotate", "budget.set", "key.revoke"),
    ]
    [change] = await operator.every("/audit?action=team.update", 5)
    assert (change["what"], change["before"]["weight"], change["after"]["weight"]) == ("team:acme", 1, 9)
    assert [each["action"] for each in await operator.every("/audit?what=team:acme", 5)] == [
        *("budget.set", "team.update", "team.create"),
    ]
    assert await operator.every("/audit?until=2020-01-01", 5) == []


async def test_limits_stand_where_the_money_says(operator: Operator) -> None:
    await made(operator, "/teams", {"team": "acme", "limits": [MONTH, {"what": "images", "window": "day", "count": 9}]})
    key = await made(operator, "/keys", {"team": "acme"})
    await bought(operator.home, key["secret"], 2)
    told = await operator.get("/standing/team:acme")
    states = {each["what"]: each for each in told["limits"]}
    amounts = {name: said for name, said in states["usd"].items() if name.endswith("_usd")}
    assert amounts == {"limit_usd": "100", "settled_usd": "0.08", "held_usd": "0", "left_usd": "99.92"}
    assert (states["images"]["settled_count"], states["images"]["left_count"]) == (2, 7)
    assert states["images"]["left_usd"] is None
    await operator.refused(404, "GET", "/standing/team:nobody")


async def test_a_limit_is_raised_for_a_time_and_withdrawn(operator: Operator) -> None:
    home = operator.home
    await made(operator, "/teams", {"team": "acme", "limits": [{**MONTH, "usd": "0.05"}]})
    key = await made(operator, "/keys", {"team": "acme"})
    await bought(home, key["secret"])
    more = {"scope": "team:acme", "what": "usd", "window": "month", "usd": "0.04", "why": "a launch"}
    assert (await home.post(key["secret"], {**BODY, "prompt": "B"})).status_code == 429
    answer = await operator.ask("POST", "/raises", {**more, "ends": "2100-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["usd"], answer.json()["why"]) == (201, "0.04", "a launch")
    await bought(home, key["secret"], prompt="C")
    assert (await operator.get("/standing/team:acme"))["limits"][0]["limit_usd"] == "0.09"
    assert await operator.every("/raises?scope=team:acme", 1) == [answer.json()]
    assert (await operator.ask("POST", f"/raises/{answer.json()['id']}/withdraw")).status_code == 200
    assert await operator.every("/raises", 1) == []
    assert (await operator.get("/standing/team:acme"))["limits"][0]["limit_usd"] == "0.05"
    await operator.refused(404, "POST", "/raises/r_nothing/withdraw")
    await operator.refused(400, "POST", "/raises", {**more, "ends": "2001-01-01T00:00:00Z"})
    await operator.refused(404, "POST", "/raises", {**more, "window": "day"})
    await operator.refused(400, "POST", "/raises", {**more, "count": 1})


async def test_no_more_is_moved_than_is_left(operator: Operator) -> None:
    for team in ("north", "south"):
        await made(operator, "/teams", {"team": team, "limits": [MONTH]})
    move = {"giver": "team:north", "taker": "team:south", "what": "usd", "window": "month", "usd": "60"}
    answer = await operator.ask("POST", "/transfers", move)
    assert (answer.status_code, answer.json()["giver"]["usd"], answer.json()["taker"]["usd"]) == (201, "-60", "60")
    assert len(await operator.every("/raises", 1)) == 2
    assert "40" in (await operator.refused(400, "POST", "/transfers", move))["message"]
    stands = [(await operator.get(f"/standing/team:{team}"))["limits"][0]["left_usd"] for team in ("north", "south")]
    assert stands == ["40", "160"]
    [change, _] = await operator.every("/audit?action=budget.transfer", 5)
    assert change["who"] == await me(operator)
