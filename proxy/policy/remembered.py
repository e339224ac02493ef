"""Fits and quotes that were worked out before. Pure: whoever asks cannot tell a remembered answer from a new one.

A plan fits its request to every offer and prices it there, and most requests differ from earlier ones in their words
alone. What a fit does not depend on (the prompt beyond its length, the number a seed is, who the end user is) is left
out of what it is remembered by. Requests with pictures are fitted anew: every picture may be refused for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pricing import Billable, Price, Quote, Unpriced, quote
from pricing.kinds import PerToken
from providers.contract import Fit, Generate, ImageRequest, Misfit, Model, Note, fit

SHAPES = 64
"""Shapes of requests, and of what is billed for them, that are remembered; the one used longest ago goes first."""
LONGEST = 256
"""A wish of more characters is not remembered, nor one with many adapters: memory is not the caller's to fill."""
MANY = 8

_SOME = ("seed", "user")
"""It counts whether there is one, not which."""
_UNREAD = frozenset({"model", "prompt", "negative", "references", "enhance", "grows", *_SOME})
_READ = tuple(name for name in Generate.__struct_fields__ if name not in _UNREAD)

Shape = tuple[Any, ...]


class _Known(Struct, frozen=True):
    """How a model takes requests of a shape. It holds its model, so that no other can have that one's identity."""

    model: Model
    found: Misfit | None
    changes: Mapping[str, Any]
    notes: tuple[Note, ...]


class _Shelf(Struct, frozen=True):
    """What is known of one shape: by the identity of the model, and changes that are the same only once."""

    models: dict[int, _Known]
    changes: dict[tuple[tuple[str, Any], ...], Mapping[str, Any]]


def shape(request: ImageRequest) -> Shape | None:
    """What of a request decides how a model takes it; None for one that is not remembered."""
    if type(request) is not Generate or request.references or len(request.adapters or ()) > MANY:
        return None
    for text in (request.style, request.complexity, request.vector_model, request.vector_effort):
        if text is not None and len(text) > LONGEST:
            return None
    return (
        not request.prompt,
        request.negative if not request.negative else ".",
        *[getattr(request, name) is None for name in _SOME],
        *[getattr(request, name) for name in _READ],
    )


class Fitting:
    """One request, fitted to any number of models and priced for any number of offers, on one day."""

    def __init__(self, request: ImageRequest, *, any_area: bool) -> None:
        self._request = request
        self._any_area = any_area
        known = shape(request)
        self._shelf = None if known is None else _shelf(known, any_area)
        self._seeded = request.seed is not None
        self._longest = len(request.prompt)
        self._plain = Fit(request)
        self._changed: dict[int, ImageRequest] = {}
        self._billed: dict[int, tuple[ImageRequest, Billable, dict[int, tuple[Price, Quote | Unpriced]]]] = {}

    def to(self, model: Model) -> Fit | Misfit:
        """As `fit` does."""
        shelf = self._shelf
        if shelf is None or self._longest > model.prompt_limit or (self._seeded and "seed" in model.ranges):
            return fit(self._request, model, any_area=self._any_area)
        known = shelf.models.get(id(model))
        if known is None:
            known = shelf.models[id(model)] = self._learnt(model, shelf)
        if known.found is not None:
            return known.found
        if not known.changes:
            return Fit(self._request, known.notes) if known.notes else self._plain
        changed = self._changed.get(id(known.changes))
        if changed is None:
            changed = self._changed[id(known.changes)] = replace(self._request, **known.changes)
        return Fit(changed, known.notes)

    def quote(self, request: ImageRequest, price: Price | None) -> tuple[Billable, Quote | Unpriced | None]:
        """The facts that the price of a fitted request depends on, and what it comes to, as `pricing.quote` has it."""
        billed = self._billed.get(id(request))
        if billed is None:
            billable = request.billable()
            billed = self._billed[id(request)] = (request, billable, _quotes(replace(billable, prompt_bytes=0)))
        _, billable, quotes = billed
        if price is None:
            return billable, None
        if type(price.per) is PerToken:  # the only kind that counts the words
            return billable, quote(price, billable)
        known = quotes.get(id(price))
        if known is None:
            known = quotes[id(price)] = (price, quote(price, billable))
        return billable, known[1]

    def _learnt(self, model: Model, shelf: _Shelf) -> _Known:
        fitted = fit(self._request, model, any_area=self._any_area)
        if isinstance(fitted, Misfit):
            return _Known(model, fitted, {}, ())
        asked, taken = self._request, fitted.request
        changes = tuple(
            (name, getattr(taken, name))
            for name in asked.__struct_fields__
            if getattr(taken, name) is not getattr(asked, name)
        )
        return _Known(model, None, shelf.changes.setdefault(changes, dict(changes)), fitted.notes)


@lru_cache(SHAPES)
def _shelf(known: Shape, any_area: bool) -> _Shelf:
    return _Shelf({}, {})


@lru_cache(SHAPES)
def _quotes(billable: Billable) -> dict[int, tuple[Price, Quote | Unpriced]]:
    """Quotes of what is billed, by the identity of the price."""
    return {}
