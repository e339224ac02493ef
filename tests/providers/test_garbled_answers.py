"""Vendors that break their contract: whatever they answer, it is a `Failure` or something that can be settled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

import providers
from providers.contract import Conversation, Event, Failure, Fault, Next, Reply, Result, Step
from tests.properties import MANY
from tests.providers.recording import Recording, recordings

NAMES = sorted(providers.NAMES)
ALL = [recording for name in NAMES for recording in recordings(name)]

DEEP = b"[" * 100_000
GARBAGE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"0",
    b"{",
    b"<html>Service Unavailable</html>",
    b"\xff\xfe\x00",
    b'{"\xff": "\xff"}',
    DEEP,
    b'{"data": ' + DEEP + b"}",
    b'{"data": null, "status": [], "id": {}, "type": 1, "polling_url": false}',
    b'{"data": [null], "status": null, "id": null, "type": null, "polling_url": null}',
    b'{"data": [{}], "id": "a", "type": ".partial_image", "polling_url": 1, "status": "Ready"}',
    b'{"data": [{"b64_json": "AAAAAAAA"}], "id": "a", "type": ".completed", "b64_json": "AAAAAAAA", "status": 200}',
    b'{"data": [{"b64_json": {"a": 1}}], "type": ".completed", "b64_json": {"a": 1}}',
    b'{"data": [{"b64_json": "\\ud800\\ud800"}], "type": ".completed", "b64_json": "\\ud800"}',
    b'{"data": [{"b64_json": "\xff\xff\xff\xff\xff"}], "type": ".completed", "b64_json": "\xff\xff\xff\xff"}',
]

ANSWERED = [
    (recording, place)
    for recording in ALL
    for place, row in enumerate(recording.steps)
    if row.call is not None or row.next not in (msgspec.UNSET, None)
]
"""Every place of a recording where a vendor speaks."""


def held_up_to(recording: Recording, place: int) -> tuple[Step, Conversation]:
    """The step there, and the conversation that waits for the answer to it."""
    conversation = recording.begin()
    step = next(conversation)
    for row in recording.steps[:place]:
        step = conversation.send(row.answer())
    return step, conversation


@pytest.mark.parametrize("name", NAMES)
def test_a_garbled_answer_is_always_the_vendors_fault_and_never_another_error(name: str) -> None:
    for recording, place in ANSWERED:
        for garbage in GARBAGE if recording.vendor == name else ():
            step, conversation = held_up_to(recording, place)
            with pytest.raises(Failure) as failed:
                conversation.send(Event(garbage) if isinstance(step, Next) else Reply(body=garbage))
            assert failed.value.fault is Fault.MALFORMED, (recording.title, garbage[:80])


ODD: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1.5,
    1e300,
    "",
    "x",
    "NaN",
    "-Infinity",
    "1E-999999999",
    "https://[",
    [],
    {},
    [None],
    {"a": 1},
]


def paths(tree: Any) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    yield ()
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from ((key, *path) for path in paths(value))


def put(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    key, *rest = path
    copy = tree.copy()
    copy[key] = put(tree[key], tuple(rest), value)
    return copy


@st.composite
def garbled(draw: st.DrawFn) -> tuple[Recording, int, bytes]:
    """A place where a vendor speaks, and what it says with one thing in it put wrong."""
    recording, place = draw(st.sampled_from(ANSWERED))
    answer = recording.steps[place].answer()
    body = bytes(answer.data if isinstance(answer, Event) else answer.body)
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return recording, place, draw(st.binary(max_size=40))
    if draw(st.booleans()):
        return recording, place, body[: draw(st.integers(0, len(body)))]
    path, value = draw(st.sampled_from(list(paths(said)))), draw(st.sampled_from(ODD))
    return recording, place, msgspec.json.encode(put(said, path, value))


@MANY
@given(garbled())
def test_an_answer_with_one_thing_wrong_fails_or_comes_to_something_that_can_be_settled(
    found: tuple[Recording, int, bytes],
) -> None:
    recording, place, body = found
    step, conversation = held_up_to(recording, place)
    answers = [row.answer() for row in recording.steps[place + 1 :]]
    try:
        step = conversation.send(Event(body) if isinstance(step, Next) else Reply(body=body))
        for row, answer in zip(recording.steps[place + 1 :], answers, strict=True):
            if type(step) is not type(row.step(*recording.asked())):
                return
            step = conversation.send(answer)
    except Failure:
        return
    except StopIteration as end:
        result: Result = end.value
    else:
        return  # it goes on otherwise
    assert result.pictures
    for figure in asdict(result.usage).values():
        assert figure is None or 0 <= figure <= 10**9


@pytest.mark.parametrize("name", NAMES)
@MANY
@given(
    body=st.binary(max_size=60)
    | st.sampled_from([*GARBAGE, b'{"error": ' + DEEP, b'{"detail": ' + DEEP])
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["error", "message", "detail", "code", "type", "param", "msg"]), inner, max_size=4
            )
            | st.lists(inner, max_size=2)
        ),
    ).map(msgspec.json.encode),
    fault=st.sampled_from(Fault),
)
def test_no_error_body_can_break_its_own_reading(name: str, body: bytes, fault: Fault) -> None:
    read = providers.load(name).explain(Reply(status=400, body=body), Failure(fault, "no", retry_after=3.0))
    assert isinstance(read, Failure)
    assert read.detail
    assert read.retry_after == 3.0
