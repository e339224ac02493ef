"""A picture that is made larger after it was drawn: two calls, one price, held together and settled one by one."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as Pillow

from providers.contract import Failure, Fault, Render, Upscale
from tests.edge.town import CENTS, Team, Town, town, town_config, until
from tests.test_recovery import MoodyVendor
from tests.walk.vendors import serving

LARGER = 70_000
PATH = "/studiolm/v1/images/generations"
BODY = {"prompt": "A boat", "style": "upscaled", "aspect_ratio": "portrait", "response_format": "b64_json"}


def config(**more: Any) -> dict[str, Any]:
    """Drawn at four cents, made larger at seven by another provider."""
    made = town_config(**more)
    larger = {
        "name": "larger",
        "operations": ["upscale.conservative"],
        "sizes": {"step": 1, "min_side": 16, "max_side": 4096},
        "inputs": 1,
        "price": {"per": {"type": "image", "rows": [{"price": "0.07"}]}},
    }
    made["providers"]["enlarging"] = {"speaks": "sandbox", "models": [larger]}
    made["models"]["upscale"] = {"to": ["larger"]}
    return made


@asynccontextmanager
async def opened(folder: Path, limit: str = "1/total", **more: Any) -> AsyncIterator[tuple[Town, Team]]:
    async with town(folder, config(**more)) as home:
        yield home, home.team("acme", limit)


async def ask(team: Team, **more: Any) -> httpx.Response:
    headers = {name.replace("_", "-"): str(more.pop(name)) for name in list(more) if name.startswith("x_")}
    return await team.ask("POST", PATH, {**BODY, **more}, headers)


def size_of(answer: httpx.Response) -> tuple[int, int]:
    body = base64.b64decode(answer.json()["data"][0]["b64_json"])
    return Pillow.open(io.BytesIO(body)).size


def states(home: Town) -> list[str]:
    return sorted(hold["state"] for hold in home.rows("holds"))


def breaking(home: Town, monkeypatch: pytest.MonkeyPatch, error: Exception, *, upscaling: bool) -> list[str]:
    """Let one of the two calls fail; every call is listed."""
    asked: list[str] = []
    plain = home.painter.draw

    async def draw(step: Render) -> Any:
        asked.append(step.request.operation)
        if isinstance(step.request, Upscale) is upscaling:
            raise error
        return await plain(step)

    monkeypatch.setattr(home.painter, "draw", draw)
    return asked


async def test_both_are_held_before_the_first_is_asked_and_settled_exactly(tmp_path: Path) -> None:
    async with opened(tmp_path) as (home, team):
        home.painter.gate.clear()
        asking = asyncio.create_task(ask(team))
        await until(lambda: home.painter.asked)
        assert states(home) == ["open", "waiting"]
        assert home.spent("acme") == (0, CENTS + LARGER)
        home.painter.gate.set()
        answer = await asking
        assert answer.status_code == 200
        assert size_of(answer) == (1664, 2432)
        assert home.spent("acme") == (CENTS + LARGER, 0)
        assert answer.headers["x-darkroom-estimated-cost"] == answer.headers["x-darkroom-cost"] == "0.11"
        assert answer.headers["x-darkroom-attempts"] == "2"
        assert states(home) == []
        assert sum(entry["images"] for entry in home.rows("entries") if entry["kind"] == "settle") == 1


async def test_what_does_not_fit_together_is_not_begun(tmp_path: Path) -> None:
    async with opened(tmp_path, "0.10/total") as (home, team):
        answer = await ask(team)
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "insufficient_quota")
        assert home.money().lines == 0
        assert home.painter.asked == 0
        assert (await ask(team, style="vivid")).status_code == 200


async def test_a_ceiling_is_for_both_and_so_is_the_plan(tmp_path: Path) -> None:
    async with opened(tmp_path) as (home, team):
        plan = (await ask(team, x_darkroom_dry_run="plan")).json()
        assert plan["estimated_cost_usd"] == "0.11"
        assert [each["offer"] for each in plan["choices"]] == ["cards/card"]
        assert [each["offer"] for each in plan["finish"]["choices"]] == ["enlarging/larger"]
        assert (await ask(team, x_darkroom_max_cost="0.1099")).status_code == 400
        assert home.money().lines == 0
        assert (await ask(team, x_darkroom_max_cost="0.11")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "held"), [(Fault.UNAVAILABLE, 0), (Fault.REJECTED, 0), (Fault.MODERATED, 0), (Fault.AMBIGUOUS, LARGER)]
)
async def test_where_enlarging_fails_the_drawn_picture_is_given_in_its_very_size_and_only_it_is_paid(
    fault: Fault, held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = config()
    coarse["providers"]["cards"]["models"][0]["sizes"] = {"step": 100, "min_side": 100, "max_side": 4000}
    async with town(tmp_path, coarse) as home:
        team = home.team("acme", "1/total")
        asked = breaking(home, monkeypatch, Failure(fault, "not today"), upscaling=True)
        answer = await ask(team)
        assert answer.status_code == 200
        assert asked == ["generate", "upscale.conservative"]
        assert size_of(answer) == (832, 1216)
        assert "upscale: failed, the picture is as it was drawn: not today" in answer.headers["x-darkroom-notes"]
        assert answer.headers["x-darkroom-cost"] == "0.04"
        assert home.spent("acme") == (CENTS, held)
        assert states(home) == ["ambiguous"] * bool(held)


@pytest.mark.parametrize(("fault", "held"), [(Fault.UNAVAILABLE, 0), (Fault.REJECTED, 0), (Fault.AMBIGUOUS, CENTS)])
async def test_where_drawing_fails_nothing_is_enlarged(
    fault: Fault, held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as (home, team):
        asked = breaking(home, monkeypatch, Failure(fault, "not today"), upscaling=False)
        answer = await ask(team)
        assert answer.status_code >= 400
        assert asked == ["generate"]
        assert home.spent("acme") == (0, held)


@pytest.mark.parametrize("upscaling", [False, True])
async def test_a_mistake_of_ours_leaves_open_only_what_was_asked_for(
    upscaling: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as (home, team):

        async def broken(*_: Any) -> Any:
            raise RuntimeError("a mistake")

        if upscaling:
            monkeypatch.setattr("proxy.purchase.Purchase._enlarged", broken)
        else:
            monkeypatch.setattr("proxy.attempt.Attempts.ask", broken)
        answer = await ask(team)
        assert answer.status_code == 500
        assert home.spent("acme") == ((CENTS, 0) if upscaling else (0, CENTS))
        assert states(home) == ([] if upscaling else ["ambiguous"])


async def test_without_anybody_who_makes_pictures_larger_nothing_is_drawn(tmp_path: Path) -> None:
    made = config()
    made["providers"]["enlarging"]["models"][0]["operations"] = ["upscale.creative"]
    async with town(tmp_path, made) as home:
        team = home.team("acme")
        answer = await ask(team)
        assert answer.status_code in (400, 503)
        assert (home.painter.asked, home.money().lines) == (0, 0)
        plan = (await ask(team, x_darkroom_dry_run="plan")).json()
        assert plan["estimated_cost_usd"] is None


async def test_a_repeat_gives_the_larger_picture_and_costs_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (home, team):
        first, again = [await team.ask("POST", PATH, BODY, {"idempotency-key": "a"}) for _ in range(2)]
        assert first.json()["data"] == again.json()["data"]
        assert first.json()["seed"] == again.json()["seed"]
        assert home.spent("acme") == (CENTS + LARGER, 0)


# A restart in between.


def moody(vendor: MoodyVendor, **more: Any) -> dict[str, Any]:
    """Drawn by a vendor whose job outlives us."""
    made = config(links={"allow": [f"127.0.0.1:{vendor.port}"]}, **more)
    made["providers"]["bfl"] = {"base": vendor.origin, "key": "bfl-key", "deadline_s": 5}
    return made


@pytest.mark.parametrize("old", [False, True])
async def test_a_restart_takes_the_drawing_up_and_lets_go_of_what_was_never_sent(old: bool, tmp_path: Path) -> None:
    vendor = MoodyVendor()
    with serving(vendor):
        async with town(tmp_path, moody(vendor)) as home:
            team = home.team("acme")
            vendor.gate.clear()
            asking = asyncio.create_task(ask(team, user_selected_model="flux-pro-1.1"))
            await until(lambda: vendor.polls)
            asking.cancel()  # as the server does with what outlasts its draining
            await asyncio.gather(asking, return_exceptions=True)
            assert states(home) == ["open", "waiting"]
            quoted = home.spent("acme")[1] - LARGER
        vendor.gate.set()
        expires = {"ledger": {"ambiguous_s": 0}} if old else {}
        await asyncio.sleep(0.01)
        async with town(tmp_path, moody(vendor, **expires)) as home:
            await until(lambda: not home.rows("holds"))
            assert home.spent("acme") == (quoted, 0)  # never with what the second call would have cost
            [job] = home.rows("jobs")
            assert job["state"] == ("failed" if old else "done")
            assert home.painter.asked == 0


async def test_a_restart_while_it_is_enlarged_keeps_the_hold_of_what_was_sent(tmp_path: Path) -> None:
    async with opened(tmp_path) as (home, team):
        plain = type(home.painter).draw.__get__(home.painter)
        waits = asyncio.Event()

        async def draw(step: Render) -> Any:
            if isinstance(step.request, Upscale):
                waits.set()
                await asyncio.sleep(60)
            return await plain(step)

        home.painter.draw = draw  # type: ignore[method-assign]
        asking = asyncio.create_task(ask(team))
        await asyncio.wait_for(waits.wait(), 5)
        assert states(home) == ["open", "open"]
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    async with opened_again(tmp_path) as home:  # both were drawn here: nothing was paid
        assert (home.spent("acme"), states(home)) == ((0, 0), [])
        assert [job["state"] for job in home.rows("jobs")] == ["failed"]


@asynccontextmanager
async def opened_again(folder: Path) -> AsyncIterator[Town]:
    async with town(folder, config()) as home:
        yield home
