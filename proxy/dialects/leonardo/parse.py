"""From a generation in this API's words to ours, and what is remembered of it for whoever polls.

https://docs.leonardo.ai/reference/creategeneration
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from providers.contract import Adapter, Background, Format, Image, ImageRequest, Quality
from proxy.dialects.contract import Accepted, Ask, Incoming, Outgoing, Served
from proxy.dialects.leonardo.checks import check
from proxy.dialects.leonardo.credits import cost, credits_for, rate
from proxy.dialects.leonardo.models import known, of_version
from proxy.dialects.leonardo.notes import notes
from proxy.dialects.leonardo.pictures import work
from proxy.dialects.leonardo.reading import read_body
from proxy.dialects.leonardo.styles import BY_UUID, PHOTO, PRESETS
from proxy.dialects.leonardo.table import GENERATION, HEIGHT, IMAGES, SAMPLERS, WIDTH, Asked

JSON = {"content-type": "application/json; charset=utf-8"}


class Job(Struct, frozen=True):
    """How a request that was taken is answered."""

    envelope: str
    key: str
    credit: Decimal
    """USD."""


class Recalled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a request for those who ask for it later."""

    kind: Literal["generation", "variation"] = "generation"
    model: str | None = None
    """The id asked for, or what stood for it."""
    asked: dict[str, Any] = {}
    """A generation's fields, under this API's names."""
    transform: str | None = None
    """What a variation is."""
    of: str | None = None
    """The picture it is a variation of."""

    def text(self) -> str:
        """As it is kept."""
        return msgspec.json.encode(self).decode()


def recalled(text: str) -> Recalled | None:
    """What was kept; None where nothing is."""
    return msgspec.json.decode(text, type=Recalled) if text else None


def parse_generation(incoming: Incoming) -> Ask:
    """`POST /generations`. Raises REJECTED."""
    asked = read_body(incoming.body, GENERATION)
    model_id = asked.get("modelId") or of_version(asked.get("sd_version"))
    check(asked, known(model_id))
    done = work(asked, model_id)
    fields = _fields(asked, done.role or model_id)

    def compose(images: Sequence[Image]) -> ImageRequest:
        return done.build(fields, images)

    return Ask(
        compose=compose,
        sources=done.sources,
        links=True,
        notes=(*notes(asked, done.role), *done.notes),
        echo=Job("sdGenerationJob", "generationId", rate(incoming.options)),
        recall=Recalled(model=model_id, asked=asked).text(),
    )


def accept(ask: Ask, accepted: Accepted) -> Outgoing:
    """The answer to a request whose work has begun: an id, and the most it costs."""
    return _told(ask, accepted.request_id, accepted.held)


def render(ask: Ask, served: Served) -> Outgoing:
    """The same of a request that is done already."""
    return _told(ask, served.request_id, served.charged)


def _told(ask: Ask, request_id: str, usd: Decimal) -> Outgoing:
    job: Job = ask.echo
    told = {job.key: request_id, "apiCreditCost": credits_for(usd, job.credit), "cost": cost(usd)}
    return Outgoing(headers=JSON, body=(msgspec.json.encode({job.envelope: told}),))


def _fields(asked: Asked, model: str) -> dict[str, Any]:
    """What every request has, whatever it does."""
    told = {
        "model": model,
        "prompt": asked["prompt"],
        "n": asked.get("num_images", IMAGES),
        "width": asked.get("width", WIDTH),
        "height": asked.get("height", HEIGHT),
        "exact": True,
        "negative": asked.get("negative_prompt"),
        "seed": asked.get("seed"),
        "steps": asked.get("num_inference_steps"),
        "guidance": asked.get("guidance_scale"),
        "sampler": SAMPLERS.get(asked.get("scheduler", "")),
        "tiling": asked.get("tiling") or None,
        "contrast": asked.get("contrast"),
        "style": _style(asked),
        "quality": Quality.HIGH if asked.get("ultra") or asked.get("highResolution") else None,
        "adapters": _adapters(asked) or None,
        "enhance": asked.get("enhancePrompt", False),
    }
    if asked.get("transparency") == "foreground_only":
        told |= {"background": Background.TRANSPARENT, "format": Format.PNG}
    return told


def _style(asked: Asked) -> str | None:
    if "styleUUID" in asked:
        return BY_UUID.get(asked["styleUUID"])
    return PRESETS.get(asked.get("presetStyle", "")) or (PHOTO if asked.get("photoReal") else None)


def _adapters(asked: Asked) -> tuple[Adapter, ...]:
    told: list[tuple[str, Mapping[str, Any]]] = [(each["akUUID"], each) for each in asked.get("elements", ())]
    told += [(str(each["userLoraId"]), each) for each in asked.get("userElements", ())]
    return tuple([Adapter(name, each.get("weight", 1.0)) for name, each in told])
