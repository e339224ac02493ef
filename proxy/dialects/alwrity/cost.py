"""`POST /estimate-cost`: what a request would cost, told in credits or in USD.

Two answers in one: the document's keys, and those its front end reads. The front end shows `currency` as a currency of
the world and fails on credits; `dialects.alwrity.currency: USD` is for it. All amounts are in what `currency` says.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from msgspec.structs import replace

from providers.contract import (
    Code,
    Control,
    Edit,
    EditKind,
    Failure,
    Generate,
    ImageRequest,
    Mask,
    Polarity,
    Upscale,
    UpscaleKind,
)
from proxy.dialects.alwrity.asking import Settings, allowed, needed, settings
from proxy.dialects.alwrity.create import QUALITIES, model_for
from proxy.dialects.alwrity.operations import EDITS, STEERED
from proxy.dialects.alwrity.pictures import stand_in
from proxy.dialects.alwrity.replies import reply
from proxy.dialects.alwrity.sizes import SIDE
from proxy.dialects.contract import Incoming, Route, Talk, Talking
from proxy.dialects.fields import Table, choice, integer, read, read_json, rejected, text
from proxy.dialects.wants import Estimate, Estimated, Price, Want

IMAGES_MOST = 1000
SIDE_USUAL = 1024
"""Pixels a side of the picture that is supposed to be sent along where no size is said."""
CENT = Decimal("0.0001")
"""What amounts are rounded to."""
PLAIN = {"generate": "generate", "create": "generate", "text-to-image": "generate"}
ENLARGED = {"upscale": UpscaleKind.FAST} | {f"upscale_{kind}": kind for kind in UpscaleKind}
NAMED = {"edit": "general_edit", "control": "structure"}
"""What a word for a whole studio is taken for."""
OPERATIONS = (*PLAIN, *ENLARGED, *NAMED, *EDITS, *STEERED)

COST: Table = {
    "provider": ("provider", text(64)),
    "model": ("model", text(128)),
    "operation": ("operation", choice({name: name for name in OPERATIONS})),
    "num_images": ("n", integer(1, IMAGES_MOST)),
    "width": ("width", SIDE),
    "height": ("height", SIDE),
    "quality": ("quality", choice({name: name for name in QUALITIES})),
}


def estimate(incoming: Incoming) -> Talk:
    """Price the request as it would be served. A price that is not known is said to be so: it is never 0."""
    told = settings(incoming.options)
    known, _ = read(read_json(incoming.body), COST)
    needed(known, ["provider"], "Missing required parameter: 'provider'.")
    if ("width" in known) != ("height" in known):
        raise rejected("Send width and height together.", Code.MISSING, "height" if "width" in known else "width")
    providers, _ = allowed(known["provider"], told)
    operation = known.get("operation", "generate")
    model = known.get("model") or (
        model_for(providers, known.get("quality", "standard"), told) if operation in PLAIN else _role(operation)
    )
    size = (known["width"], known["height"]) if "width" in known else None
    request = replace(_request(operation, model, size), n=known.get("n", 1))
    found: Estimate = yield Price(request, providers=tuple(providers))
    chosen = _chosen(found.offers, providers)
    assert chosen.usd is not None
    cost = amount(chosen.usd, told)
    return reply(
        {
            "estimated_cost": cost,
            "currency": told.currency,
            "provider": chosen.provider,
            "model": known.get("model", chosen.model),
            "operation": operation,
            "num_images": request.n,
            "resolution": f"{size[0]}x{size[1]}" if size else "default",
            "cost_per_image": amount(chosen.usd / request.n, told),
            "total_cost": cost,
            "estimated": True,
            "available": chosen.out is None,
            **({} if chosen.out is None else {"unavailable_because": chosen.out}),
        }
    )


def offers_of(request: ImageRequest) -> Generator[Want, Any, Sequence[Estimated]]:
    """The offers that could serve a request, with their prices; none where it is refused as a whole."""
    try:
        found: Estimate = yield Price(request)
    except Failure:
        return ()
    return [offer for offer in found.offers if offer.usd is not None and offer.out is None]


def amount(usd: Decimal, told: Settings) -> int | float:
    """USD in what the configuration tells amounts in."""
    value = usd if told.currency == "USD" else usd / told.credit_usd
    value = value.quantize(CENT, ROUND_HALF_UP)
    return int(value) if value == value.to_integral_value() else float(value)


def _chosen(offers: Sequence[Estimated], providers: Sequence[str]) -> Estimated:
    """The offer that would serve it; the first that has a price, where none would. Raises REJECTED."""
    among = [each for each in offers if not providers or each.provider in providers]
    priced = [each for each in among if each.usd is not None]
    if priced:
        return next((each for each in priced if each.out is None), priced[0])
    raise _unpriced(among, providers)


def _unpriced(among: Sequence[Estimated], providers: Sequence[str]) -> Failure:
    reasons = [f"{each.provider}/{each.model}: {each.out or 'its price is not known'}" for each in among[:5]]
    whom = f"from {' or '.join(providers)}" if providers else "here"
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return rejected(f"There is no price for this request {whom}{why}.", Code.INVALID, "provider")


def _role(operation: str) -> str:
    name = NAMED.get(operation, operation)
    if name in EDITS:
        return EDITS[name].role
    return "upscale" if name in ENLARGED else "control"


def _request(operation: str, model: str, size: tuple[int, int] | None) -> ImageRequest:
    """A request of that kind with pictures of that size in the place of those that would be sent along."""
    wanted: dict[str, Any] = {} if size is None else {"width": size[0], "height": size[1], "exact": True}
    if operation in PLAIN:
        return Generate(model=model, **wanted)
    picture = stand_in(*(size or (SIDE_USUAL, SIDE_USUAL)))
    name = NAMED.get(operation, operation)
    if name in ENLARGED:
        return Upscale(model=model, kind=ENLARGED[name], picture=picture)
    if name in STEERED:
        looks = picture if name == "style_transfer" else None
        return Control(model=model, kind=STEERED[name].kind, picture=picture, looks=looks)
    return edit_of(model, EDITS[name].kind, picture)


def edit_of(model: str, kind: EditKind, picture: Any) -> Edit:
    """An edit with as much sent along as it takes."""
    more: dict[str, Any] = {}
    if kind is EditKind.INPAINT:
        more["mask"] = Mask(picture, Polarity.WHITE)
    if kind is EditKind.OUTPAINT:
        more["right"] = 256
    pictures = (picture, picture) if kind is EditKind.REPLACE_BACKGROUND else (picture,)
    return Edit(model=model, kind=kind, pictures=pictures, **more)


ROUTES: tuple[Route, ...] = (Talking(method="POST", path="/api/image-studio/estimate-cost", talk=estimate),)
