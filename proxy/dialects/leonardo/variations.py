"""New pictures out of finished ones: larger, wider, without their background.

https://docs.leonardo.ai/reference/createvariationupscale
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from providers.contract import Code, Edit, EditKind, Format, Image, ImageRequest, Upscale, UpscaleKind
from proxy.dialects.contract import Ask, Incoming, Source
from proxy.dialects.fields import Table, rejected
from proxy.dialects.leonardo.credits import rate
from proxy.dialects.leonardo.parse import Job, Recalled
from proxy.dialects.leonardo.pictures import margins
from proxy.dialects.leonardo.reading import flag, identity, missing, number, read_body, text, whole, word
from proxy.dialects.leonardo.table import PROMPT_MOST

UNZOOMED = 0.5
"""Share of width and height that an unzoom adds around a picture."""
TENTHS = whole(1, 10)
MULTIPLIER = 1.5
STYLES = {
    "GENERAL": None,
    "CINEMATIC": "cinematic",
    "2D ART & ILLUSTRATION": "illustration",
    "CG ART & GAME ASSETS": "3d-model",
}
ULTRA_STYLES = {"ARTISTIC": "artistic", "REALISTIC": "photographic"}

BY_ID: Table = {"id": ("id", identity)}
VARIABLE: Table = {**BY_ID, "isVariation": ("isVariation", flag)}
UNIVERSAL: Table = {
    "generatedImageId": ("generatedImageId", identity),
    "initImageId": ("initImageId", identity),
    "variationId": ("variationId", identity),
    "upscalerStyle": ("upscalerStyle", word(*STYLES, kind="universal_upscaler_style")),
    "ultraUpscaleStyle": ("ultraUpscaleStyle", word(*ULTRA_STYLES, kind="universal_upscaler_ultra_style")),
    "creativityStrength": ("creativityStrength", TENTHS),
    "detailContrast": ("detailContrast", TENTHS),
    "similarity": ("similarity", TENTHS),
    "upscaleMultiplier": ("upscaleMultiplier", number(1.0, 2.0)),
    "prompt": ("prompt", text(PROMPT_MOST)),
}
POINTERS = ("generatedImageId", "initImageId", "variationId")
CREATIVITY = 5
"""What official clients send where nothing was chosen."""


def parse_upscale(incoming: Incoming) -> Ask:
    """`POST /variations/upscale`: a picture made larger, as the model does it."""
    source = _source(read_body(incoming.body, BY_ID))

    def compose(images: Sequence[Image]) -> ImageRequest:
        return Upscale(model="upscale", kind=UpscaleKind.FAST, picture=images[0])

    return _ask(incoming, source, compose, "sdUpscaleJob", "UPSCALE")


def parse_unzoom(incoming: Incoming) -> Ask:
    """`POST /variations/unzoom`: a picture and what lies around it."""
    source = _source(read_body(incoming.body, VARIABLE))

    def compose(images: Sequence[Image]) -> ImageRequest:
        added = margins(images[0], UNZOOMED)
        return Edit(model="outpaint", kind=EditKind.OUTPAINT, pictures=(images[0],), **added)

    return _ask(incoming, source, compose, "sdUnzoomJob", "UNZOOM")


def parse_nobg(incoming: Incoming) -> Ask:
    """`POST /variations/nobg`: a picture without its background."""
    source = _source(read_body(incoming.body, VARIABLE))

    def compose(images: Sequence[Image]) -> ImageRequest:
        kind = EditKind.REMOVE_BACKGROUND
        return Edit(model="remove-background", kind=kind, pictures=(images[0],), format=Format.PNG)

    return _ask(incoming, source, compose, "sdNobgJob", "NOBG")


def parse_universal(incoming: Incoming) -> Ask:
    """`POST /variations/universal-upscaler`: a picture made larger, and detail invented."""
    asked = read_body(incoming.body, UNIVERSAL)
    given = [name for name in POINTERS if name in asked]
    if len(given) != 1:
        detail = f"one of {', '.join(POINTERS)} needs to be set, and only one"
        raise rejected(detail, Code.INVALID if given else Code.MISSING, given[1] if given else POINTERS[0])
    # Official clients send GENERAL where none was chosen.
    if "ultraUpscaleStyle" in asked and asked.get("upscalerStyle", "GENERAL") != "GENERAL":
        raise rejected("ultraUpscaleStyle can not be used with upscalerStyle", Code.INVALID, "ultraUpscaleStyle")
    for name in ("detailContrast", "similarity"):
        if name in asked and "ultraUpscaleStyle" not in asked:
            raise rejected(f"{name} can only be used with ultraUpscaleStyle", Code.INVALID, name)
    pointed = asked[given[0]]
    source = Source(field=given[0], asset=first_picture(pointed) if given[0] == "variationId" else pointed)

    def compose(images: Sequence[Image]) -> ImageRequest:
        return Upscale(model="upscale", kind=UpscaleKind.CREATIVE, picture=images[0], **_creatively(asked))

    return _ask(incoming, source, compose, "universalUpscaler", "UPSCALE")


def first_picture(request: str) -> str:
    """The id of the picture of a variation: that of its request, but for the last byte."""
    return f"{request[:-2]}01"


def _creatively(asked: dict[str, Any]) -> dict[str, Any]:
    creativity = asked.get("creativityStrength", CREATIVITY)
    told = {
        "prompt": asked.get("prompt", ""),
        "factor": asked.get("upscaleMultiplier", MULTIPLIER),
        "style": STYLES.get(asked.get("upscalerStyle", "")) or ULTRA_STYLES.get(asked.get("ultraUpscaleStyle", "")),
        "creativity": None if creativity == CREATIVITY else creativity / 10,
    }
    for theirs, ours in (("detailContrast", "detail"), ("similarity", "resemblance")):
        if theirs in asked:
            told[ours] = asked[theirs] / 10
    return told


def _source(asked: dict[str, Any]) -> Source:
    if "id" not in asked:
        raise missing("id")
    return Source(field="id", asset=first_picture(asked["id"]) if asked.get("isVariation") else asked["id"])


def _ask(
    incoming: Incoming,
    source: Source,
    compose: Callable[[Sequence[Image]], ImageRequest],
    envelope: str,
    transform: str,
) -> Ask:
    return Ask(
        compose=compose,
        sources=(source,),
        links=True,
        echo=Job(envelope, "id", rate(incoming.options)),
        recall=Recalled(kind="variation", transform=transform, of=source.asset).text(),
    )
