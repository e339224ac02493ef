"""The frame of the admin API: who may, what is refused and how, pages, ETags, and a description that cannot lie."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from proxy.edge.admin import BEGINS, TABLE
from proxy.edge.admin.frame import Route
from tests.edge.administering import DESCRIPTION, ORIGIN, Operator, administered
from tests.edge.house import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
LISTS = [row for row in TABLE if row.name.endswith(".list")]
PARTS = {"org": "default", "team": "ops", "key": "k_1", "scope": "team:ops", "request": "req_1", "raise": "r_1"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def operator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    async with administered(tmp_path_factory.mktemp("admin")) as made:
        yield made


def filled(row: Route) -> str:
    return re.sub(r"{(\w+)}", lambda part: PARTS[part[1]], row.path)


BODIES: dict[str, Any] = {
    "orgs.create": {"org": "intruders"},
    "teams.create": {"team": "intruders"},
    "teams.update": {"weight": 7},
    "keys.create": {"team": "ops", "grants": ["admin"]},
    "keys.update": {"grants": ["admin"]},
    "keys.rotate": {"overlap_s": 0},
    "budgets.set": {"limits": []},
    "raises.create": {"scope": "team:ops", "what": "usd", "window": "total", "usd": "1"},
    "transfers.create": {"giver": "team:ops", "taker": "org:default", "what": "usd", "window": "total", "usd": "1"},
}
"""What would change something, if it were taken."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def strangers(operator: Operator) -> list[str]:
    """Keys that may not administer."""
    return [operator.home.another_key("ops"), operator.home.another_key("ops", "unfiltered", "spend")]


async def refusal(operator: Operator, row: Route, key: str | None) -> tuple[int, dict[str, Any]]:
    headers = {"if-match": "*", **({} if key is None else {"authorization": f"Bearer {key}"})}
    url = f"{ORIGIN}{BEGINS}{filled(row)}"
    body = json.dumps(BODIES.get(row.name, {}))
    answer = await operator.home.http.request(row.method, url, content=body, headers=headers)
    return answer.status_code, answer.json()["error"]


@EVERY
async def test_nobody_without_a_key_is_told_anything(operator: Operator, row: Route) -> None:
    before = await operator.get("/audit?limit=1000")
    told, error = await refusal(operator, row, None)
    assert (told, error["type"]) == (401, "authentication_error")
    told, error = await refusal(operator, row, "dk_live_wrong-one")
    assert (told, "wrong-one" in error["message"]) == (401, False)
    assert await operator.get("/audit?limit=1000") == before


@EVERY
async def test_a_key_without_the_grant_may_nothing(operator: Operator, row: Route, strangers: list[str]) -> None:
    before = await operator.get("/audit?limit=1000")
    for key in strangers:
        told, error = await refusal(operator, row, key)
        assert (told, error["type"]) == (403, "permission_error")
        assert "administer" in error["message"]
    assert await operator.get("/audit?limit=1000") == before


@EVERY
async def test_what_no_row_names_is_refused(operator: Operator, row: Route) -> None:
    given = {"if_match": "*"} if row.guarded else {}
    error = await operator.refused(400, row.method, f"{filled(row)}?surely=1", **given)
    assert (error["code"], error["param"]) == ("unknown_parameter", "surely")
    error = await operator.refused(400, row.method, filled(row), {"surely": 1}, **given)
    assert error["code"] in ("unknown_field", "missing_field")
    if error["code"] == "unknown_field":
        assert error["param"] == "surely"
    assert (await operator.refused(400, row.method, filled(row), b"{", **given))["code"] == "not_json"


async def test_a_parameter_stands_there_once(operator: Operator) -> None:
    error = await operator.refused(400, "GET", "/teams?limit=1&limit=2")
    assert (error["code"], error["param"]) == ("repeated_parameter", "limit")


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/teams?limit=0", "limit"),
        ("/teams?limit=1001", "limit"),
        ("/teams?limit=many", "limit"),
        ("/entries?since=yesterday", "since"),
        ("/entries?until=2026-11-01T12:00:00", "until"),  # of which zone?
        ("/entries?kind=gift", "kind"),
        ("/usage?group_by=team,colour", "group_by"),
        ("/usage?format=xml", "format"),
        ("/prices?on=soon", "on"),
    ],
)
async def test_a_value_that_is_none_is_refused_with_its_name(operator: Operator, path: str, param: str) -> None:
    error = await operator.refused(400, "GET", path)
    assert (error["code"], error["param"]) == ("invalid_value", param)


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row.name)
async def test_a_page_goes_on_only_where_its_list_ended(operator: Operator, row: Route) -> None:
    for after in ("nonsense", "gqV0ZWFtc6NvcHM", "é"):
        error = await operator.refused(400, "GET", f"{row.path}?after={after}")
        assert error["param"] == "after"
    assert (await operator.get(f"{row.path}?limit=1000"))["after"] is None


@pytest.mark.parametrize("row", [row for row in TABLE if row.guarded], ids=lambda row: row.name)
async def test_a_change_says_what_it_changes(operator: Operator, row: Route) -> None:
    error = await operator.refused(428, row.method, filled(row), {})
    assert (error["type"], error["code"]) == ("precondition_error", "precondition_required")


@pytest.mark.parametrize("path", ["/", "/teams/ops/secrets", "/nothing", "/teams/"])
async def test_what_there_is_not_is_not_found_in_the_same_words(operator: Operator, path: str) -> None:
    answer = await operator.home.http.get(
        f"{ORIGIN}{BEGINS}{path}", headers={"authorization": f"Bearer {operator.key}"}
    )
    if path == "/teams/":  # the router takes it for the same
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


async def test_another_method_is_refused_in_the_same_words(operator: Operator) -> None:
    answer = await operator.home.http.post(
        f"{ORIGIN}{BEGINS}/usage", headers={"authorization": f"Bearer {operator.key}"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "wrong_method")


async def test_what_is_unchanged_need_not_be_sent_again(operator: Operator) -> None:
    first = await operator.ask("GET", "/teams/ops")
    again = await operator.ask("GET", "/teams/ops", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert (await operator.ask("GET", "/teams/ops", if_none_match='"other"')).status_code == 200


async def test_a_mistake_of_ours_says_nothing_of_itself(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.edge.admin.records.served", lambda *_: 1 / 0)
    error = await operator.refused(500, "GET", "/requests/req_1")
    assert (error["type"], "division" in error["message"]) == ("server_error", False)


async def test_who_goes_away_while_asking_is_not_waited_for(operator: Operator) -> None:
    visitor = Visitor(operator.key).leads_to(f"{BEGINS}/reload").goes_away()
    await visitor.visit(operator.home.app)
    assert visitor.status == 499


async def test_requests_are_counted_by_what_they_ask(operator: Operator) -> None:
    await operator.get("/teams")
    await operator.refused(404, "GET", "/teams/nobody")
    text = (await operator.home.http.get(f"{ORIGIN}/metrics")).text
    assert re.search(r'requests_total\{dialect="admin",operation="teams.list",status="200",team="ops"\}', text)
    assert re.search(r'requests_total\{dialect="admin",operation="teams.get",status="404",team="ops"\}', text)


# The description.


async def test_the_server_tells_of_every_route_it_has(operator: Operator) -> None:
    assert await operator.get("/openapi.json") == DESCRIPTION
    told = {(method.upper(), path) for path, found in DESCRIPTION["paths"].items() for method in found}
    assert told == {(row.method, BEGINS + row.path) for row in TABLE}


async def test_the_description_is_one_that_programs_can_read() -> None:
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert not re.findall(r'"\$ref": ?"#/components/schemas/(?!\w+")', str(DESCRIPTION))
    refs = set(re.findall(r"#/components/schemas/(\w+)", str(DESCRIPTION)))
    assert refs == set(DESCRIPTION["components"]["schemas"])
    ids = [each["operationId"] for found in DESCRIPTION["paths"].values() for each in found.values()]
    assert len(ids) == len(set(ids)) == len(TABLE)


async def test_every_route_says_what_it_does_and_takes_if_match_where_it_changes() -> None:
    for found in DESCRIPTION["paths"].values():
        for method, each in found.items():
            assert each["summary"].endswith(".")
            headers = [parameter["name"] for parameter in each["parameters"] if parameter["in"] == "header"]
            assert headers == (["If-Match"] if method in ("patch", "put", "delete") else [])
