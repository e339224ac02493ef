"""The calls that serve a request at an offer, and the money that has to be set aside for each of them. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pricing import Billable, Quote, to_micros
from providers.contract import Edit, ImageRequest
from providers.contract.request import split
from proxy.enhance import NAME, Enhancer
from proxy.ledger.orders import Hold, HoldOrder
from proxy.policy import Choice, Offer
from proxy.policy.engine import quote_at

USUAL = (1024, 1024)
"""The size of a picture of which nobody said one, for a limit of pixels."""


class Part(Struct, frozen=True):
    """One call to be made, what its price depends on, and the most it may cost, in micro-USD."""

    request: ImageRequest
    billable: Billable
    micros: int


class Submission(Struct, frozen=True):
    """A call to an offer, and the hold that pays for it."""

    offer: Offer
    part: Part
    hold: Hold


def at_once(choice: Choice) -> int:
    """Pictures in one call; a stream of unfinished ones is about one picture."""
    return 1 if choice.fit.request.previews else choice.offer.model.at_once


def whole(choice: Choice, missing: int) -> list[Part]:
    """The request as one call, where nothing of it is bought yet and the model takes it as it stands."""
    request = choice.fit.request
    if missing != request.n or request.n > at_once(choice) or isinstance(request, Edit):
        return []
    return [Part(request, choice.billable, to_micros(choice.quote.usd))]


def divided(choice: Choice, request: ImageRequest, day: date) -> list[Part]:
    """A request as calls that a model can take, each with its own price on a day."""
    seconds = choice.billable.seconds  # the same for each of its pictures
    return [_priced(choice.offer, each, day, seconds) for each in split(request, at_once(choice))]


def said(choice: Choice, parts: list[Part], prompt: str) -> list[Part]:
    """The calls with a prompt that was written out since, where the model takes one so long."""
    if len(prompt) > choice.offer.model.prompt_limit:
        return parts
    return [
        part if part.request.prompt == prompt else replace(part, request=replace(part.request, prompt=prompt))
        for part in parts
    ]


def order(offer: Offer, part: Part, *, hedge: bool = False) -> HoldOrder:
    """What one call may cost; `hedge`: one beside another for the same picture."""
    return HoldOrder(
        provider=offer.provider,
        model=offer.model.name,
        micros=part.micros,
        images=part.request.n,
        facts=facts(part.billable),
        hedge=hedge,
        pixels=pixels(part.billable),
    )


def order_larger(last: Choice) -> HoldOrder:
    """What making one picture larger afterwards may cost."""
    return HoldOrder(
        provider=last.offer.provider,
        model=last.offer.model.name,
        micros=to_micros(last.quote.usd),
        images=0,
        facts=facts(last.billable),
        waits=True,
    )


def order_writing(enhancer: Enhancer, request: ImageRequest) -> HoldOrder:
    """What writing its prompt out may cost."""
    return HoldOrder(
        provider=NAME,
        model=enhancer.model,
        micros=enhancer.quote(request.prompt),
        images=0,
        facts=facts(request.billable()),
        waits=True,
    )


def pixels(billable: Billable) -> int:
    """Pixels of all the pictures of a call: of the size asked for, else of the picture sent along, else a usual one."""
    width, height = billable.width, billable.height
    if width is None or height is None:
        width, height = next(((w, h) for w, h in billable.inputs if w and h), USUAL)
    return width * height * billable.n


def facts(billable: Billable) -> str:
    """What a price depends on, as the ledger keeps it."""
    return msgspec.json.encode(billable).decode()


def _priced(offer: Offer, request: ImageRequest, day: date, seconds: Decimal | None) -> Part:
    billable = replace(request.billable(), seconds=seconds)
    quote = quote_at(offer, billable, day)
    assert isinstance(quote, Quote), "the policy lets no unpriced offer through"
    return Part(request, billable, to_micros(quote.usd))
