"""What many requests would cost together, how long they would take, and whether the budget covers them. Pure.

Amounts are whole micro-USD, rounded up for each request by itself, so that the estimate of a list is the sum of the
estimates of its entries, to the micro-dollar. For each request:

- expected: the quote of the plan's first offer, times what that offer's latest settlements came to of their quotes
- low: the least that any offer of its plan is expected to take
- high: the most it may come to. Every offer but the dearest of its plan fails, and that one takes its whole quote; or
  more, where its settlements have been above their quotes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct
from msgspec.structs import replace

from pricing import Quote, to_micros
from proxy.ledger.observed import Observed
from proxy.ledger.standing import BudgetState
from proxy.parts import at_once
from proxy.policy import Choice, Plan
from proxy.policy.engine import quote_at

UNSEEN = Observed()


class Asked(Struct, frozen=True, kw_only=True):
    """One request of a campaign, planned: nothing but what its price depends on."""

    plan: Plan
    """With at least one offer, likewise `ending`."""
    images: int
    day: date
    """Whose prices hold."""
    ending: Plan | None = None
    """Who makes each of its pictures larger afterwards."""
    writing: int = 0
    """The most that writing its prompt out may cost."""


class Share(Struct, frozen=True, kw_only=True):
    """What one offer has of it."""

    requests: int = 0
    calls: int = 0
    images: int = 0
    quoted: int = 0
    """What would be held."""
    expected: int = 0
    seconds: Decimal | None = Decimal(0)
    """That its calls take, one after another; None where nobody knows how long one does."""

    def plus(self, other: Share, times: int = 1) -> Share:
        """Both, the other so many times."""
        unknown = self.seconds is None or other.seconds is None
        return Share(
            requests=self.requests + other.requests * times,
            calls=self.calls + other.calls * times,
            images=self.images + other.images * times,
            quoted=self.quoted + other.quoted * times,
            expected=self.expected + other.expected * times,
            seconds=None if unknown else (self.seconds or 0) + (other.seconds or Decimal(0)) * times,
        )


class Estimate(Struct, frozen=True, kw_only=True):
    """What requests come to."""

    requests: int = 0
    images: int = 0
    low: int = 0
    expected: int = 0
    high: int = 0
    quoted: int = 0
    """What would be held, all told: the sum of the quotes of the offers that come first."""
    writing: int = 0
    """Of each of those, what writing the prompts out may cost."""
    shares: Mapping[str, Share] = {}
    """By offer."""

    def plus(self, other: Estimate, times: int = 1) -> Estimate:
        """Both together, the other so many times."""
        shares = dict(self.shares)
        for offer, share in other.shares.items():
            shares[offer] = shares.get(offer, Share()).plus(share, times)
        sums = {name: getattr(self, name) + getattr(other, name) * times for name in _SUMMED}
        return Estimate(**sums, shares=shares)


_SUMMED = ("requests", "images", "low", "expected", "high", "quoted", "writing")


def estimate(asked: Asked, seen: Mapping[str, Observed]) -> Estimate:
    """What one request comes to."""
    shares = [_share(choice, asked.images, asked.day, seen) for choice in asked.plan.choices]
    first = asked.plan.choices[0].offer.name
    found = {first: replace(shares[0], requests=1, images=asked.images)}
    more = Share()
    if asked.ending is not None:
        last = asked.ending.choices[0]
        one = _share(last, 1, asked.day, seen)
        more = Share().plus(one, asked.images)
        found[last.offer.name] = found.get(last.offer.name, Share()).plus(more)
    fixed = asked.writing
    return Estimate(
        requests=1,
        images=asked.images,
        low=min([share.expected for share in shares]) + more.expected + fixed,
        expected=shares[0].expected + more.expected + fixed,
        high=max([_most(share) for share in shares]) + _most(more) + fixed,
        quoted=shares[0].quoted + more.quoted + fixed,
        writing=fixed,
        shares=found,
    )


def _share(choice: Choice, images: int, day: date, seen: Mapping[str, Observed]) -> Share:
    """What an offer would take for a request's pictures: its calls, their holds, what they should come to."""
    known = seen.get(choice.offer.name, UNSEEN)
    calls, quoted = _held(choice, images, day)
    took = known.seconds
    if took is None and choice.offer.seconds is not None:
        took = Decimal(str(choice.offer.seconds))
    return Share(
        calls=calls,
        quoted=quoted,
        expected=_scaled(quoted, known.ratio),
        seconds=None if took is None else took * calls,
    )


def _held(choice: Choice, images: int, day: date) -> tuple[int, int]:
    """How many calls a request takes at an offer, and what is held for all of them: each is rounded up by itself."""
    most = at_once(choice)
    if images <= most:
        return 1, to_micros(choice.quote.usd)
    whole, rest = divmod(images, most)
    sizes = [(most, whole), *([(rest, 1)] if rest else [])]
    quoted = 0
    for size, calls in sizes:
        quote = quote_at(choice.offer, replace(choice.billable, n=size), day)
        assert isinstance(quote, Quote), "the policy lets no unpriced offer through"
        quoted += to_micros(quote.usd) * calls
    return sum([calls for _, calls in sizes]), quoted


def _scaled(micros: int, ratio: Decimal | None) -> int:
    return micros if ratio is None else int((micros * ratio).to_integral_value(ROUND_CEILING))


def _most(share: Share) -> int:
    return max(share.quoted, share.expected)


class Pace(Struct, frozen=True, kw_only=True):
    """How fast requests may follow one another."""

    at_once: int = 1
    """Requests in flight."""
    a_minute: int | None = None
    rooms: Mapping[str, int] = {}
    """By offer, how many calls it takes at once, where that is known."""


def seconds(estimate: Estimate, pace: Pace) -> Decimal | None:
    """How long it takes: the longest of what the caller, the narrowest offer and the request limit allow.

    None where nobody knows how long an offer takes.
    """
    waits = [Decimal(0)]
    if pace.a_minute:
        waits.append(Decimal(60 * estimate.requests) / pace.a_minute)
    busy = Decimal(0)
    for offer, share in estimate.shares.items():
        if share.seconds is None:
            return None
        busy += share.seconds
        if pace.rooms.get(offer):
            waits.append(share.seconds / pace.rooms[offer])
    return max([*waits, busy / max(1, min(pace.at_once, estimate.requests))])


class Effect(Struct, frozen=True, kw_only=True):
    """What a campaign does to one budget, as if all of it fell into the budget's present window."""

    state: BudgetState
    expected: int
    """Micro-USD, or pictures; likewise below."""
    high: int

    @property
    def fits(self) -> bool:
        """Whether what is expected of it does."""
        return self.expected <= self.state.left or not self.expected

    @property
    def fits_high(self) -> bool:
        """Whether the most it may come to does."""
        return self.high <= self.state.left or not self.high

    def covers(self, requests: int) -> int:
        """After how many of the requests the budget is used up, if each takes the same."""
        if self.fits:
            return requests
        return max(0, self.state.left) * requests // self.expected


def effects(estimate: Estimate, budget: Sequence[BudgetState]) -> list[Effect]:
    """What it does to every budget, the one that breaks first before the others."""
    found = [
        Effect(state=state, expected=estimate.expected, high=estimate.high)
        if state.what == "usd"
        else Effect(state=state, expected=estimate.images, high=estimate.images)
        for state in budget
        if state.what != "pixels"  # what sizes its pictures come to is known to no estimate
    ]
    return sorted(found, key=_breaks)


def _breaks(effect: Effect) -> Decimal:
    """How often the budget covers the campaign: the one that does so least often breaks first."""
    if not effect.expected:
        return Decimal("Infinity")
    return Decimal(max(0, effect.state.left)) / effect.expected
