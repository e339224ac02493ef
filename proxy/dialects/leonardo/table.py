"""Every parameter of a generation, in the order of its reference, and how it is read.

https://docs.leonardo.ai/reference/creategeneration
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import ControlKind, Sampler
from proxy.dialects.fields import Reader, Table
from proxy.dialects.leonardo.models import VERSIONS
from proxy.dialects.leonardo.reading import (
    flag,
    identity,
    listed,
    number,
    one_of_numbers,
    optional,
    record,
    side,
    text,
    whole,
    word,
)
from proxy.dialects.leonardo.styles import PRESETS

WIDTH, HEIGHT, IMAGES = 1024, 768, 4
"""What holds where nothing is said; official clients say it every time."""
STEPS, SCHEDULER = 15, "EULER_DISCRETE"
PROMPT_MOST = 1500
TEXT_MOST = 32_000
"""Of texts the reference says no length of."""
ANY = 1e6
"""Bound of numbers the reference says no range of."""
UNZOOM_MOST = 2.0
"""The reference says no range, and what is added is paid for."""
SEED_MOST, SEED_MOST_FLUX = 9_999_999_998, 2_147_483_637
GUIDANCE_MOST, GUIDANCE_MOST_ALCHEMY = 20.0, 30.0
PICTURES_MOST = 16
"""Pictures of one kind that may be sent along."""
LARGE, IMAGES_LARGE = 768, 4
"""Where a side is longer than this, so many pictures are the most."""

SAMPLERS: Mapping[str, Sampler | None] = {
    "KLMS": Sampler.LMS,
    "EULER_ANCESTRAL_DISCRETE": Sampler.EULER_ANCESTRAL,
    "EULER_DISCRETE": Sampler.EULER,
    "DDIM": Sampler.DDIM,
    "DPM_SOLVER": Sampler.DPM,
    "PNDM": Sampler.PNDM,
    "LEONARDO": None,
}
"""`scheduler`; the last one is known to its maker alone."""

CHARACTER = "character"
"""A picture that lends the one who is in it: what a reference does."""
_STYLE, _PERSON, _CONTENT = ControlKind.STYLE, CHARACTER, ControlKind.STRUCTURE
PREPROCESSORS: Mapping[int, str] = {
    **dict.fromkeys((67, 166, 299, 298, 431), _STYLE),
    **dict.fromkeys((133, 397), _PERSON),
    **dict.fromkeys((100, 364, 233, 232, 430), _CONTENT),
}
"""What of a picture a preprocessor takes over. Those of older models (edges, depth, pose ...) take its structure.

https://docs.leonardo.ai/docs/generate-images-using-image-to-image-guidance
"""
STRENGTHS: Mapping[str, float] = {"Low": 0.3, "Mid": 0.5, "High": 0.7, "Ultra": 0.85, "Max": 1.0}
"""`strengthType` on a scale of 0 to 1."""

CONTROL: Table = {
    "initImageId": ("initImageId", identity),
    "initImageType": ("initImageType", word("GENERATED", "UPLOADED", kind="InitImageType")),
    "preprocessorId": ("preprocessorId", whole(0, 2**31 - 1)),
    "weight": ("weight", number(0.0, ANY)),
    "strengthType": ("strengthType", word(*STRENGTHS, kind="StrengthType")),
    "influence": ("influence", number(0.0, ANY)),
}
ELEMENT: Table = {"akUUID": ("akUUID", identity), "weight": ("weight", number(-ANY, ANY))}
USER_ELEMENT: Table = {"userLoraId": ("userLoraId", whole(0, 2**31 - 1)), "weight": ("weight", number(-ANY, ANY))}
CONTEXT: Table = {"id": ("id", identity), "type": ("type", word("GENERATED", "UPLOADED", kind="InitImageType"))}

_READERS: Mapping[str, Reader] = {
    "alchemy": flag,
    "contrastRatio": number(0.0, 1.0),
    "contrast": one_of_numbers(1.0, 1.3, 1.8, 2.5, 3.0, 3.5, 4.0, 4.5),
    "controlnets": listed(record(CONTROL, needed=("initImageId",))),
    "elements": listed(record(ELEMENT, needed=("akUUID",))),
    "userElements": listed(record(USER_ELEMENT, needed=("userLoraId",))),
    "expandedDomain": flag,
    "fantasyAvatar": flag,
    "guidance_scale": number(1.0, GUIDANCE_MOST_ALCHEMY),
    "height": side,
    "highContrast": flag,
    "highResolution": flag,
    "imagePrompts": listed(optional(identity)),
    "imagePromptWeight": number(-ANY, ANY),
    "init_generation_image_id": identity,
    "init_image_id": identity,
    "init_strength": number(0.1, 0.9),
    "modelId": identity,
    "negative_prompt": text(TEXT_MOST),
    "num_images": whole(1, 8, says="too many images, or too few: {name} must be between {lowest} and {highest}"),
    "num_inference_steps": whole(10, 60),
    "photoReal": flag,
    "photoRealVersion": word("v1", "v2"),
    "photoRealStrength": one_of_numbers(0.55, 0.5, 0.45),
    "presetStyle": word(*PRESETS, kind="sd_generation_style"),
    "prompt": text(PROMPT_MOST),
    "promptMagic": flag,
    "promptMagicStrength": number(0.1, 1.0),
    "promptMagicVersion": word("v2", "v3"),
    "public": flag,
    "scheduler": word(*SAMPLERS, kind="sd_generation_schedulers"),
    "sd_version": word(*VERSIONS, kind="sd_versions"),
    "seed": whole(0, SEED_MOST),
    "tiling": flag,
    "transparency": word("disabled", "foreground_only", kind="TransparencyType"),
    "ultra": flag,
    "unzoom": flag,
    "unzoomAmount": number(0.01, UNZOOM_MOST),
    "upscaleRatio": number(0.0, ANY),
    "width": side,
    "controlNet": flag,
    "controlNetType": word("POSE", "CANNY", "DEPTH", kind="controlnet_type"),
    "weighting": number(0.0, ANY),
    "canvasRequest": flag,
    "canvasRequestType": word("INPAINT", "OUTPAINT", "SKETCH2IMG", "IMG2IMG", kind="canvasRequestType"),
    "canvasInitId": identity,
    "canvasMaskId": identity,
    "enhancePrompt": flag,
    "enhancePromptInstruction": text(TEXT_MOST),
    # Not in the reference, but in the guides of single models, and taken.
    "styleUUID": identity,
    "contextImages": listed(record(CONTEXT, needed=("id",))),
}

GENERATION: Table = {name: (name, reader) for name, reader in _READERS.items()}
"""A field keeps its name; what it means is read from it later."""

Asked = Mapping[str, Any]
"""A generation as it was asked for: the fields that were set, by this API's names."""
