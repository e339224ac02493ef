"""An estimate as people and programs read it. Amounts are USD, as text; durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pricing import from_micros
from proxy.campaign import Effect, Estimate, Pace, Share
from proxy.explain import usd
from proxy.ledger.observed import Observed

TENTH = Decimal("0.1")


def told(
    estimate: Estimate, seen: Mapping[str, Observed], pace: Pace, takes: Decimal | None, effects: Sequence[Effect]
) -> dict[str, Any]:
    """What requests come to, offer by offer and budget by budget."""
    first = effects[0] if effects else None
    return {
        "object": "darkroom.estimate",
        "requests": estimate.requests,
        "images": estimate.images,
        "low_usd": _usd(estimate.low),
        "expected_usd": _usd(estimate.expected),
        "high_usd": _usd(estimate.high),
        "quote_usd": _usd(estimate.quoted),
        "enhancer_usd": _usd(estimate.writing),
        "offers": [
            _share(offer, share, seen.get(offer), pace.rooms.get(offer))
            for offer, share in sorted(estimate.shares.items(), key=lambda item: (-item[1].expected, item[0]))
        ],
        "seconds": _seconds(takes),
        "at_once": pace.at_once,
        "requests_a_minute": pace.a_minute,
        "fits": all(effect.fits for effect in effects),
        "fits_high": all(effect.fits_high for effect in effects),
        "breaks_first": _breaks(first, estimate.requests) if first is not None and not first.fits else None,
        "budget": [_effect(effect) for effect in effects],
    }


def _share(offer: str, share: Share, seen: Observed | None, room: int | None) -> dict[str, Any]:
    ratio = seen.ratio if seen is not None else None
    return {
        "offer": offer,
        "requests": share.requests,
        "calls": share.calls,
        "images": share.images,
        "quote_usd": _usd(share.quoted),
        "expected_usd": _usd(share.expected),
        "cost_ratio": None if ratio is None else usd(ratio),
        "seen": seen.submissions if seen is not None else 0,
        "seconds": _seconds(share.seconds),
        "at_once": room,
    }


def _effect(effect: Effect) -> dict[str, Any]:
    state = effect.state
    head: dict[str, Any] = {"scope": state.scope, "what": state.what, "window": state.window}
    fits = {"fits": effect.fits, "fits_high": effect.fits_high}
    if state.what != "usd":
        return head | {"limit": state.limit, "left": state.left, "left_after": state.left - effect.expected} | fits
    return head | {
        "limit_usd": _usd(state.limit),
        "left_usd": _usd(state.left),
        "left_after_usd": _usd(state.left - effect.expected),
        "left_after_high_usd": _usd(state.left - effect.high),
        **fits,
    }


def _breaks(effect: Effect, requests: int) -> dict[str, Any]:
    """The budget that is used up before any other, and after how many of the requests."""
    state = effect.state
    return {
        "scope": state.scope,
        "what": state.what,
        "window": state.window,
        "after_requests": effect.covers(requests),
    }


def _seconds(seconds: Decimal | None) -> float | None:
    return None if seconds is None else float(seconds.quantize(TENTH))


def _usd(micros: int) -> str:
    return usd(from_micros(micros))
