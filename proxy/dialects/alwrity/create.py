"""`POST /create`: pictures from words, by template, by shape, by quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from providers.contract import Format, Generate, Note, Quality
from providers.contract.image import Buffer
from proxy.dialects.alwrity.asking import (
    MODELS,
    PROMPT_LIMIT,
    SHARED,
    Settings,
    allowed,
    ignored,
    needed,
    seeded,
    settings,
)
from proxy.dialects.alwrity.browse import template
from proxy.dialects.alwrity.catalogue import Template
from proxy.dialects.alwrity.replies import JSON, members, worded
from proxy.dialects.alwrity.sizes import SIDE, dimensions, ratio
from proxy.dialects.contract import Ask, Generating, Incoming, Outgoing, Route, Served, Shown
from proxy.dialects.fields import Table, choice, flag, integer, read, read_json, text
from proxy.dialects.wants import Find

PERSONA = "persona"
"""The kind of asset a persona is kept as."""
QUALITIES = ("draft", "standard", "premium")
"""Each the name of a model by its role, cheap to best."""
OF_MODEL = {"draft": Quality.LOW, "premium": Quality.HIGH}
"""What a quality asks of a model that was named; the standard one is what the model does anyway."""
FAILED = "This variation could not be generated."

CREATE: Table = {
    **SHARED,
    "prompt": ("prompt", text(PROMPT_LIMIT)),
    "template_id": ("template", text(128)),
    "width": ("width", SIDE),
    "height": ("height", SIDE),
    "aspect_ratio": ("ratio", ratio),
    "quality": ("quality", choice({name: name for name in QUALITIES})),
    "num_variations": ("n", integer(1, 10)),
    "enhance_prompt": ("enhance", flag),
    "use_persona": ("use_persona", flag),
    "persona_id": ("persona", text(128)),
}


class Echo(Struct, frozen=True, kw_only=True):
    """What an answer repeats of its request."""

    request: Generate
    template: Template | None
    size: tuple[int, int] | None
    quality: str


def parse(incoming: Incoming) -> Ask:
    """A request for pictures. What it says goes before what its template says; both go before what is usual."""
    told = settings(incoming.options)
    known, unknown = read(read_json(incoming.body), CREATE)
    needed(known, ["prompt"], "Prompt is required for image generation")
    seeded(known)
    chosen = template(known.pop("template")) if "template" in known else None
    providers, notes = allowed(known.pop("provider", None), told)
    prefix = _persona(known, notes)
    said = known.pop("quality", None)
    quality = said or (chosen.quality if chosen else "standard")
    if chosen:
        known.setdefault("style", chosen.style_preset)
    shape = chosen.aspect_ratio if chosen else None
    size = dimensions(known.pop("width", None), known.pop("height", None), known.pop("ratio", None), shape)
    if size is not None:
        known |= {"width": size[0], "height": size[1], "exact": True}
    if "model" in known:
        known["quality"] = OF_MODEL.get(said)
    known.setdefault("model", model_for(providers, quality, told))
    known.setdefault("enhance", True)
    request = Generate(format=Format.PNG, **known)  # clients put the words "data:image/png" before what they get
    return Ask(
        compose=lambda _: request,
        base64=True,
        providers=providers,
        prefix=prefix,
        notes=(*notes, *ignored(unknown)),
        echo=Echo(request=request, template=chosen, size=size, quality=quality),
    )


def model_for(providers: Sequence[str], quality: str, told: Settings) -> str:
    """The model of a quality: of the provider that was named, where the configuration says so, else by its role."""
    for provider in providers:
        found = told.models.get(provider, MODELS.get(provider, {})).get(quality)
        if found:
            return found
    return quality


def _persona(known: dict[str, Any], notes: list[Note]) -> Find | None:
    persona = known.pop("persona", None)
    if not known.pop("use_persona", False):
        if persona is not None:
            notes.append(Note("persona_id", "is not used, for use_persona is not true", lossy=False))
        return None
    needed({"persona_id": persona}, ["persona_id"], "persona_id is required when use_persona is true")
    return Find(PERSONA, str(persona))


def render(ask: Ask, served: Served) -> Outgoing:
    """The pictures, and an entry with the error for each that was not made."""
    echo: Echo = ask.echo
    made = len(served.pictures)
    body: list[Buffer] = [
        b'{"success":true,' if made else b'{"success":false,',
        members({"request": _request(echo, served)}),
        b',"results":[',
    ]
    for place, shown in enumerate(served.pictures, 1):
        body += [b',{"image_base64":"' if place > 1 else b'{"image_base64":"', shown.image.base64, b'",']
        body += [members(_result(echo, served, shown, place)), b"}"]
    why = next((note.detail for note in served.notes if note.field == "n"), FAILED)
    for place in range(made + 1, made + served.missing + 1):
        body += [b",{" if place > 1 else b"{", members({"error": why, "variation": place}), b"}"]
    body.append(b'],"total_generated":%d,"total_failed":%d}' % (made, served.missing))
    return Outgoing(status=200 if made else 502, headers=JSON, body=tuple(body))


def _request(echo: Echo, served: Served) -> dict[str, Any]:
    size = echo.size
    if size is None and served.pictures:
        size = served.pictures[0].image.width, served.pictures[0].image.height
    return {
        "prompt": echo.request.prompt,
        "enhanced_prompt": (served.prompt or echo.request.prompt) if echo.request.enhance else None,
        "template_id": echo.template.id if echo.template else None,
        "template_name": echo.template.name if echo.template else None,
        "provider": served.provider,
        "model": served.drawn_by or served.model,
        "dimensions": f"{size[0]}x{size[1]}" if size else None,
        "quality": echo.quality,
        "num_variations": echo.request.n,
    }


def _result(echo: Echo, served: Served, shown: Shown, place: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"processing_time": round(served.seconds, 3), "style_preset": echo.request.style}
    if shown.revised_prompt is not None:
        metadata["revised_prompt"] = shown.revised_prompt
    if served.notes:
        metadata["notes"] = worded(served.notes)
    return {
        "width": shown.image.width,
        "height": shown.image.height,
        "provider": served.provider,
        "model": served.drawn_by or served.model,
        "seed": shown.seed,
        "metadata": metadata,
        "variation": place,
    }


ROUTES: tuple[Route, ...] = (
    Generating(path="/api/image-studio/create", operation="generate", parse=parse, render=render),
)
