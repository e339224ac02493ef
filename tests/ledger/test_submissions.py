"""What became of a job, and what offers really took, read back from the entries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proxy.ledger.accounts import Budget
from proxy.ledger.observed import FEWEST, observed
from proxy.ledger.orders import Close, Held, Outcome
from proxy.ledger.submissions import Served, served
from tests.ledger.posted import Desk, record, release, reserve, settle


def told(desk: Desk, job: str) -> Served:
    with desk.engine.connect().execution_options(reads=True) as connection:
        found = served(connection, job)
    assert found is not None
    return found


def seen(desk: Desk, since: int = 0, **more: Any) -> Any:
    with desk.engine.connect().execution_options(reads=True) as connection:
        return observed(connection, since, **more)


def test_every_hold_of_a_job_is_told_with_how_it_ended(desk: Desk) -> None:
    key = desk.team()
    answer = desk.post(reserve(100, 200, 300, 400, job=record(key=key, job="one")))
    assert isinstance(answer, Held)
    first, second, third, fourth = [hold.hold for hold in answer.holds]
    desk.clock.now += 1500
    paid = Outcome(hold=first, kind="settle", micros=80, images=1, detail='{"images":1}', vendor_id="v-1")
    desk.post(Close(outcomes=(paid, Outcome(hold=second, kind="release", detail="throttled"))))
    desk.post(release(third, "ambiguous"))
    found = told(desk, "one")
    assert [each.hold for each in found.submissions] == [first, second, third, fourth]
    assert [each.outcome for each in found.submissions] == ["settle", "release", "ambiguous", "open"]
    assert [each.quoted for each in found.submissions] == [100, 200, 300, 400]
    assert [each.charged for each in found.submissions] == [80, 0, 0, 0]
    one, two, three, _ = found.submissions
    assert (one.vendor_id, one.delivered, (one.ended or 0) - one.began) == ("v-1", 1, 1500)
    assert (two.detail, three.ended) == ("throttled", None)
    assert (found.charged, found.team, found.plan, found.policy) == (80, "acme", None, None)


def test_what_was_on_the_house_is_told_beside_what_was_charged(desk: Desk) -> None:
    key = desk.team(Budget("usd", "total", 120))
    hold = desk.hold(100, job=record(key=key, job="dear"))
    assert desk.closed(settle(hold, 250)) == (120, 130)
    (each,) = told(desk, "dear").submissions
    assert (each.quoted, each.charged, each.beyond) == (100, 120, 130)
    assert told(desk, "dear").charged == 120


def test_a_job_that_never_was_is_none(desk: Desk) -> None:
    with desk.engine.connect().execution_options(reads=True) as connection:
        assert served(connection, "never") is None


def test_an_offer_is_seen_by_its_settlements_for_the_pictures_they_brought(desk: Desk) -> None:
    key = desk.team()
    began = desk.clock.now
    for number in range(FEWEST):
        hold = desk.hold(400, images=4, key=key)
        desk.clock.now += 2000
        desk.post(settle(hold, 150, images=2))  # half of the pictures, for three quarters of their quote
        assert seen(desk)["stub/photo"].submissions == number + 1
    known = seen(desk)["stub/photo"]
    assert (known.quoted, known.cost) == (200 * FEWEST, 150 * FEWEST)
    assert (known.ratio, known.seconds) == (Decimal("0.75"), 2)
    assert seen(desk, sample=FEWEST - 1)["stub/photo"].ratio is None
    assert seen(desk, since=desk.clock.now + 1) == {}
    assert seen(desk, since=began)["stub/photo"] == known


def test_what_came_to_nothing_says_nothing_of_an_offer(desk: Desk) -> None:
    key = desk.team()
    desk.post(release(desk.hold(400, key=key)))
    desk.post(settle(desk.hold(400, key=key), 100, images=0))
    desk.hold(400, key=key)
    assert seen(desk) == {}
