"""What a generation does with the pictures it points at: nothing, lean on them, be steered by one, or change one.

A canvas request goes before an unzoom, that before context images, and those before everything that only guides. What
is pointed at and not used is told in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import (
    Code,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Note,
    Polarity,
)
from proxy.dialects.contract import Source
from proxy.dialects.fields import rejected
from proxy.dialects.leonardo.models import KONTEXT
from proxy.dialects.leonardo.table import CHARACTER, PREPROCESSORS, STRENGTHS, Asked

Fields = Mapping[str, Any]
"""What every request has, whatever it does."""
POINTERS = ("init_image_id", "init_generation_image_id")


class Work(Struct, frozen=True, kw_only=True):
    """What is done, with which pictures, and how the request is made of them."""

    build: Callable[[Fields, Sequence[Image]], ImageRequest]
    sources: tuple[Source, ...] = ()
    role: str | None = None
    """The name of a model that does such work; None where the one asked for does it."""
    notes: tuple[Note, ...] = ()


class Guide(Struct, frozen=True):
    """A picture that guides, what is taken from it, and how strongly, from 0 to 1."""

    source: Source
    takes: str
    strength: float | None
    notes: tuple[Note, ...] = ()


def work(asked: Asked, model_id: str) -> Work:
    """What a generation that passed its checks comes to."""
    if asked.get("canvasRequest"):
        return _canvas(asked)
    if asked.get("unzoom"):
        return _unzoom(asked)
    guides = _guides(asked)
    if asked.get("contextImages"):
        return _context(asked, model_id, guides)
    leans = bool(_init(asked)) and not asked.get("controlNet")
    steered = None if leans or asked.get("imagePrompts") else _steered(guides)
    if steered is not None:
        return replace(steered, notes=(*steered.notes, *_pointless(asked)))
    return _leaning(asked, guides)


def margins(picture: Image, share: float) -> dict[str, Any]:
    """The same share of a picture's sides added all around it."""
    across, down = max(1, round(picture.width * share / 2)), max(1, round(picture.height * share / 2))
    return {"left": across, "right": across, "up": down, "down": down}


def unsized(fields: Fields) -> dict[str, Any]:
    """Without a size: it follows from the picture."""
    return {name: value for name, value in fields.items() if name not in ("width", "height", "exact")}


# Changing a picture.


def _canvas(asked: Asked) -> Work:
    kind = asked["canvasRequestType"]
    sources = [Source(field="canvasInitId", asset=asked["canvasInitId"])]
    notes = _unused(asked, "a canvas request")
    strength = _strength(asked)
    if "canvasMaskId" in asked and kind in ("INPAINT", "OUTPAINT"):
        sources.append(Source(field="canvasMaskId", asset=asked["canvasMaskId"]))
        return Work(build=_inpainting(strength), sources=tuple(sources), role="inpaint", notes=notes)
    if kind == "OUTPAINT":
        return Work(build=_outpainting(strength), sources=tuple(sources), role="outpaint", notes=notes)
    if "canvasMaskId" in asked:
        notes = (*notes, Note("canvasMaskId", f"{kind} takes no mask"))
    if kind == "SKETCH2IMG":
        control = _controlling(ControlKind.SKETCH, asked.get("init_strength"))
        return Work(build=control, sources=tuple(sources), role="control", notes=notes)
    return Work(build=_referring(strength), sources=tuple(sources), notes=notes)


def _inpainting(strength: float | None) -> Callable[[Fields, Sequence[Image]], ImageRequest]:
    def build(fields: Fields, images: Sequence[Image]) -> ImageRequest:
        picture, mask = images
        return Edit(
            kind=EditKind.INPAINT,
            pictures=(picture,),
            mask=Mask(mask, Polarity.WHITE),
            strength=strength,
            width=picture.width,
            height=picture.height,
            exact=True,
            **unsized(fields),
        )

    return build


def _outpainting(strength: float | None) -> Callable[[Fields, Sequence[Image]], ImageRequest]:
    def build(fields: Fields, images: Sequence[Image]) -> ImageRequest:
        picture = images[0]
        across, down = fields["width"] - picture.width, fields["height"] - picture.height
        if min(across, down) < 0 or across == down == 0:
            detail = f"invalid dimensions: the image is {picture.width}x{picture.height}, and without a mask width and "
            raise rejected(f"{detail}height need to be larger for OUTPAINT", Code.INVALID, "width")
        added: dict[str, Any] = {
            "left": across // 2,
            "right": across - across // 2,
            "up": down // 2,
            "down": down - down // 2,
        }
        return Edit(kind=EditKind.OUTPAINT, pictures=(picture,), strength=strength, **added, **unsized(fields))

    return build


def _unzoom(asked: Asked) -> Work:
    share = asked["unzoomAmount"]
    said = f"taken as the share of width and height that is added around the image: {share:g}"
    notes = (*_unused(asked, "an unzoom", but="init_image_id"), *_pointless(asked))

    def build(fields: Fields, images: Sequence[Image]) -> ImageRequest:
        return Edit(kind=EditKind.OUTPAINT, pictures=(images[0],), **margins(images[0], share), **unsized(fields))

    notes = (*notes, Note("unzoomAmount", said, lossy=False))
    return Work(build=build, sources=(_init(asked)[0],), role="outpaint", notes=notes)


def _context(asked: Asked, model_id: str, guides: Sequence[Guide]) -> Work:
    sources = [
        Source(field=f"contextImages[{place}].id", asset=each["id"])
        for place, each in enumerate(asked["contextImages"])
    ]
    further = [*_init(asked), *_prompts(asked), *[guide.source for guide in guides]]
    notes = [Note(source.field, "drawn from as one more context image") for source in further]

    def build(fields: Fields, images: Sequence[Image]) -> ImageRequest:
        return Edit(kind=EditKind.GENERAL, pictures=tuple(images), **fields)

    return Work(
        build=build,
        sources=(*sources, *further),
        role=None if model_id == KONTEXT else "edit",
        notes=(*notes, *_pointless(asked)),
    )


# Being guided by pictures.


def _guides(asked: Asked) -> list[Guide]:
    guides = [_guide(f"controlnets[{place}]", each) for place, each in enumerate(asked.get("controlnets", ()))]
    if asked.get("controlNet"):
        source = _init(asked)[0]
        notes = [] if asked.get("controlNetType") != "POSE" else [Note("controlNetType", "its structure is taken")]
        strength, more = _weighed(asked.get("weighting"), "weighting")
        guides.append(Guide(source, ControlKind.STRUCTURE, strength, (*notes, *more)))
    return guides


def _guide(at: str, each: Mapping[str, Any]) -> Guide:
    source = Source(field=f"{at}.initImageId", asset=each["initImageId"])
    strength, notes = _weighed(each.get("weight"), f"{at}.weight")
    if "strengthType" in each:
        strength, notes = STRENGTHS[each["strengthType"]], ()
    if "influence" in each:
        notes = (*notes, Note(f"{at}.influence", "all pictures guide alike"))
    number = each.get("preprocessorId")
    takes = PREPROCESSORS.get(-1 if number is None else number)
    if takes is None:
        notes = (*notes, Note(f"{at}.preprocessorId", "its structure is taken", lossy=number is not None))
    return Guide(source, takes or ControlKind.STRUCTURE, strength, notes)


def _weighed(weight: float | None, name: str) -> tuple[float | None, tuple[Note, ...]]:
    """A weight as a strength of 0 to 1."""
    if weight is None or weight <= 1:
        return weight, ()
    return 1.0, (Note(name, "1 is the most"),)


def _steered(guides: Sequence[Guide]) -> Work | None:
    """One picture that steers, or one for the style and one for the content; None where that is not what is asked."""
    takes = sorted(guide.takes for guide in guides)
    notes = tuple(note for guide in guides for note in guide.notes)
    if takes == [ControlKind.STRUCTURE, ControlKind.STYLE]:
        content, style = sorted(guides, key=lambda guide: guide.takes)

        def transfer(fields: Fields, images: Sequence[Image]) -> ImageRequest:
            return Control(
                kind=ControlKind.STYLE_TRANSFER,
                picture=images[0],
                looks=images[1],
                style_strength=style.strength,
                composition_fidelity=content.strength,
                **fields,
            )

        return Work(build=transfer, sources=(content.source, style.source), role="control", notes=notes)
    if len(guides) != 1 or guides[0].takes == CHARACTER:
        return None
    guide = guides[0]
    build = _controlling(ControlKind(guide.takes), guide.strength)
    return Work(build=build, sources=(guide.source,), role="control", notes=notes)


def _controlling(kind: ControlKind, strength: float | None) -> Callable[[Fields, Sequence[Image]], ImageRequest]:
    told: dict[str, Any] = {"fidelity" if kind is ControlKind.STYLE else "strength": strength}
    return lambda fields, images: Control(kind=kind, picture=images[0], **told, **fields)


def _leaning(asked: Asked, guides: Sequence[Guide]) -> Work:
    """A picture from words, leaning on whatever is pointed at."""
    notes = [note for guide in guides for note in guide.notes]
    notes += [
        Note(
            guide.source.field, "leant on as a reference", lossy=guide.takes != CHARACTER or guide.strength is not None
        )
        for guide in guides
    ]
    first = _init(asked)
    sources = [*first, *_prompts(asked)]
    seen = {source.asset for source in sources}
    sources += [guide.source for guide in guides if guide.source.asset not in seen]
    strength, more = _closeness(asked)
    return Work(build=_referring(strength), sources=tuple(sources), notes=(*notes, *more))


def _closeness(asked: Asked) -> tuple[float | None, list[Note]]:
    """How far the result may move from what it leans on, and what is said about that in vain."""
    weight = asked.get("imagePromptWeight")
    prompts = bool(asked.get("imagePrompts"))
    if _init(asked):
        told = [] if weight is None else [Note("imagePromptWeight", "init_strength says how closely", lossy=prompts)]
        return _strength(asked), told
    if weight is None or not prompts:
        return None, _pointless(asked)
    told = _pointless(asked, but="imagePromptWeight")
    if 0 <= weight <= 1:
        return round(1 - weight, 6), told
    return None, [*told, Note("imagePromptWeight", "only 0 to 1 has a meaning here")]


def _pointless(asked: Asked, but: str = "") -> list[Note]:
    """Settings of pictures to lean on, where none is leant on."""
    names = ("init_strength", "imagePromptWeight")
    return [Note(name, "no image is leant on", lossy=False) for name in names if name in asked and name != but]


def _referring(strength: float | None) -> Callable[[Fields, Sequence[Image]], ImageRequest]:
    def build(fields: Fields, images: Sequence[Image]) -> ImageRequest:
        return Generate(references=tuple(images), strength=strength if images else None, **fields)

    return build


def _init(asked: Asked) -> list[Source]:
    return [Source(field=name, asset=asked[name]) for name in POINTERS if name in asked]


def _prompts(asked: Asked) -> list[Source]:
    return [Source(field=f"imagePrompts[{at}]", asset=each) for at, each in enumerate(asked.get("imagePrompts", ()))]


def _strength(asked: Asked) -> float | None:
    """How far the result may move from the picture: what is left of how closely it is to be kept."""
    return None if "init_strength" not in asked else round(1 - asked["init_strength"], 6)


def _unused(asked: Asked, what: str, but: str = "") -> tuple[Note, ...]:
    names = (*POINTERS, "contextImages", "controlnets", "imagePrompts", "controlNet")
    return tuple(Note(name, f"is not used in {what}") for name in names if asked.get(name) and name != but)
