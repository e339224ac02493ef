"""Valid requests, for every route that takes a body. Ids of what a team has stand in them as `@name`.

A route of a dialect without an example here is still fuzzed, by what any route may understand; but a route that makes
pictures has one, or the test that walks them fails.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import httpx
from msgspec import Struct

from tests.pictures import jpeg, png

PHOTO, MASK = png(40, 32), png(40, 32, "white")
STUDIO, CLOUD = "/api/image-studio", "/api/rest/v1"


class File(bytes):
    """What is sent as a file of a form."""


class Example(Struct, frozen=True):
    """A body that is understood."""

    fields: Mapping[str, Any]
    form: bool = False


def url(body: bytes, mime: str = "image/png") -> str:
    """A data URL."""
    return f"data:{mime};base64,{base64.b64encode(body).decode()}"


def form(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """A form and its content type: lists are sent as fields that come again."""
    files: list[tuple[str, Any]] = []
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            files.append((name, ("a.png", bytes(each), "image/png") if isinstance(each, File) else (None, str(each))))
    request = httpx.Request("POST", "http://here/", files=files)
    return request.read(), request.headers.get("content-type", "multipart/form-data; boundary=x")


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with the ids in it."""
    if isinstance(value, Mapping):
        return {name: filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    return ids[value[1:]] if isinstance(value, str) and value.startswith("@") else value


SMALL = {"prompt": "A boat", "num_images": 1, "width": 64, "height": 64}
EDITING = {"image_base64": url(PHOTO), "output_format": "png", "options": {}}
STEERING = {"control_image_base64": url(PHOTO), "prompt": "Modern office interior", "control_strength": 0.8}

_OPENAI: dict[str, list[Example]] = {
    "POST /v1/images/generations": [
        Example({"model": "photo", "prompt": "A boat", "response_format": "b64_json"}),
        Example(
            {
                "model": "card",
                "prompt": "A boat",
                "n": 2,
                "size": "64x64",
                "quality": "high",
                "background": "opaque",
                "output_format": "webp",
                "output_compression": 80,
                "moderation": "low",
                "user": "u-1",
                "stream": False,
                "partial_images": 0,
                "style": "vivid",
            }
        ),
    ],
    "POST /v1/images/edits": [
        Example({"model": "photo", "prompt": "A boat", "image": File(PHOTO)}, form=True),
        Example(
            {
                "model": "photo",
                "prompt": "A boat",
                "image[]": [File(PHOTO), File(PHOTO)],
                "mask": File(png(40, 32, (0, 0, 0, 0))),
                "n": "1",
                "size": "64x64",
                "input_fidelity": "high",
            },
            form=True,
        ),
    ],
    "POST /v1/images/variations": [Example({"model": "photo", "image": File(PHOTO), "n": "1"}, form=True)],
}
_STUDIOLM: dict[str, list[Example]] = {
    "POST /v1/images/generations": [
        Example({"prompt": "A boat", "aspect_ratio": "square", "response_format": ["url", "b64_json"]}),
        Example(
            {
                "prompt": "A boat",
                "style": "upscaled",
                "aspect_ratio": "portrait",
                "response_format": "url",
                "user_selected_model": "card",
                "negative_prompt": "fog",
                "seed": 7,
                "disable_safety_checker": False,
                "force_prompt_enhancement": True,
                "reference_image": url(PHOTO),
                "denoising_strength": 0.5,
            }
        ),
    ],
}
_LEONARDO: dict[str, list[Example]] = {
    f"POST {CLOUD}/generations": [
        Example(SMALL),
        Example(
            {
                **SMALL,
                "modelId": "card",
                "negative_prompt": "fog",
                "num_images": 2,
                "num_inference_steps": 15,
                "guidance_scale": 7,
                "seed": 11,
                "scheduler": "EULER_DISCRETE",
                "presetStyle": "DYNAMIC",
                "alchemy": True,
                "contrast": 3.5,
                "public": False,
                "tiling": False,
                "init_image_id": "@init",
                "init_strength": 0.5,
                "enhancePrompt": True,
                "transparency": "disabled",
            }
        ),
        Example({**SMALL, "init_generation_image_id": "@picture", "init_strength": 0.5}),
        Example({**SMALL, "imagePrompts": ["@picture", "@init"], "imagePromptWeight": 0.5}),
        Example(
            {
                **SMALL,
                "controlnets": [
                    {"initImageId": "@init", "initImageType": "UPLOADED", "preprocessorId": 67, "strengthType": "Mid"}
                ],
                "elements": [{"akUUID": "e", "weight": 0.5}],
            }
        ),
        Example({**SMALL, "contextImages": [{"id": "@picture", "type": "GENERATED"}]}),
        Example(
            {
                **SMALL,
                "canvasRequest": True,
                "canvasRequestType": "INPAINT",
                "canvasInitId": "@canvas",
                "canvasMaskId": "@mask",
            }
        ),
        Example({**SMALL, "unzoom": True, "unzoomAmount": 0.5, "init_image_id": "@init"}),
    ],
    f"POST {CLOUD}/variations/upscale": [Example({"id": "@picture"})],
    f"POST {CLOUD}/variations/unzoom": [Example({"id": "@picture", "isVariation": False})],
    f"POST {CLOUD}/variations/nobg": [Example({"id": "@variation", "isVariation": True}), Example({"id": "@picture"})],
    f"POST {CLOUD}/variations/universal-upscaler": [
        Example(
            {
                "generatedImageId": "@picture",
                "upscalerStyle": "GENERAL",
                "creativityStrength": 5,
                "upscaleMultiplier": 1.5,
                "prompt": "A boat",
            }
        ),
        Example({"initImageId": "@init", "ultraUpscaleStyle": "ARTISTIC", "similarity": 4, "detailContrast": 4}),
        Example({"variationId": "@variation"}),
    ],
    f"POST {CLOUD}/init-image": [Example({"extension": "png"})],
    f"POST {CLOUD}/canvas-init-image": [Example({"initExtension": "png", "maskExtension": "png"})],
    f"POST {CLOUD}/uploads/{{token:str}}": [Example({"key": "k", "file": File(PHOTO)}, form=True)],
    f"POST {CLOUD}/pricing-calculator": [
        Example(
            {
                "service": "IMAGE_GENERATION",
                "serviceParams": {
                    "IMAGE_GENERATION": {
                        "imageHeight": 512,
                        "imageWidth": 512,
                        "numImages": 1,
                        "inferenceSteps": 10,
                        "alchemyMode": True,
                        "isPhoenix": False,
                    }
                },
            }
        )
    ],
}
_ALWRITY: dict[str, list[Example]] = {
    f"POST {STUDIO}/create": [
        Example(
            {
                "prompt": "Modern minimalist workspace with laptop",
                "template_id": "linkedin_post",
                "provider": "auto",
                "model": None,
                "style_preset": "photographic",
                "quality": "standard",
                "negative_prompt": "blurry, low quality",
                "num_variations": 1,
                "enhance_prompt": True,
                "use_persona": False,
            }
        ),
        Example(
            {
                "prompt": "A boat",
                "model": "card",
                "width": 64,
                "height": 64,
                "guidance_scale": 7.5,
                "steps": 40,
                "seed": 7,
                "num_variations": 2,
                "use_persona": True,
                "persona_id": "@persona",
            }
        ),
    ],
    f"POST {STUDIO}/edit/process": [
        Example({**EDITING, "operation": "remove_background"}),
        Example({**EDITING, "operation": "inpaint", "prompt": "A hat", "mask_base64": url(MASK), "seed": 7}),
        Example({**EDITING, "operation": "outpaint", "expand_left": 100, "expand_right": 0}),
        Example({**EDITING, "operation": "search_replace", "prompt": "A cat", "search_prompt": "the dog"}),
        Example({**EDITING, "operation": "relight", "background_image_base64": url(PHOTO)}),
        Example({**EDITING, "operation": "general_edit", "prompt": "Night", "mask_base64": url(MASK)}),
    ],
    f"POST {STUDIO}/upscale": [
        Example({"image_base64": url(PHOTO), "mode": "conservative", "target_width": 80, "prompt": "Sharp"}),
        Example({"image_base64": url(jpeg(64, 48), "image/jpeg"), "preset": "social"}),
    ],
    f"POST {STUDIO}/control/process": [
        Example({**STEERING, "operation": "sketch", "output_format": "png"}),
        Example({**STEERING, "operation": "style_transfer", "style_image_base64": url(PHOTO), "style_strength": 0.4}),
    ],
    f"POST {STUDIO}/estimate-cost": [
        Example(
            {
                "provider": "auto",
                "model": "card",
                "operation": "generate",
                "num_images": 2,
                "width": 64,
                "height": 64,
                "quality": "standard",
            }
        )
    ],
    f"POST {STUDIO}/edit/recommend": [
        Example({"operation": "inpaint", "image_resolution": {"width": 640, "height": 480}, "preferences": {}})
    ],
    f"PUT {STUDIO}/personas/{{id:str}}": [Example({"description": "Warm light."})],
    f"POST {STUDIO}/social/optimize": [
        Example(
            {
                "image_base64": url(PHOTO),
                "platforms": ["instagram", "tiktok"],
                "format_names": {},
                "crop_mode": "smart",
                "focal_point": {"x": 0.5, "y": 0.5},
                "show_safe_zones": True,
                "output_format": "jpg",
            }
        )
    ],
    f"POST {STUDIO}/compress": [
        Example(
            {
                "image_base64": url(PHOTO),
                "format": "jpeg",
                "quality": 80,
                "target_size_kb": 10,
                "strip_metadata": True,
                "progressive": True,
                "optimize": True,
            }
        )
    ],
    f"POST {STUDIO}/compress/batch": [Example({"images": [{"image_base64": url(PHOTO), "format": "webp"}]})],
    f"POST {STUDIO}/compress/estimate": [Example({"image_base64": url(PHOTO), "format": "png", "quality": 90})],
    f"POST {STUDIO}/convert-format": [
        Example({"image_base64": url(PHOTO), "target_format": "gif", "preserve_transparency": True, "quality": 80})
    ],
    f"POST {STUDIO}/convert-format/batch": [
        Example({"images": [{"image_base64": url(PHOTO), "target_format": "bmp", "color_space": "sRGB"}]})
    ],
    f"POST {STUDIO}/save-to-library": [
        Example({"image_base64": url(PHOTO), "prompt": "A boat", "provider": "p", "cost": 0.5, "output_format": "png"})
    ],
}
EXAMPLES: dict[str, dict[str, list[Example]]] = {
    "openai": _OPENAI,
    "studiolm": _STUDIOLM,
    "leonardo": _LEONARDO,
    "alwrity": _ALWRITY,
}
ANYTHING = [
    Example({"prompt": "A boat", "name": "Mine", "id": "@picture", "width": 64, "height": 64}),
    Example({"prompt": "A boat", "image": File(PHOTO)}, form=True),
]


def examples(dialect: str, method: str, path: str) -> list[Example]:
    """What a route takes; what any might understand, where nothing is said of it."""
    return EXAMPLES.get(dialect, {}).get(f"{method} {path}") or ANYTHING
