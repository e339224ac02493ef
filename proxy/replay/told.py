"""A replay as programs read it. Amounts are USD, as text."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from pricing import from_micros
from proxy.explain import usd
from proxy.replay.figures import Figures, Side, Sum, Way
from proxy.replay.seen import Spread

MOVERS = 10
"""Ways of requests that are shown, those that change most."""


def told(figures: Figures, movers: int = MOVERS) -> dict[str, Any]:
    """Totals, by team, by provider, the biggest movers, and what no offer would serve."""
    beside = sum(figures.beside.values())
    stranded = sum([side.micros for side in figures.stranded.values()])
    before = sum([total.paid for total in figures.ways.values()])
    after = sum([figures.expected(way) for way in figures.ways])
    return {
        "object": "darkroom.replay",
        "requests": _requests(figures),
        "plans": figures.planned,
        "happened": {
            "usd": _usd(before + stranded + beside),
            "overrun_usd": _usd(figures.overrun),
            "beside_usd": _usd(beside),
            "without_offer_usd": _usd(stranded),
        },
        "replayed": {"usd": _usd(after + beside), "quoted_usd": _usd(figures.quoted), "beside_usd": _usd(beside)},
        "compared": _compared(before, after),
        "latency": _latency(figures),
        "teams": _teams(figures),
        "providers": _providers(figures),
        "offers": [
            {
                "offer": offer,
                "taken_of_quotes": round(seen.paid / seen.held, 4) if seen.held else None,
                "seconds": _spread(seen.spread),
            }
            for offer, seen in sorted(figures.seen.items())
        ],
        "movers": _movers(figures, movers),
        "without_offer": [
            {"team": team, "model": model, "reason": why, "requests": side.requests, "usd": _usd(side.micros)}
            for (team, model, why), side in sorted(
                figures.stranded.items(), key=lambda each: (-each[1].requests, each[0])
            )
        ],
        "planned": figures.planned,
    }


def _requests(figures: Figures) -> dict[str, int]:
    without = sum([side.requests for side in figures.stranded.values()])
    replayed = sum([total.requests for total in figures.ways.values()])
    moved = sum([total.requests for way, total in figures.ways.items() if way.before != way.after])
    return {
        "recorded": figures.recorded,
        "replayed": replayed,
        "moved": moved,
        "without_offer": without,
        "failed": figures.failed,
        "unfinished": figures.unfinished,
        "test": figures.tests,
    }


def _compared(before: int, after: int) -> dict[str, Any]:
    """Like with like: the requests that an offer would serve, without what was paid beside."""
    return {
        "happened_usd": _usd(before),
        "replayed_usd": _usd(after),
        "difference_usd": _usd(after - before),
        "difference_ratio": round((after - before) / before, 4) if before else None,
    }


def _latency(figures: Figures) -> dict[str, Any]:
    after, untimed = figures.after()
    return {"happened": _spread(figures.before), "replayed": _spread(after), "requests_without_history": untimed}


def _spread(spread: Spread) -> dict[str, Any]:
    shown = {"mean": spread.mean, "p50": spread.quantile(0.5), "p95": spread.quantile(0.95)}
    return {name: None if seconds is None else round(seconds, 3) for name, seconds in shown.items()}


def _teams(figures: Figures) -> list[dict[str, Any]]:
    found: dict[str, list[tuple[Way, Sum]]] = defaultdict(list)
    for way, total in figures.ways.items():
        found[way.team].append((way, total))
    return [
        {
            "team": team,
            "requests": sum([total.requests for _, total in ways]),
            **_compared(sum([total.paid for _, total in ways]), sum([figures.expected(way) for way, _ in ways])),
            "beside_usd": _usd(figures.beside.get(team, 0)),
        }
        for team, ways in sorted(found.items())
    ]


def _providers(figures: Figures) -> list[dict[str, Any]]:
    before: dict[str, Side] = defaultdict(Side)
    after: dict[str, Side] = defaultdict(Side)
    for offer, side in figures.happened.items():
        _add(before[_provider(offer)], side.requests, side.images, side.micros)
    for way, total in figures.ways.items():
        _add(after[_provider(way.after)], total.requests, total.images, figures.expected(way))
    return [
        {"provider": name, "happened": _side(before[name]), "replayed": _side(after[name])}
        for name in sorted(before.keys() | after.keys())
    ]


def _movers(figures: Figures, most: int) -> list[dict[str, Any]]:
    changes = [(way, total, figures.expected(way) - total.paid) for way, total in figures.ways.items()]
    changed = [each for each in changes if each[2] or each[0].before != each[0].after]
    changed.sort(key=lambda each: (-abs(each[2]), each[0].team, each[0].model, each[0].before, each[0].after))
    return [
        {
            "team": way.team,
            "model": way.model,
            "before": way.before,
            "after": way.after,
            "requests": total.requests,
            **_compared(total.paid, total.paid + change),
        }
        for way, total, change in changed[:most]
    ]


def _add(side: Side, requests: int, images: int, micros: int) -> None:
    side.requests += requests
    side.images += images
    side.micros += micros


def _side(side: Side) -> dict[str, Any]:
    return {"requests": side.requests, "images": side.images, "usd": _usd(side.micros)}


def _provider(offer: str) -> str:
    return offer.partition("/")[0]


def _usd(micros: int) -> str:
    return usd(from_micros(micros))
