"""fal's models: what each draws, in which sizes and with which fields, and the paths below an endpoint.

https://fal.ai/models  Every endpoint has a page, and `/llms.txt` below it says the same for machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Format, Inputs, Model, Quality, Sizes

SPEEDS = {Quality.LOW: "TURBO", Quality.MEDIUM: "BALANCED", Quality.HIGH: "QUALITY"}
"""Ideogram's rendering speeds."""
_EDITS = {"generate.reference": "edit", "edit.general": "edit"}
PATHS: Mapping[str, Mapping[str, str]] = {
    "fal-ai/ideogram/v3": {"generate.reference": "remix"},
    "fal-ai/nano-banana": _EDITS,
    "fal-ai/nano-banana-2": _EDITS,
    "fal-ai/nano-banana-pro": _EDITS,
    "fal-ai/flux-2-pro": _EDITS,
    "fal-ai/flux-2-max": _EDITS,
}
"""The path below the endpoint, of an operation that has its own."""
SEVERAL = frozenset({"fal-ai/flux-pro/kontext", "fal-ai/flux-pro/kontext/max"})
"""Endpoints that take one picture, and several at `multi` below them."""
CLOSENESS = {"fal-ai/ideogram/v3": "strength", "fal-ai/flux-pro/v1.1-ultra": "image_prompt_strength"}
"""What an endpoint calls how strongly a picture steers: the opposite of how far the result may move from it."""
TIERED = frozenset({"fal-ai/nano-banana-2", "fal-ai/nano-banana-pro"})
"""Endpoints that are told a resolution beside the shape."""

PRESETS = {
    "square_hd": 1.0,
    "landscape_4_3": 4 / 3,
    "landscape_16_9": 16 / 9,
    "portrait_4_3": 3 / 4,
    "portrait_16_9": 9 / 16,
}
"""Sizes by name, with their shape: for models that round any other to one of their own."""
NAMED = frozenset({"fal-ai/ideogram/v3", "fal-ai/recraft/v3/text-to-image"})
"""Endpoints that are told one."""
SHAPES = {
    f"{across}:{down}": across / down
    for across, down in [(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9), (9, 21)]
}
"""Shapes by name, for every other model that is told one."""

# What the shapes come to in pixels; of FLUX 1.1 ultra, which draws four megapixels, they are computed.
_GEMINI_2_5 = (
    *("1024x1024", "832x1248", "1248x832", "864x1184", "1184x864"),
    *("896x1152", "1152x896", "768x1344", "1344x768", "1536x672"),
)
_GEMINI_3 = tuple(
    f"{width * times}x{height * times}"
    for times in (1, 2, 4)
    for width, height in [
        *[(1024, 1024), (848, 1264), (1264, 848), (896, 1200), (1200, 896)],
        *[(928, 1152), (1152, 928), (768, 1376), (1376, 768), (1584, 672)],
    ]
)
_ULTRA = (
    *("2048x2048", "1664x2496", "2496x1664", "1792x2368", "2368x1792"),
    *("1536x2752", "2752x1536", "1344x3136", "3136x1344"),
)
_IDEOGRAM = ("1024x1024", "1152x864", "1312x736", "864x1152", "736x1312")
_RECRAFT = ("1024x1024", "1365x1024", "1820x1024", "1024x1365", "1024x1820")

# fal states no limits for most of its sizes: these are the models' own.
_FLUX = Sizes(step=16, min_side=256, max_side=2048, max_pixels=2_097_152)
_FLUX_PRO = Sizes(step=32, min_side=256, max_side=1440)
_FLUX_2 = Sizes(step=16, min_side=256, max_side=2560, max_pixels=4_190_000)
_SD_3_5 = Sizes(step=64, min_side=512, max_side=1536, max_pixels=2_097_152)
_KEEPS = Sizes(follows_input=True)

_FORMATS = (Format.PNG, Format.JPEG)
_WITH_WEBP = (*_FORMATS, Format.WEBP)
_ACCEPTS = Inputs(formats=frozenset(_WITH_WEBP))
_DRAWS = ("generate",)
_LEANS = ("generate", "generate.reference")
_DOES_ALL = (*_LEANS, "edit.general")
_PROMPT = frozenset({"prompt"})
_SEED = {"seed": (0.0, 4_294_967_295.0)}
_DIFFUSED = {**_SEED, "steps": (1.0, 50.0), "guidance": (1.0, 20.0)}
_IDEOGRAM_STYLES = {
    **dict.fromkeys(("realistic", "photo", "photographic", "photorealistic", "natural"), "REALISTIC"),
    **dict.fromkeys(("design", "graphic-design", "poster", "logo"), "DESIGN"),
    "general": "GENERAL",
    "auto": "AUTO",
}
# Vector styles cost twice as much and give a drawing in SVG: they are another model's.
_RECRAFT_STYLES = {
    **dict.fromkeys(("realistic", "photo", "photographic", "photorealistic", "natural"), "realistic_image"),
    **dict.fromkeys(("digital-art", "digital-illustration", "illustration"), "digital_illustration"),
    **dict.fromkeys(("3d-model", "3d", "handmade-3d"), "digital_illustration/handmade_3d"),
    **dict.fromkeys(("comic-book", "comic", "comics"), "digital_illustration/hard_comics"),
    **dict.fromkeys(("line-art", "sketch", "hand-drawn-outline"), "digital_illustration/hand_drawn_outline"),
    "studio-portrait": "realistic_image/studio_portrait",
    "black-and-white": "realistic_image/b_and_w",
    "hdr": "realistic_image/hdr",
    "natural-light": "realistic_image/natural_light",
    "pixel-art": "digital_illustration/pixel_art",
    "hand-drawn": "digital_illustration/hand_drawn",
    "noir": "digital_illustration/noir",
    "pop-art": "digital_illustration/pop_art",
    "any": "any",
}


def _model(name: str, wire: str, does: tuple[str, ...], sizes: Sizes, takes: str, **more: Any) -> Model:
    shared = {
        "formats": _FORMATS,
        "needs": _PROMPT,
        "ranges": _SEED,
        "inputs": 0 if does == _DRAWS else 1,
        "accepts": _ACCEPTS,
        "asynchronous": True,
    }
    honours = frozenset(takes.split())
    return Model(
        name=name,
        wire=wire,
        title=name,
        operations=frozenset(does),
        sizes=sizes,
        honours=honours,
        **(shared | more),
    )


def _by_shape(*listed: str) -> Sizes:
    return Sizes(default=listed[0], listed=listed, by_shape=True)


MODELS = (
    _model(
        *("flux-dev", "fal-ai/flux/dev", _DRAWS, _FLUX, "seed steps guidance"),
        ranges=_DIFFUSED,
        at_once=4,
    ),
    _model(
        *("flux-schnell", "fal-ai/flux/schnell", _DRAWS, _FLUX, "seed steps guidance"),
        ranges={**_DIFFUSED, "steps": (1.0, 12.0)},
        at_once=4,
    ),
    _model("flux-pro-1.1", "fal-ai/flux-pro/v1.1", _DRAWS, _FLUX_PRO, "seed moderation", at_once=4),
    _model(
        *("flux-pro-1.1-ultra", "fal-ai/flux-pro/v1.1-ultra", _LEANS, _by_shape(*_ULTRA), "seed strength moderation"),
        ranges={**_SEED, "strength": (0.0, 1.0)},
        at_once=4,
    ),
    _model(
        *("flux-kontext-pro", "fal-ai/flux-pro/kontext", ("edit.general",), _KEEPS, "seed guidance moderation"),
        ranges={**_SEED, "guidance": (1.0, 20.0)},
        inputs=4,
        at_once=4,
    ),
    _model(
        *("flux-kontext-max", "fal-ai/flux-pro/kontext/max", ("edit.general",), _KEEPS, "seed guidance moderation"),
        ranges={**_SEED, "guidance": (1.0, 20.0)},
        inputs=4,
        at_once=4,
    ),
    _model("flux-2-pro", "fal-ai/flux-2-pro", _DOES_ALL, _FLUX_2, "seed", inputs=8),
    _model("flux-2-max", "fal-ai/flux-2-max", _DOES_ALL, _FLUX_2, "seed", inputs=8),
    _model(
        *("flux-pro-1.0-fill", "fal-ai/flux-pro/v1/fill", ("edit.inpaint",), _KEEPS, "seed moderation"),
        needs=_PROMPT | {"mask"},
        at_once=4,
    ),
    _model(
        "flux-general-inpainting",
        "fal-ai/flux-general/inpainting",
        ("edit.inpaint",),
        _KEEPS,
        "seed steps guidance negative strength",
        ranges={**_DIFFUSED, "strength": (0.01, 1.0)},
        needs=_PROMPT | {"mask"},
        at_once=4,
    ),
    _model(
        *("ideogram-v3", "fal-ai/ideogram/v3", _LEANS, _by_shape(*_IDEOGRAM), "seed negative style strength"),
        ranges={"seed": (0.0, 2_147_483_647.0), "strength": (0.0, 0.99)},
        qualities=tuple(SPEEDS),
        quality=Quality.MEDIUM,
        styles=_IDEOGRAM_STYLES,
        formats=(Format.PNG,),
        at_once=8,
    ),
    *(
        _model(
            *(f"ideogram-v3-{speed.lower()}", f"fal-ai/ideogram/v3?rendering_speed={speed}", _LEANS),
            *(_by_shape(*_IDEOGRAM), "seed negative style strength"),
            ranges={"seed": (0.0, 2_147_483_647.0), "strength": (0.0, 0.99)},
            styles=_IDEOGRAM_STYLES,
            formats=(Format.PNG,),
            at_once=8,
        )
        for speed in ("TURBO", "QUALITY")
    ),
    _model(
        *("recraft-v3", "fal-ai/recraft/v3/text-to-image", _DRAWS, _by_shape(*_RECRAFT), "style"),
        styles=_RECRAFT_STYLES,
        ranges={},
        formats=(Format.WEBP,),
        prompt_limit=1000,
    ),
    _model(
        *("gemini-2.5-flash-image", "fal-ai/nano-banana", _DOES_ALL, _by_shape(*_GEMINI_2_5), "seed moderation"),
        formats=_WITH_WEBP,
        inputs=3,
        at_once=4,
    ),
    _model(
        *("gemini-3-pro-image", "fal-ai/nano-banana-pro", _DOES_ALL, _by_shape(*_GEMINI_3), "seed moderation"),
        formats=_WITH_WEBP,
        inputs=14,
        at_once=4,
    ),
    _model(
        *("gemini-3.1-flash-image", "fal-ai/nano-banana-2", _DOES_ALL, _by_shape(*_GEMINI_3), "seed moderation"),
        formats=_WITH_WEBP,
        inputs=14,
        at_once=4,
    ),
    _model(
        *("qwen-image", "fal-ai/qwen-image", _DRAWS, _FLUX, "seed steps guidance negative"),
        ranges={**_SEED, "steps": (2.0, 250.0), "guidance": (0.0, 20.0)},
        at_once=4,
    ),
    _model(
        *("qwen-image-edit", "fal-ai/qwen-image-edit", ("edit.general",), _FLUX, "seed steps guidance negative"),
        ranges={**_DIFFUSED, "steps": (2.0, 50.0), "guidance": (0.0, 20.0)},
        at_once=4,
    ),
    _model(
        *("sd3.5-medium", "fal-ai/stable-diffusion-v35-medium", _DRAWS, _SD_3_5, "seed steps guidance negative"),
        ranges={**_DIFFUSED, "guidance": (0.0, 20.0)},
        at_once=4,
    ),
    _model(
        *("birefnet", "fal-ai/birefnet", ("edit.remove_background",), _KEEPS, ""),
        ranges={},
        needs=frozenset(),
        formats=(Format.PNG, Format.WEBP, Format.GIF),
    ),
)
