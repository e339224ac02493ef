"""The bus: everything told is heard by everyone, once, in order, whatever a listener does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec
import pytest

import proxy.events
from proxy.events import FLUSH_AT, FLUSH_S, Bus, Event, ServerChanged
from tests.happenings import ALL


class Listener:
    """Remembers every batch."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []

    def hear(self, events: Sequence[Event]) -> None:
        self.batches.append(list(events))

    @property
    def heard(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]


def numbered(count: int) -> list[ServerChanged]:
    return [ServerChanged(what=str(number)) for number in range(count)]


def test_every_event_is_at_the_door_and_has_an_example() -> None:
    every = set(Event.__subclasses__())
    assert {type(event) for event in ALL} == every
    assert {event.__name__ for event in every} <= set(proxy.events.__all__)


def test_an_event_says_its_name_and_what_is_known_and_comes_back_the_same() -> None:
    for event in ALL:
        text = msgspec.json.encode(event)
        assert msgspec.json.decode(text)["event"] == type(event).__name__
        assert msgspec.json.decode(text, type=type(event)) == event
        assert b'""' not in text


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_what_happened_cannot_be_changed_by_a_listener(event: Event) -> None:
    with pytest.raises(AttributeError):
        setattr(event, event.__struct_fields__[0], "other")


async def test_events_are_heard_together_in_order_a_moment_after_they_are_told() -> None:
    first, second = Listener(), Listener()
    bus = Bus([first.hear, second.hear])
    told = numbered(5)
    for event in told:
        bus.tell(event)
        await asyncio.sleep(0)
    assert first.batches == []
    await asyncio.sleep(FLUSH_S * 2)
    assert first.batches == second.batches == [told]
    late = numbered(1)
    bus.tell(late[0])
    await asyncio.sleep(FLUSH_S * 2)
    assert first.batches == [told, late]


async def test_a_flood_is_not_kept_waiting_for_the_moment() -> None:
    listener = Listener()
    bus = Bus([listener.hear])
    told = numbered(FLUSH_AT * 2 + 10)
    for event in told:
        bus.tell(event)
    assert [len(batch) for batch in listener.batches] == [FLUSH_AT, FLUSH_AT]
    bus.flush()
    assert listener.heard == told


async def test_a_flush_brings_what_waits_at_once_and_only_once() -> None:
    listener = Listener()
    bus = Bus([listener.hear])
    (event,) = numbered(1)
    bus.tell(event)
    bus.flush()
    assert listener.batches == [[event]]
    bus.flush()
    await asyncio.sleep(FLUSH_S * 2)
    assert listener.batches == [[event]]


async def test_what_a_listener_tells_while_it_hears_is_heard_next() -> None:
    again, last = numbered(2)
    listener = Listener()

    def retells(events: Sequence[Event]) -> None:
        if again in events:
            bus.tell(last)

    bus = Bus([retells, listener.hear])
    bus.tell(again)
    bus.flush()
    assert listener.batches == [[again]]
    await asyncio.sleep(FLUSH_S * 2)
    assert listener.batches == [[again], [last]]


@pytest.mark.parametrize("flush", [lambda bus: bus.flush(), lambda bus: [bus.tell(e) for e in numbered(FLUSH_AT)]])
async def test_a_listener_that_breaks_stops_nobody(
    flush: Callable[[Bus], None], caplog: pytest.LogCaptureFixture
) -> None:
    before, after = Listener(), Listener()

    def breaks(events: Sequence[Event]) -> None:
        raise OSError(28, "No space left on device")

    bus = Bus([before.hear, breaks, after.hear])
    with caplog.at_level(logging.ERROR):
        bus.tell(ALL[0])
        flush(bus)
        bus.tell(ALL[1])
        bus.flush()
    assert before.heard == after.heard
    assert {ALL[0], ALL[1]} <= set(after.heard)
    assert "a listener broke" in caplog.text
    assert "No space left" in caplog.text


async def test_nobody_listening_is_no_mistake() -> None:
    bus = Bus([])
    bus.tell(ALL[0])
    bus.flush()


def test_telling_belongs_on_the_event_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        Bus([]).tell(ALL[0])
