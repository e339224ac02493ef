"""WaveSpeed's models: what each draws, in which sizes, and which fields it takes.

https://wavespeed.ai/models  Each model has a page of its own fields; `GET /api/v3/models` lists them all.
"""

from __future__ import annotations

from typing import Any

from providers.contract import Format, Inputs, Model, Sizes

SHAPES = {
    "1024x1024": "1:1",
    "1312x736": "16:9",
    "736x1312": "9:16",
    "1152x864": "4:3",
    "864x1152": "3:4",
}
"""What Ideogram's shapes come to in pixels."""

_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP)
_ACCEPTS = Inputs(formats=frozenset(_FORMATS))
_FLUX = Sizes(step=8, min_side=512, max_side=1536, auto=("1024x1024",))
_FREE = Sizes(step=8, min_side=256, max_side=1536, auto=("1024x1024",))
_SEED = {"seed": (0.0, 2_147_483_647.0)}
_STEPS = {**_SEED, "steps": (1.0, 50.0)}
_WAYS = ("generate", "generate.reference", "edit.inpaint")
_STYLES = {
    **dict.fromkeys(("realistic", "photo", "photographic", "photorealistic", "natural"), "Realistic"),
    **dict.fromkeys(("design", "graphic-design", "poster", "logo"), "Design"),
    "general": "General",
    "auto": "Auto",
}


def _model(name: str, wire: str, operations: tuple[str, ...], sizes: Sizes, **more: Any) -> Model:
    edits = operations != ("generate",)
    shared = {"inputs": 1 if edits else 0, "formats": _FORMATS, "accepts": _ACCEPTS, "asynchronous": True}
    return Model(name=name, wire=wire, title=name, operations=frozenset(operations), sizes=sizes, **(shared | more))


MODELS = (
    _model(
        "flux-dev",
        "wavespeed-ai/flux-dev",
        _WAYS,
        _FLUX,
        honours=frozenset({"seed", "steps", "guidance", "strength"}),
        ranges={**_STEPS, "guidance": (0.0, 10.0), "strength": (0.01, 1.0)},
        needs=frozenset({"prompt"}),
        at_once=4,
    ),
    _model(
        "flux-schnell",
        "wavespeed-ai/flux-schnell",
        _WAYS,
        _FLUX,
        honours=frozenset({"seed", "steps", "strength"}),
        ranges={**_SEED, "steps": (1.0, 8.0), "strength": (0.01, 1.0)},
        needs=frozenset({"prompt"}),
        at_once=4,
    ),
    _model(
        "flux-fill-dev",
        "wavespeed-ai/flux-fill-dev",
        ("edit.inpaint",),
        _FREE,
        honours=frozenset({"seed", "steps", "guidance"}),
        ranges={**_STEPS, "guidance": (28.0, 35.0)},
        needs=frozenset({"prompt", "mask"}),
        formats=(Format.JPEG,),  # it has no field for it
        at_once=4,
    ),
    _model(
        "flux-kontext-dev",
        "wavespeed-ai/flux-kontext-dev",
        ("edit.general",),
        _FREE,
        honours=frozenset({"seed", "steps", "guidance"}),
        ranges={**_STEPS, "guidance": (1.0, 20.0)},
        needs=frozenset({"prompt"}),
        at_once=4,
    ),
    _model(
        "flux-kontext-pro",
        "wavespeed-ai/flux-kontext-pro",
        ("edit.general",),
        Sizes(follows_input=True),
        honours=frozenset({"guidance"}),
        ranges={"guidance": (1.0, 20.0)},
        needs=frozenset({"prompt"}),
        formats=(Format.JPEG,),
    ),
    _model(
        "qwen-image",
        "wavespeed-ai/qwen-image/text-to-image",
        ("generate",),
        _FREE,
        honours=frozenset({"seed"}),
        ranges=_SEED,
        needs=frozenset({"prompt"}),
    ),
    _model(
        "qwen-image-edit",
        "wavespeed-ai/qwen-image/edit",
        ("edit.general",),
        _FREE,
        honours=frozenset({"seed"}),
        ranges=_SEED,
        needs=frozenset({"prompt"}),
    ),
    _model(
        "ideogram-v3-turbo",
        "ideogram-ai/ideogram-v3-turbo",
        _WAYS,
        Sizes(listed=tuple(SHAPES), auto=("1024x1024",), by_shape=True),
        honours=frozenset({"style"}),
        styles=_STYLES,
        needs=frozenset({"prompt"}),
        formats=(Format.PNG,),
        inputs=3,
    ),
    _model(
        "real-esrgan",
        "wavespeed-ai/real-esrgan",
        ("upscale.fast",),
        Sizes(default="512x384", step=1),  # any: it is asked for as a factor
        ranges={"factor": (1.0, 10.0)},
        formats=(Format.PNG,),
    ),
)
