"""Every adapter against the stub of its vendor, over real HTTP: each knows the documents, neither the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace
from PIL import Image as Pillow

import providers
from providers.contract import (
    Account,
    Call,
    Conversation,
    Failure,
    Fault,
    Fit,
    Image,
    ImageRequest,
    Model,
    Provider,
    Render,
    Result,
    Secret,
    fit,
)
from proxy import stub
from proxy.config import ModelRow
from proxy.stub.contract import Script
from proxy.stub.server import Stubs, serving
from proxy.transport import Guard, Lease, Room, Transport
from tests.providers.asking import request_for
from tests.providers.recording import with_mask_turned

NAMES = sorted(stub.NAMES)
each_stub = pytest.mark.parametrize("name", NAMES)


def models_of(name: str) -> list[Model]:
    """A provider's own models, or those its stub brings along."""
    rows = msgspec.convert(stub.load(name).row.get("models", []), list[ModelRow], strict=False)
    return [*providers.load(name).models, *rows]


TASKS = [
    pytest.param(name, model, operation, id=f"{name}/{model.name} {operation}")
    for name in NAMES
    for model in models_of(name)
    for operation in sorted(model.operations)
]
WAIT_S = 0.02
"""The longest an adapter is left to wait between polls."""


class Watched:
    """Keeps the ticket."""

    def __init__(self) -> None:
        self.text = ""

    async def ticket(self, text: str) -> None:
        self.text = text

    async def preview(self, image: Image, index: int) -> None:
        raise AssertionError("nobody asked for one")


class Caller:
    """A transport towards one vendor's stub."""

    def __init__(self, name: str, stubs: Stubs, transport: Transport) -> None:
        self.provider: Provider = providers.load(name)
        row = stubs.rows()["providers"][name]
        self.account = Account(base=row["base"], key=Secret(row["key"]))
        self.world = stubs.worlds[name]
        self.next = stubs.next[name]
        self.watched = Watched()
        self._transport = transport

    async def ask(self, request: ImageRequest, model: Model) -> Result:
        return await self.hold(self.provider.run(request, model, self.account))

    async def hold(self, conversation: Conversation, *, paid: bool = False, deadline: float = 20) -> Result:
        lease = Lease(Room(1 << 26))
        try:
            return await self._transport.hold(
                _hurried(conversation),
                self.provider,
                self.account,
                self.watched,
                deadline=deadline,
                lease=lease,
                paid=paid,
            )
        finally:
            lease.release()


def _hurried(conversation: Conversation) -> Conversation:
    """The same, without the waiting."""
    answer: Any = None
    while True:
        try:
            step = conversation.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result
        if isinstance(step, Call | Render):
            step = replace(step, after=min(step.after, WAIT_S))
        answer = yield step


@pytest.fixture
async def caller(name: str) -> AsyncIterator[Caller]:
    stubs = Stubs([name], pace=0.03, link_s=60)
    async with serving(stubs):
        guard = Guard(frozenset(stubs.rows()["links"]["allow"]), 1 << 26)
        transport = Transport(guard, {}, 1 << 26)
        try:
            yield Caller(name, stubs, transport)
        finally:
            await transport.close()
            await guard.close()


def fitted(model: Model, operation: str, **fields: Any) -> ImageRequest:
    found = fit(request_for(model, operation, **fields), model)
    assert isinstance(found, Fit), found
    return found.request


def first_task(name: str) -> tuple[Model, str]:
    """A model and an operation with a prompt."""
    return next(
        (model, operation)
        for model in models_of(name)
        for operation in sorted(model.operations)
        if operation in ("generate", "edit.general")
    )


def test_every_vendor_that_is_paid_outside_has_a_stub() -> None:
    outside = {name for name in providers.NAMES if not providers.load(name).here}
    assert outside == stub.NAMES


def test_there_is_no_stub_without_its_file() -> None:
    with pytest.raises(KeyError):
        stub.load("nobody")


@pytest.mark.parametrize(("name", "model", "operation"), TASKS)
async def test_a_vendor_does_what_its_models_declare(caller: Caller, name: str, model: Model, operation: str) -> None:
    request = await asyncio.to_thread(with_mask_turned, fitted(model, operation), model)
    result = await caller.ask(request, model)
    assert len(result.pictures) == 1
    with Pillow.open(BytesIO(result.pictures[0].image.body)) as opened:
        opened.load()
        assert opened.size[0] >= 16
        if request.width is not None and not model.sizes.by_shape:
            sent = (
                request.images[0] if request.images else None
            )  # some keep what they are given, whatever else they draw
            kept = sent is not None and opened.size == (sent.width, sent.height)
            assert (
                kept
                or opened.size == (request.width, request.height)
                or "size" in {each.field for each in result.notes}
            )
    assert result.usage.images == 1
    assert sum(caller.world.submits.values()) == 1
    assert caller.world.leaks == []
    assert (caller.watched.text != "") == model.asynchronous


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param(name, model, id=f"{name}/{model.name}")
        for name in NAMES
        for model in models_of(name)
        if model.at_once > 1 and "generate" in model.operations
    ],
)
async def test_several_pictures_at_once_are_all_there(caller: Caller, name: str, model: Model) -> None:
    result = await caller.ask(fitted(model, "generate", n=2), model)
    assert len(result.pictures) == 2
    assert result.usage.images == 2


EXPECTED = {
    Script.MODERATED: {Fault.MODERATED},
    Script.REJECTED: {Fault.REJECTED},
    Script.CREDENTIAL: {Fault.CREDENTIAL},
    Script.CREDIT: {Fault.CREDENTIAL},
    Script.THROTTLED: {Fault.THROTTLED},
    Script.UNAVAILABLE: {Fault.UNAVAILABLE},
    Script.FAILED: {Fault.UNAVAILABLE},
    Script.CUT_OFF: {Fault.AMBIGUOUS},
    Script.NONSENSE: {Fault.MALFORMED},
}
"""What each comes to, whoever the vendor is."""


@each_stub
@pytest.mark.parametrize("script", EXPECTED)
async def test_a_vendor_that_fails_is_understood(caller: Caller, name: str, script: Script) -> None:
    if script is Script.MODERATED and not stub.load(name).filters:
        return
    model, operation = first_task(name)
    with pytest.raises(Failure) as failed:
        await caller.ask(fitted(model, operation, prompt=f"a red boat, stub:{script}"), model)
    assert failed.value.fault in EXPECTED[script], failed.value.detail
    assert "stub" not in failed.value.detail  # the key
    if script is Script.THROTTLED:
        assert failed.value.retry_after


@each_stub
async def test_a_slow_answer_is_waited_for(caller: Caller, name: str) -> None:
    model, operation = first_task(name)
    result = await caller.ask(fitted(model, operation, prompt="a red boat, stub:slow"), model)
    assert len(result.pictures) == 1


@each_stub
async def test_a_wrong_key_is_ours_to_mend(caller: Caller, name: str) -> None:
    caller.account = replace(caller.account, key=Secret("wrong"))
    model, operation = first_task(name)
    with pytest.raises(Failure) as failed:
        await caller.ask(fitted(model, operation), model)
    assert failed.value.fault is Fault.CREDENTIAL
    assert sum(caller.world.submits.values()) == 0


@each_stub
async def test_a_job_taken_up_by_its_ticket_is_not_paid_again(caller: Caller, name: str) -> None:
    models = [model for model in caller.provider.models if model.asynchronous]
    if not models:
        assert caller.provider.resume is None
        return
    model, operation = models[0], min(models[0].operations)
    await caller.ask(await asyncio.to_thread(with_mask_turned, fitted(model, operation), model), model)
    assert caller.provider.resume is not None
    again = await caller.hold(caller.provider.resume(caller.watched.text, caller.account), paid=True)
    assert len(again.pictures) == 1
    assert sum(caller.world.submits.values()) == 1


@each_stub
@pytest.mark.parametrize("script", [Script.LOST, Script.EXPIRED])
async def test_a_job_that_was_paid_and_cannot_be_had_is_never_taken_for_one_that_was_not(
    caller: Caller, name: str, script: Script
) -> None:
    model, operation = first_task(name)
    request = fitted(model, operation, prompt=f"a red boat, stub:{script}")
    try:
        result = await caller.hold(caller.provider.run(request, model, caller.account), deadline=0.5)
    except Failure as failure:
        said = failure.fault
    else:  # what came with the answer cannot be lost
        assert len(result.pictures) == 1
        assert not caller.world.links or (script is Script.LOST and not model.asynchronous)
        return
    assert said in (Fault.AMBIGUOUS, Fault.UNAVAILABLE, Fault.MALFORMED)


async def test_the_server_says_what_it_was_asked_and_does_what_it_is_told() -> None:
    stubs = Stubs(["bfl"], pace=0, link_s=60)
    async with serving(stubs), aiohttp.ClientSession() as session:
        async with session.put(f"{stubs.home}/-/next", json={"bfl": ["throttled"]}) as reply:
            assert reply.status == 200
        url, key = f"{stubs.home}/bfl/v1/flux-dev", {"x-key": "stub"}
        for expected in (429, 200):
            async with session.post(url, json={"prompt": "a boat"}, headers=key) as reply:
                assert reply.status == expected
        async with session.get(f"{stubs.home}/-/told") as reply:
            assert await reply.json() == {"bfl": {"submits": {"flux-dev": 1}, "leaks": []}}
        async with session.get(f"{stubs.elsewhere}/bfl/v1/get_result", headers=key) as reply:
            assert reply.status == 400
        assert stubs.worlds["bfl"].leaks == ["/v1/get_result"]
        async with session.get(f"{stubs.home}/nobody/v1") as reply:
            assert reply.status == 404
