"""The shadow policy: planned on live requests, never carried out, never in anybody's way."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from providers.contract import Failure, Fault, Generate, Image
from proxy.config import Config, ConfigError, PolicyRow
from proxy.events import Event, ShadowPlanned
from proxy.job import Job
from proxy.policies import Policies
from proxy.policy import Plan
from proxy.shadow import LATER_S, WAITING, WAITING_BYTES, Shadow
from tests.edge.house import BODY, house
from tests.pictures import png
from tests.walk.vendors import OpenAIVendor, at, serving


def job(number: int = 1, *pictures: Image, test: bool = False) -> Job:
    request = Generate(model="photo", prompt="a boat", references=pictures)
    return cast(Job, SimpleNamespace(id=f"req_{number}", request=request, key=SimpleNamespace(team="acme", test=test)))


def going_to(offer: str | None, usd: str = "0") -> Plan:
    """A plan with one choice, or with none."""
    choice = SimpleNamespace(offer=SimpleNamespace(name=offer), quote=SimpleNamespace(usd=Decimal(usd)))
    return cast(Plan, SimpleNamespace(choices=(choice,) if offer else ()))


class Ears(list[Event]):
    """What was told."""

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(event.outcome for event in self if isinstance(event, ShadowPlanned))


async def later() -> None:
    await asyncio.sleep(2 * LATER_S)


def between(live: Plan, other: Plan) -> Any:
    return lambda job, policy: live if policy is None else other


@pytest.mark.parametrize(
    ("live", "other", "outcome"),
    [
        (going_to("a/photo", "0.04"), going_to("a/photo", "0.04"), "same"),
        (going_to("a/photo", "0.04"), going_to("b/photo", "0.03"), "differs"),
        (going_to("a/photo", "0.04"), going_to(None), "unserved"),
        (going_to(None), going_to("b/photo", "0.03"), "no offer"),
    ],
)
async def test_what_the_policy_on_trial_would_have_done_is_told(live: Plan, other: Plan, outcome: str) -> None:
    ears = Ears()
    Shadow("trial", 1.0, ears.append).watch(job(), between(live, other))
    assert not ears  # not while the request is answered
    await later()
    (event,) = ears
    assert isinstance(event, ShadowPlanned)
    assert (event.request, event.team, event.policy, event.outcome) == ("req_1", "acme", "trial", outcome)
    if outcome == "differs":
        assert (event.offer, event.instead) == ("a/photo", "b/photo")
        assert (event.quoted, event.quoted_instead) == (40_000, 30_000)


async def test_without_a_policy_and_for_test_keys_nothing_is_planned() -> None:
    ears = Ears()
    Shadow(None, 1.0, ears.append).watch(job(), _unexpected)
    Shadow("trial", 1.0, ears.append).watch(job(test=True), _unexpected)
    Shadow("trial", 0.0, ears.append).watch(job(), _unexpected)
    await later()
    assert not ears


def _unexpected(job: Job, policy: str | None) -> Plan:
    raise AssertionError("nobody asked for a plan")


async def test_a_share_is_planned_and_always_the_same_requests() -> None:
    chosen = []
    for _ in range(2):
        ears = Ears()
        shadow = Shadow("trial", 0.25, ears.append)
        for number in range(400):
            shadow.watch(job(number), between(going_to("a/x"), going_to("a/x")))
            if number % 20 == 0:
                await later()
        await later()
        chosen.append({event.request for event in ears if isinstance(event, ShadowPlanned)})
    assert chosen[0] == chosen[1]
    assert 60 < len(chosen[0]) < 140


async def test_what_waits_is_bounded_in_number_and_in_bytes_and_the_rest_is_counted() -> None:
    ears = Ears()
    shadow = Shadow("trial", 1.0, ears.append)
    for number in range(WAITING + 5):
        shadow.watch(job(number), between(going_to("a/x"), going_to("a/x")))
    assert ears.outcomes == {"skipped": 5}
    await later()
    assert ears.outcomes == {"skipped": 5, "same": WAITING}
    ears.clear()
    large = Image(png(8, 8, (1, 2, 3)) + bytes(WAITING_BYTES // 2))
    for number in range(3):
        shadow.watch(job(number, large), between(going_to("a/x"), going_to("a/x")))
    await later()
    assert ears.outcomes == {"skipped": 2, "same": 1}
    ears.clear()
    shadow.watch(job(9, large), between(going_to("a/x"), going_to("a/x")))  # what was planned waits no more
    await later()
    assert ears.outcomes == {"same": 1}


async def test_others_have_their_turn_between_two_plans() -> None:
    order: list[str] = []

    def again(job: Job, policy: str | None) -> Plan:
        if policy is None:
            order.append("plan")
            asyncio.get_running_loop().call_soon(order.append, "somebody else")
        return going_to("a/x")

    shadow = Shadow("trial", 1.0, Ears().append)
    for number in range(3):
        shadow.watch(job(number), again)
    await later()
    assert order == ["plan", "somebody else"] * 3


@pytest.mark.parametrize("error", [Failure(Fault.REJECTED, "no such model"), ZeroDivisionError()])
async def test_a_policy_that_breaks_is_counted_and_the_next_request_is_planned(error: Exception) -> None:
    def breaks(job: Job, policy: str | None) -> Plan:
        raise error

    ears = Ears()
    shadow = Shadow("trial", 1.0, ears.append)
    shadow.watch(job(1), breaks)
    shadow.watch(job(2), between(going_to("a/x"), going_to("a/x")))
    await later()
    assert ears.outcomes == {"failed": 1, "same": 1}


async def test_closed_it_plans_no_more() -> None:
    ears = Ears()
    shadow = Shadow("trial", 1.0, ears.append)
    shadow.watch(job(), _unexpected)
    shadow.close()
    shadow.close()
    await later()
    assert not ears


def test_a_shadow_nobody_has_written_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"policy\.shadow: there is no policy 'trial'"):
        Policies(Config(policy=PolicyRow(shadow="trial")))


async def test_a_server_counts_what_another_policy_would_save_and_buys_where_its_own_says(tmp_path: Path) -> None:
    """`house` pays for what is near; `cheapest`, on trial, goes where it is cheap."""
    near, far = OpenAIVendor(), OpenAIVendor()
    cheaper = {"price": {"per": {"type": "image", "rows": [{"price": "0.01"}]}}}
    with serving(near), serving(far):
        rules = ["configured", "capable", "allowed", "priced", "within_ceiling", _FIRST]
        config = {
            "providers": {"near": at(near), "far": at(far, **cheaper)},
            "default_model": "photo",
            "policy": {"rules": rules, "shadow": "cheapest"},
            "teams": {"acme": {"may": []}},  # what a team may name binds its requests, not a trial
        }
        async with house(tmp_path, config) as home:
            key = home.key("acme", "10/total")
            for _ in range(3):
                assert (await home.post(key, BODY)).headers["x-darkroom-provider"] == "near"
            await later()
            counted = (await home.http.get("http://darkroom.test/metrics")).text
            assert home.spent("acme") == (120_000, 0)
        assert len(near.submits) == 3
        assert far.submits == []
    assert 'darkroom_shadow_plans_total{outcome="differs"} 3.0' in counted
    assert 'darkroom_shadow_differences_total{from_provider="near",to_provider="far"} 3.0' in counted
    assert 'darkroom_shadow_savings_usd_total{would="save"} 0.09' in counted


_FIRST = {"spread": {"worth": "1", "weights": {"far": 0}}}
