"""What each call takes, and what it says to anything else."""

from __future__ import annotations

from typing import Any

from proxy.stub.contract import Answer
from proxy.stub.world import World, size_of

_STYLES = "ANIME BOKEH CINEMATIC CINEMATIC_CLOSEUP CREATIVE DYNAMIC ENVIRONMENT FASHION FILM FOOD GENERAL HDR"
_STYLES += " ILLUSTRATION LEONARDO LONG_EXPOSURE MACRO MINIMALISTIC MONOCHROME MOODY NONE NEUTRAL PHOTOGRAPHY PORTRAIT"
_STYLES += " RAYTRACED RENDER_3D RETRO SKETCH_BW SKETCH_COLOR STOCK_PHOTO VIBRANT UNPROCESSED"
_SCHEDULERS = "KLMS EULER_ANCESTRAL_DISCRETE EULER_DISCRETE DDIM DPM_SOLVER PNDM LEONARDO"
_VERSIONS = "v1_5 v2 v3 SDXL_0_8 SDXL_0_9 SDXL_1_0 SDXL_LIGHTNING PHOENIX FLUX FLUX_DEV KINO_2_0"
_SWITCHES = "alchemy expandedDomain fantasyAvatar highContrast highResolution photoReal promptMagic public tiling ultra"
_SWITCHES += " unzoom controlNet canvasRequest enhancePrompt"
_WORDS = "init_generation_image_id init_image_id modelId negative_prompt prompt canvasInitId canvasMaskId styleUUID"
_WORDS += " enhancePromptInstruction photoRealVersion promptMagicVersion"
Fields = dict[str, tuple[str, Any]]
"""By name: the GraphQL type, and the legal words, or the lowest and the highest number."""
GENERATION: Fields = {
    **dict.fromkeys(_SWITCHES.split(), ("Boolean", None)),
    **dict.fromkeys(_WORDS.split(), ("String", None)),
    **dict.fromkeys(("width", "height"), ("Int", (32, 1536))),
    **dict.fromkeys(("controlnets", "elements", "userElements", "imagePrompts", "contextImages"), ("List", None)),
    **dict.fromkeys(("imagePromptWeight", "photoRealStrength", "unzoomAmount", "upscaleRatio"), ("Float", None)),
    "presetStyle": ("String", _STYLES.split()),
    "scheduler": ("String", _SCHEDULERS.split()),
    "sd_version": ("String", _VERSIONS.split()),
    "transparency": ("String", ["disabled", "foreground_only"]),
    "controlNetType": ("String", ["POSE", "CANNY", "DEPTH"]),
    "canvasRequestType": ("String", ["INPAINT", "OUTPAINT", "SKETCH2IMG", "IMG2IMG"]),
    "num_images": ("Int", (1, 8)),
    "num_inference_steps": ("Int", (10, 60)),
    "seed": ("Int", (0, 9_999_999_998)),
    "contrastRatio": ("Float", (0, 1)),
    "contrast": ("Float", (1, 4.5)),
    "guidance_scale": ("Float", (1, 20)),
    "init_strength": ("Float", (0, 0.9)),
    "promptMagicStrength": ("Float", (0.1, 1)),
    "weighting": ("Float", None),
}
SOURCES = {"generatedImageId": "GENERATED", "initImageId": "UPLOADED", "variationId": "VARIATION"}
UPSCALER: Fields = {
    **dict.fromkeys((*SOURCES, "prompt"), ("String", None)),
    **dict.fromkeys(("creativityStrength", "detailContrast", "similarity"), ("Int", (1, 10))),
    "upscaleMultiplier": ("Float", (1, 2)),
    "upscalerStyle": ("String", ["GENERAL", "CINEMATIC", "2D ART & ILLUSTRATION", "CG ART & GAME ASSETS"]),
    "ultraUpscaleStyle": ("String", ["ARTISTIC", "REALISTIC"]),
}
VARIATION: Fields = {"id": ("String", None), "isVariation": ("Boolean", None)}
CUTOUT: Fields = {
    **dict.fromkeys(("bg_color", "crop_margin", "position", "roi", "scale"), ("String", None)),
    **dict.fromkeys(("crop", "semitransparency"), ("Boolean", None)),
    "guidances": ("Object", None),
    "quantity": ("Int", (1, 1)),
    "shadow_opacity": ("Int", (0, 100)),
    "channels": ("String", ["rgba", "alpha"]),
    "format": ("String", ["png", "jpg", "webp"]),
    "shadow_type": ("String", ["none", "drop", "3d", "car"]),
    "size": ("String", ["auto", "preview", "full", "50MP"]),
    "type": ("String", ["auto", "person", "product", "car", "animal", "graphic", "transportation", "other"]),
    "type_level": ("String", ["none", "1", "2", "latest"]),
}
_PYTHON: dict[str, Any] = {
    "Boolean": bool,
    "String": str,
    "Int": int,
    "Float": (int, float),
    "List": list,
    "Object": dict,
}
CANVAS = {"prompt", "canvasRequest", "canvasRequestType", "canvasInitId", "canvasMaskId", "num_images", "modelId"}
CANVAS |= {"init_strength", "guidance_scale", "width", "height", "public"}
"""What goes with the canvas; nothing else does."""
GUIDE = {"initImageId", "initImageType", "preprocessorId", "weight", "strengthType", "influence"}
_DOLLARS = 0.001495  # of a credit


def error(status: int, message: str, code: str = "unexpected", path: str = "$") -> Answer:
    """In the words of Hasura, behind which the API is."""
    return Answer(status=status, json={"error": message, "path": path, "code": code})


class Wrong(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """A request that is refused."""

    def __init__(self, message: str, code: str = "unexpected", path: str = "$") -> None:
        self.answer = error(400, message, code, path)
        self.message = message


def checked(body: Any, fields: Fields, job: str, needed: str | None = None) -> dict[str, Any]:
    """The fields that are not null. A body that is no object says that the field it needs is missing."""
    given: dict[str, Any] = body if isinstance(body, dict) else {}
    for name, value in given.items():
        if name not in fields:
            raise Wrong(f"Unexpected variable {name}", "bad-request")
        kind, legal = fields[name]
        if value is None:
            continue
        path = f"$.selectionSet.{job}.args.arg1.{name}"
        if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "Boolean"):
            found = "string" if isinstance(value, str) else type(value).__name__
            raise Wrong(f"expected a {kind.lower()} for type '{kind}', but found a {found}", "validation-failed", path)
        if isinstance(legal, list) and value not in legal:
            said = f"expected one of the values {legal} for type '{name}', but found '{value}'"
            raise Wrong(said, "validation-failed", path)
        if isinstance(legal, tuple) and not legal[0] <= value <= legal[1]:
            raise Wrong("invalid dimensions" if name in ("width", "height") else f"invalid {name}")
    if needed is not None and given.get(needed) is None:
        raise Wrong(f'expecting a value for non-nullable variable: "{needed}"', "validation-failed")
    return {name: value for name, value in given.items() if value is not None}


def inner(value: Any) -> dict[str, Any]:
    """An object inside another."""
    if not isinstance(value, dict):
        raise Wrong("expected an object", "validation-failed")
    return value


def cost(credit: int) -> dict[str, Any]:
    """What a job is charged, as it is told when it is taken."""
    return {"apiCreditCost": None, "cost": {"amount": f"{credit * _DOLLARS:.4f}", "unit": "DOLLARS"}}


def size_kept(
    world: World, name: Any, kind: Any, *, of: tuple[str, ...], refused: str = "invalid init image id"
) -> tuple[int, int]:
    """Of a picture by the id it has as an upload, a generated one ..., which is not its id as anything else."""
    found = size_of(world.kept(f"{kind} {name}") or b"") if kind in of else None
    if found is None:
        raise Wrong(refused)
    return found
