"""The models, each by one partner: by one whose price is known, if there is one. Beside them, their ids on the Hub."""

from __future__ import annotations

from typing import Any

from providers.contract import Format, Inputs, Model, Sizes
from providers.huggingface.asking import RATIOS

_ACCEPTS = Inputs(formats=frozenset({Format.PNG, Format.JPEG, Format.WEBP}))
_ANY = (Format.JPEG, Format.PNG, Format.WEBP)
_TWO = (Format.JPEG, Format.PNG)
_GRID = Sizes(step=32, min_side=512, max_side=1536)
_SDXL = Sizes(listed=tuple(RATIOS))
_KEEPS = Sizes(follows_input=True)


def _model(name: str, wire: str, sizes: Sizes, does: str = "generate", takes: str = "seed", **facts: Any) -> Model:
    facts = {"formats": (Format.JPEG,), "needs": frozenset({"prompt"}), "accepts": _ACCEPTS, **facts}
    operations, honours = frozenset(does.split()), frozenset(takes.split())
    return Model(name=name, wire=wire, title=name, sizes=sizes, operations=operations, honours=honours, **facts)


MODELS = (
    _model(
        "flux-dev",  # black-forest-labs/FLUX.1-dev
        "wavespeed/wavespeed-ai/flux-dev",
        _GRID,
        "generate generate.reference edit.inpaint",
        "seed steps guidance strength",
        formats=_ANY,
        ranges={"seed": (0, 2_147_483_647), "steps": (1, 50), "guidance": (0, 10)},
        at_once=4,
        inputs=1,
        asynchronous=True,
    ),
    _model(
        "flux-schnell",  # black-forest-labs/FLUX.1-schnell
        "replicate/black-forest-labs/flux-schnell",
        Sizes(listed=tuple(RATIOS), by_shape=True),
        takes="seed steps compression",
        formats=_ANY,
        ranges={"steps": (1, 4)},
        at_once=4,
    ),
    _model(
        "qwen-image",  # Qwen/Qwen-Image
        "fal-ai/fal-ai/qwen-image",
        _GRID,
        takes="seed negative steps guidance",
        formats=_TWO,
        ranges={"steps": (1, 50), "guidance": (0, 20)},
        at_once=4,
        asynchronous=True,
    ),
    _model(
        "sd3.5-large",  # stabilityai/stable-diffusion-3.5-large
        "fal-ai/fal-ai/stable-diffusion-v35-large",
        _GRID,
        takes="seed negative steps guidance",
        formats=_TWO,
        ranges={"steps": (1, 50), "guidance": (0, 20)},
        at_once=4,
        asynchronous=True,
    ),
    _model("sdxl", "nscale/stabilityai/stable-diffusion-xl-base-1.0", _SDXL, takes=""),
    _model(
        "sd3-medium",
        "hf-inference/stabilityai/stable-diffusion-3-medium-diffusers",
        Sizes(step=64, min_side=512, max_side=1536),
        takes="seed negative steps guidance",
    ),
    _model(
        "flux-2-klein-9b",  # black-forest-labs/FLUX.2-klein-9B
        "fal-ai/fal-ai/flux-2/klein/9b/edit",
        _KEEPS,
        "edit.general",
        formats=_TWO,
        inputs=4,
        asynchronous=True,
    ),
    _model(
        "flux-2-dev",  # black-forest-labs/FLUX.2-dev
        "wavespeed/wavespeed-ai/flux-2-dev/edit",
        _KEEPS,
        "edit.general",
        inputs=3,
        asynchronous=True,
    ),
)
