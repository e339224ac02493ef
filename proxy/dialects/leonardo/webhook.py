"""What is sent to a caller's own address when a generation is done.

https://docs.leonardo.ai/docs/guide-to-the-webhook-callback-feature
"""

from __future__ import annotations

from typing import Any

from proxy.dialects.contract import Ended
from proxy.dialects.leonardo.credits import credits_for, rate
from proxy.dialects.leonardo.models import known as model_of
from proxy.dialects.leonardo.parse import Recalled, recalled
from proxy.dialects.leonardo.shapes import STATES, moment, seed, user_id
from proxy.dialects.leonardo.table import HEIGHT, IMAGES, SCHEDULER, STEPS, WIDTH, Asked
from proxy.dialects.wants import Known, Pictured

DONE, FAILED = "image_generation.complete", "image_generation.failed"
"""Only the first is documented; a failure needs a word of its own, or a caller would wait for ever."""
AS_SENT = (
    *("alchemy", "contrastRatio", "highResolution", "expandedDomain", "unzoom", "unzoomAmount", "presetStyle"),
    *("promptMagicVersion", "promptMagicStrength", "photoRealStrength"),
)
"""Fields that go back under the names they came with, null where they did not come."""


def finished(known: Known, ended: Ended) -> dict[str, Any] | None:
    """The message for a generation that is done or failed; None for anything else."""
    memory = recalled(known.recall)
    if memory is None or memory.kind != "generation" or known.state == "open":
        return None
    price = credits_for(ended.charged, rate(ended.options))
    return {
        "type": DONE if known.state == "done" else FAILED,
        "object": "generation",
        "timestamp": _ended(known),
        "api_version": "v1",
        "data": {"object": _object(known, memory, user_id(ended.team), price)},
    }


def _object(known: Known, memory: Recalled, user: str, price: int) -> dict[str, Any]:
    asked = memory.asked
    drawn = seed(known, asked)
    return {
        "id": known.id,
        "createdAt": moment(known.created, "Z"),
        "updatedAt": moment(_ended(known), "Z"),
        "userId": user,
        "public": asked.get("public", False),
        "flagged": False,
        "nsfw": False,
        "status": STATES[known.state],
        "coreModel": "SD",
        "guidanceScale": asked.get("guidance_scale"),
        "imageHeight": asked.get("height", HEIGHT),
        "imageWidth": asked.get("width", WIDTH),
        "inferenceSteps": asked.get("num_inference_steps", STEPS),
        **_inputs(asked),
        "modelId": memory.model,
        "negativePrompt": asked.get("negative_prompt", ""),
        "prompt": asked.get("prompt", ""),
        "quantity": asked.get("num_images", IMAGES),
        "sdVersion": model_of(memory.model or "").version,
        "tiling": asked.get("tiling", False),
        "tokenCost": 0,
        "negativeStylePrompt": "",
        "seed": None if drawn is None else str(drawn),
        "scheduler": asked.get("scheduler", SCHEDULER),
        "promptMagic": asked.get("promptMagic", False),
        "photoReal": asked.get("photoReal", False),
        "highContrast": asked.get("highContrast", False),
        **{name: asked.get(name) for name in AS_SENT},
        "api": True,
        "apiDollarCost": str(price),
        "model": {"id": memory.model, "name": model_of(memory.model or "").name or memory.model},
        "images": [_image(picture, known, user) for picture in known.pictures],
    }


def _inputs(asked: Asked) -> dict[str, Any]:
    return {
        "initGeneratedImageId": asked.get("init_generation_image_id"),
        "initImageId": asked.get("init_image_id"),
        "initStrength": asked.get("init_strength"),
        "imagePromptStrength": asked.get("imagePromptWeight"),
        "imageToImage": "init_generation_image_id" in asked or "init_image_id" in asked,
        "controlnetsUsed": bool(asked.get("controlnets") or asked.get("controlNet")),
        "canvasRequest": asked.get("canvasRequest", False),
        "canvasInitImageId": asked.get("canvasInitId"),
        "canvasMaskImageId": asked.get("canvasMaskId"),
    }


def _image(picture: Pictured, known: Known, user: str) -> dict[str, Any]:
    return {
        "id": picture.id,
        "createdAt": moment(_ended(known), "Z"),
        "updatedAt": moment(_ended(known), "Z"),
        "userId": user,
        "url": picture.link,
        "generationId": known.id,
        "nobgId": None,
        "nsfw": False,
        "likeCount": 0,
        "trendingScore": 0,
        "public": False,
    }


def _ended(known: Known) -> int:
    return known.created if known.finished is None else known.finished
