"""Another configuration in the place of the one there is, while serving: whole, or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.edge.house import House, house
from tests.edge.test_routing import DRY, server
from tests.walk.running import eventually, running
from tests.walk.vendors import OpenAIVendor, at, serving

CONFIG: Mapping[str, Any] = {
    "providers": {"dear": server("0.08", "photo"), "cheap": server("0.04", "photo", seconds={"photo": 30})},
    "default_model": "photo",
}
DEAR_ONLY = {**CONFIG, "providers": {"dear": server("0.08", "photo")}}
RELOAD = "http://darkroom.test/admin/v1/reload"
METRICS = "http://darkroom.test/metrics"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, CONFIG) as made:
        yield made


class Operator:
    """Whoever may have the configuration read again."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.key = home.key("ops", "1/total")
        self.admin = home.another_key("ops", "admin")
        home.app.premises.ring.refresh()

    async def reload(self, config: Mapping[str, Any]) -> httpx.Response:
        self.home.rewrite(config)
        return await self.home.http.post(RELOAD, headers={"authorization": f"Bearer {self.admin}"})

    async def offers(self, **headers: str) -> list[str]:
        answer = await self.home.post(self.key, **DRY, **headers)
        return [each["offer"] for each in answer.json()["choices"]]

    async def metrics(self) -> dict[str, str]:
        text = (await self.home.http.get(METRICS)).text
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("darkroom_configuration"))


@pytest.fixture
def operator(home: House) -> Operator:
    return Operator(home)


async def test_what_has_changed_holds_from_the_next_request_on(operator: Operator) -> None:
    assert await operator.offers() == ["cheap/photo", "dear/photo"]
    rules = ["configured", "capable", "allowed", "within_ceiling", "priced", "fastest"]
    rows = {"policy": {"default": "swift"}, "policies": {"swift": rules}}
    answer = await operator.reload({**CONFIG, **rows})
    assert answer.json() == {"object": "darkroom.reload", "changed": ["policy", "policies"]}
    assert await operator.offers() == ["dear/photo", "cheap/photo"]
    answer = await operator.reload(DEAR_ONLY)
    assert answer.json()["changed"] == ["providers", "policy", "policies"]
    assert await operator.offers() == ["dear/photo"]
    assert (await operator.reload(DEAR_ONLY)).json()["changed"] == []
    told = await operator.metrics()
    assert told['darkroom_configurations_total{outcome="taken"}'] == "4.0"  # the first was the one it started with
    assert told["darkroom_configuration_stale"] == "0.0"


UNSOUND: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "a row there is none of": ({**DEAR_ONLY, "provider": {}}, "provider"),
    "a policy there is none of": ({**DEAR_ONLY, "policy": {"default": "slow"}}, "no policy 'slow'"),
    "a rule there is none of": ({**DEAR_ONLY, "policy": {"rules": ["slow"]}}, "slow"),
    "a model there is none of": ({**DEAR_ONLY, "default_model": "poster"}, "poster"),
    "a dialect there is none of": ({**DEAR_ONLY, "dialects": {"klingon": {}}}, "klingon"),
    "what takes a restart": ({**DEAR_ONLY, "metrics": {"bind": "127.0.0.1:0"}}, "takes a restart"),
}


@pytest.mark.parametrize("name", UNSOUND)
async def test_what_is_unsound_is_refused_whole_and_says_why(operator: Operator, name: str) -> None:
    config, says = UNSOUND[name]
    answer = await operator.reload(config)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]
    assert await operator.offers() == ["cheap/photo", "dear/photo"]
    assert (await operator.metrics())["darkroom_configuration_stale"] == "1.0"
    assert (await operator.reload(CONFIG)).status_code == 200
    assert (await operator.metrics())["darkroom_configuration_stale"] == "0.0"


async def test_a_file_that_is_gone_is_refused_too(operator: Operator) -> None:
    operator.home.config.unlink()
    answer = await operator.home.http.post(RELOAD, headers={"authorization": f"Bearer {operator.admin}"})
    assert answer.status_code == 400
    assert await operator.offers() == ["cheap/photo", "dear/photo"]


async def test_only_keys_with_the_grant_may(home: House, operator: Operator) -> None:
    home.rewrite(DEAR_ONLY)
    assert (await home.http.post(RELOAD)).status_code == 401
    refused = await home.http.post(RELOAD, headers={"authorization": f"Bearer {operator.key}"})
    assert (refused.status_code, "administer" in refused.text) == (403, True)
    assert await operator.offers() == ["cheap/photo", "dear/photo"]


async def test_a_request_that_is_under_way_ends_by_what_it_began_with(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        before = {"providers": {"stub": at(vendor), "dear": server("0.08", "photo")}, "default_model": "photo"}
        async with house(tmp_path, before) as home:
            operator = Operator(home)
            vendor.gate.clear()
            under_way = asyncio.create_task(home.post(operator.key))
            while not vendor.submits:
                await asyncio.sleep(0.01)
            assert (await operator.reload(DEAR_ONLY)).json()["changed"] == ["providers"]
            assert await operator.offers() == ["dear/photo"]
            vendor.gate.set()
            answer = await under_way
            assert (answer.status_code, answer.headers["x-darkroom-provider"]) == (200, "stub")
            assert home.spent("ops") == (40_000, 0)


async def test_reloads_at_once_come_one_after_the_other(operator: Operator) -> None:
    answers = await asyncio.gather(*[operator.reload(config) for config in (DEAR_ONLY, CONFIG, DEAR_ONLY) * 3])
    assert {answer.status_code for answer in answers} == {200}
    assert await operator.offers() == ["dear/photo"]


async def test_what_lasts_goes_by_it_too(operator: Operator) -> None:
    rows = {
        "limits": {"picture_pixels": 4096, "body_bytes": 5000, "bodies_bytes": 6000, "replies_bytes": 9000},
        "log": {"level": "warning", "prompts": True},
        "cors": {"origins": ["https://studio.example.com"]},
        "store": {"link_s": 7},
        "links": {"allow": ["127.0.0.1"]},
    }
    assert (await operator.reload({**CONFIG, **rows})).json()["changed"] == sorted(rows, key=_place)
    refused = await operator.home.post(operator.key, b"x" * 5001)
    assert refused.status_code == 413
    premises = operator.home.app.premises
    assert premises.studio.most == 4096
    premises.guard.check("http://127.0.0.1/picture.png")
    asked = {"origin": "https://studio.example.com", "access-control-request-method": "POST"}
    told = await operator.home.http.options("/images/generations", headers=asked)
    assert told.headers["access-control-allow-origin"] == "https://studio.example.com"


def _place(name: str) -> int:
    return ("limits", "links", "store", "cors", "log").index(name)


def test_a_server_reads_it_again_on_sighup(tmp_path: Path) -> None:
    with running(tmp_path, {"providers": {"sandbox": {}}, "default_model": "sandbox"}) as server:
        key = server.key("acme")

        def models() -> set[str]:
            told = httpx.get(f"{server.base}/models", headers={"authorization": f"Bearer {key}"})
            return {each["id"] for each in told.json()["data"]}

        assert "muse" not in models()
        rows: dict[str, Any] = {"providers": {"sandbox": {}}, "models": {"muse": {"to": ["sandbox"]}}}
        server.config.write_text("providers: [")
        os.kill(server.pid, signal.SIGHUP)
        (line,) = eventually(lambda: [each for each in server.log() if each["event"] == "ConfigurationRefused"])
        assert (line["level"], line["by"]) == ("error", "SIGHUP")
        assert "config.yaml, line 1" in line["why"]
        server.config.write_text(yaml.safe_dump(rows))
        os.kill(server.pid, signal.SIGHUP)
        assert eventually(lambda: "muse" in models())
        (line,) = eventually(lambda: [each for each in server.log() if each.get("changed") == ["models"]])
        assert line["event"] == "ConfigurationTaken"
