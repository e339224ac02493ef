"""The whole of Darkroom in front of a vendor's stub: asked by a client, priced, held, drawn, settled."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image as Pillow

from proxy import stub
from proxy.stub.contract import Script
from proxy.stub.server import Stubs, serving
from tests.edge.house import House, house
from tests.providers.recording import picture
from tests.stub.test_every_stub import first_task, models_of

NAMES = sorted(stub.NAMES)
BUDGET = "5/total"
FILES = {"image": "blue", "mask": "clear+white"}
CEILING = 200_000
"""Micro-USD: what a model without a published price may cost."""


class Place:
    """A server, and the stub behind it."""

    def __init__(self, home: House, stubs: Stubs, vendor: str, model: str) -> None:
        self.home, self.world, self.model = home, stubs.worlds[vendor], model
        self.key = home.key("acme", BUDGET)
        self.ask = {"model": model, "prompt": "a red boat", "response_format": "b64_json"}


@pytest.fixture
async def place(name: str, tmp_path: Path) -> AsyncIterator[Place]:
    stubs = Stubs([name], pace=0.03, link_s=60)
    async with serving(stubs):
        rows = stubs.rows()
        rows["providers"][name]["ceilings"] = {model.name: str(CEILING / 1e6) for model in models_of(name)}
        model, _ = first_task(name)
        config = {**rows, "default_model": model.name, "log": {"level": "error"}}
        async with house(tmp_path, config) as home:
            yield Place(home, stubs, name, model.name)


each_vendor = pytest.mark.parametrize("name", NAMES)


@each_vendor
async def test_a_client_gets_its_picture_and_the_budget_pays_for_one(place: Place, name: str) -> None:
    planned = await place.home.post(place.key, place.ask, x_darkroom_dry_run="plan")
    assert planned.status_code == 200
    answer = await place.home.post(place.key, place.ask)
    assert answer.status_code == 200, answer.text
    with Pillow.open(BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"]))) as opened:
        opened.load()
    assert answer.headers["x-darkroom-provider"] == name
    settled, held = place.home.spent("acme")
    assert held == 0
    assert 0 < settled <= CEILING
    assert float(answer.headers["x-darkroom-cost"]) == settled / 1e6
    assert settled <= float(answer.headers["x-darkroom-estimated-cost"]) * 1e6
    assert sum(place.world.submits.values()) == 1
    assert place.world.leaks == []


@each_vendor
@pytest.mark.parametrize(
    ("script", "status"),
    [
        (Script.MODERATED, 400),
        (Script.REJECTED, 400),
        (Script.THROTTLED, 429),
        (Script.CREDIT, 503),
        (Script.CUT_OFF, 504),
    ],
)
async def test_a_failure_is_told_in_the_clients_own_words_and_nothing_is_lost(
    place: Place, name: str, script: Script, status: int
) -> None:
    if script is Script.MODERATED and not stub.load(name).filters:
        return
    answer = await place.home.post(place.key, {**place.ask, "prompt": f"a red boat, stub:{script}"})
    assert answer.status_code == status, answer.text
    settled, held = place.home.spent("acme")
    if script is Script.CUT_OFF:  # it may have been paid for
        assert (settled, held > 0) == (0, True)
    elif script is not Script.MODERATED:
        assert (settled, held) == (0, 0)
    else:  # some charge for what they then refuse
        assert held == 0
    assert "stub" not in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["ideogram"])
async def test_a_picture_that_is_drawn_billed_and_withheld_is_paid_for(place: Place, name: str) -> None:
    files = {each: (f"{each}.png", picture(f"{stripes}-64x48.png")) for each, stripes in FILES.items()}
    ask = {"model": "ideogram-v3-edit", "prompt": "a boat, stub:moderated"}
    headers = {"authorization": f"Bearer {place.key}"}
    answer = await place.home.http.post("/images/edits", data=ask, files=files, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "moderation_blocked")
    assert place.home.spent("acme") == (60_000, 0)
    (job,) = place.home.rows("jobs")
    assert job["state"] == "failed"
