"""What the parameters of a generation demand of one another. Everything here is refused before it costs anything.

Combinations that this API's own samples break are not refused: any style may stand beside any mode.
"""

from __future__ import annotations

from providers.contract import Code, Failure
from proxy.dialects.fields import rejected
from proxy.dialects.leonardo.models import DEFAULT, Known
from proxy.dialects.leonardo.reading import missing
from proxy.dialects.leonardo.table import (
    GUIDANCE_MOST,
    HEIGHT,
    IMAGES,
    IMAGES_LARGE,
    LARGE,
    PICTURES_MOST,
    SEED_MOST_FLUX,
    WIDTH,
    Asked,
)

CONTEXT_MOST = 4
CANVAS = ("canvasRequestType", "canvasInitId", "canvasMaskId")
GUIDANCE_MOST_OWN = 7.0
"""With the house's own scheduler and without Alchemy."""
CONTRAST_LEAST = 2.5


def check(asked: Asked, model: Known) -> None:
    """Raises REJECTED for the first thing that does not go together."""
    if not asked.get("prompt", "").strip():
        raise missing("prompt")
    _count(asked)
    _modes(asked, model)
    _guidance(asked, model)
    _pictures(asked)
    _canvas(asked)


def alchemy(asked: Asked) -> bool:
    """Whether Alchemy is on: unless it is turned off, or Ultra mode, which goes without it, is turned on."""
    return bool(asked.get("alchemy", not asked.get("ultra", False)))


def _count(asked: Asked) -> None:
    n, width, height = asked.get("num_images", IMAGES), asked.get("width", WIDTH), asked.get("height", HEIGHT)
    if n > IMAGES_LARGE and max(width, height) > LARGE:
        detail = f"too many images: at most {IMAGES_LARGE} where width or height is over {LARGE}"
        raise rejected(detail, Code.ABOVE_MAXIMUM, "num_images")
    for name in ("controlnets", "elements", "userElements", "imagePrompts"):
        if len(asked.get(name, ())) > PICTURES_MOST:
            raise rejected(f"{name} takes at most {PICTURES_MOST} entries", Code.ABOVE_MAXIMUM, name)
    if len(asked.get("contextImages", ())) > CONTEXT_MOST:
        raise rejected(f"contextImages takes at most {CONTEXT_MOST} images", Code.ABOVE_MAXIMUM, "contextImages")


def _modes(asked: Asked, model: Known) -> None:
    if asked.get("ultra") and asked.get("alchemy"):
        raise _clash("ultra", "can not be used with alchemy")
    if asked.get("photoReal"):
        if not alchemy(asked):
            raise _clash("photoReal", "needs alchemy to be true")
        # Official clients send the default model where none was chosen, so that it counts as none.
        if asked.get("photoRealVersion", "v1") == "v1" and asked.get("modelId", DEFAULT) != DEFAULT:
            raise _clash("photoReal", "of version v1 needs modelId to be left out")
    if model.family == "phoenix" and alchemy(asked) and asked.get("contrast", CONTRAST_LEAST) < CONTRAST_LEAST:
        raise _clash("contrast", f"needs to be {CONTRAST_LEAST} or higher for Phoenix with alchemy")
    if model.family == "flux" and asked.get("seed", 0) > SEED_MOST_FLUX:
        raise rejected(f"seed must be between 0 and {SEED_MOST_FLUX} for Flux", Code.ABOVE_MAXIMUM, "seed")


def _guidance(asked: Asked, model: Known) -> None:
    guidance = asked.get("guidance_scale", 0.0)
    if guidance > GUIDANCE_MOST and not (alchemy(asked) and model.family == "sd"):
        detail = f"guidance_scale must be between 1 and {GUIDANCE_MOST:g}"
        raise rejected(detail, Code.ABOVE_MAXIMUM, "guidance_scale")
    if guidance > GUIDANCE_MOST_OWN and asked.get("scheduler") == "LEONARDO" and not alchemy(asked):
        detail = f"guidance_scale must be at most {GUIDANCE_MOST_OWN:g} for scheduler LEONARDO without alchemy"
        raise rejected(detail, Code.ABOVE_MAXIMUM, "guidance_scale")


def _pictures(asked: Asked) -> None:
    if "init_image_id" in asked and "init_generation_image_id" in asked:
        raise _clash("init_generation_image_id", "can not be used with init_image_id")
    if asked.get("unzoom"):
        for name in ("unzoomAmount", "init_image_id"):
            if name not in asked:
                raise _clash("unzoom", f"needs {name} to be set")
    elif "unzoomAmount" in asked:
        raise _clash("unzoomAmount", "needs unzoom to be true")
    if asked.get("controlNet") and not {"init_image_id", "init_generation_image_id"} & asked.keys():
        raise _clash("controlNet", "needs init_image_id or init_generation_image_id to be set")


def _canvas(asked: Asked) -> None:
    if not asked.get("canvasRequest"):
        for name in CANVAS:
            if name in asked:
                raise _clash(name, "needs canvasRequest to be true")
        return
    if asked.get("unzoom"):
        raise _clash("canvasRequest", "can not be used with unzoom")
    for name in CANVAS[:2]:
        if name not in asked:
            raise _clash("canvasRequest", f"needs {name} to be set")
    if asked["canvasRequestType"] == "INPAINT" and "canvasMaskId" not in asked:
        raise _clash("canvasRequestType", "INPAINT needs canvasMaskId to be set")


def _clash(name: str, why: str) -> Failure:
    return rejected(f"{name} {why}", Code.INVALID, name)
