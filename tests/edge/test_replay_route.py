"""`POST /admin/v1/replay`: the same as `darkroom replay`, asked of a server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from proxy.cli import main
from tests.edge.house import BODY, House, house
from tests.walk.vendors import OpenAIVendor, at, serving

REPLAY = "http://darkroom.test/admin/v1/replay"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {"providers": {"stub": {**at(vendor), "key": "k"}}, "default_model": "photo"}
        async with house(tmp_path, config) as made:
            yield made


async def asked(home: House, key: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await home.http.post(REPLAY, content=content, headers={"authorization": f"Bearer {key}"}, timeout=60)


def settled(told: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from one time to the next."""
    return {name: said for name, said in told.items() if name not in ("seconds", "since", "until")}


async def test_a_route_and_the_command_line_say_the_same(home: House) -> None:
    key, admin = home.key("acme", "1/total"), home.another_key("acme", "admin")
    for _ in range(3):
        assert (await home.post(key)).status_code == 200
    told = await asked(home, admin, {"since": "1h", "policy": "fastest"})
    assert told.status_code == 200, told.text
    arguments = ["replay", "--since", "1h", "--policy", "fastest", "--json"]
    shown = CliRunner().invoke(main, [*arguments, "--config", str(home.config), "--data", str(home.data)])
    assert settled(told.json()) == settled(json.loads(shown.stdout))
    assert told.json()["requests"]["replayed"] == 3
    assert told.json()["happened"]["usd"] == "0.12"


async def test_another_configuration_is_laid_over_the_one_that_holds(home: House) -> None:
    key, admin = home.key("acme", "1/total"), home.another_key("acme", "admin")
    assert (await home.post(key, {**BODY, "model": "spare"})).status_code == 200
    bans = "teams: {acme: {bans: [stub/spare]}}"
    told = await asked(home, admin, {"since": "1h", "configuration": bans})
    assert told.json()["requests"]["without_offer"] == 1


WRONG: dict[str, tuple[Any, str]] = {
    "a moment": ({"since": "yesterday"}, "since: write hours"),
    "a policy": ({"policy": "boldest"}, "policy: there is no policy 'boldest'"),
    "a day": ({"prices": "soon"}, "prices: write a day"),
    "a team": ({"team": "nobody"}, "no team 'nobody'"),
    "a row": ({"configuration": "polices: {}"}, "polices"),
    "a field": ({"untill": "1h"}, "untill"),
    "no JSON": (b"{", "not JSON"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_mistake_is_the_callers(home: House, name: str) -> None:
    body, says = WRONG[name]
    home.key("acme", "1/total")
    told = await asked(home, home.another_key("acme", "admin"), body)
    assert told.status_code == 400, told.text
    assert says in told.json()["error"]["message"]


async def test_only_keys_with_the_grant_may(home: House) -> None:
    assert (await asked(home, home.key("acme", "1/total"), {})).status_code == 403
