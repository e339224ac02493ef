"""What is told of a request from before: exactly what official clients can read.

They know three states and a closed set of words for styles, schedulers and versions. One of them takes the whole
answer for empty where one leaf is wrong, the other refuses nulls where it expects a value. So a key whose value is not
known is left out, and counts are whole numbers.

https://docs.leonardo.ai/reference/getgenerationbyid
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from proxy.dialects.leonardo.models import known as model_of
from proxy.dialects.leonardo.parse import Recalled, recalled
from proxy.dialects.leonardo.table import HEIGHT, SCHEDULER, STEPS, WIDTH, Asked
from proxy.dialects.wants import Known

STATES: Mapping[str, str] = {"open": "PENDING", "done": "COMPLETE", "failed": "FAILED"}


def user_id(team: str) -> str:
    """The id a team has here: always the same, and shaped like every other."""
    return str(UUID(bytes=sha256(team.encode()).digest()[:16], version=4))


def moment(milliseconds: int, suffix: str = "") -> str:
    """A time as it is written here: to the millisecond, in UTC, without saying so."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}{suffix}"


def generation(known: Known, memory: Recalled, variations: Sequence[Known] = ()) -> dict[str, Any]:
    """A generation; `variations` may be of its pictures, or not."""
    asked = memory.asked
    told = {
        "generated_images": [_image(picture.id, picture.link, variations) for picture in known.pictures],
        "modelId": memory.model,
        "motion": None,
        "motionModel": None,
        "motionStrength": None,
        "prompt": asked.get("prompt", ""),
        "negativePrompt": asked.get("negative_prompt", ""),
        "imageHeight": asked.get("height", HEIGHT),
        "imageToVideo": None,
        "imageWidth": asked.get("width", WIDTH),
        "inferenceSteps": asked.get("num_inference_steps", STEPS),
        "seed": seed(known, asked),
        "ultra": asked.get("ultra"),
        "public": asked.get("public", False),
        "scheduler": asked.get("scheduler", SCHEDULER),
        "status": STATES[known.state],
        "presetStyle": asked.get("presetStyle"),
        "initStrength": asked.get("init_strength"),
        "guidanceScale": asked.get("guidance_scale"),
        "id": known.id,
        "createdAt": moment(known.created),
        "promptMagic": asked.get("promptMagic", False),
        "promptMagicVersion": asked.get("promptMagicVersion"),
        "promptMagicStrength": asked.get("promptMagicStrength"),
        "photoReal": asked.get("photoReal", False),
        "photoRealStrength": asked.get("photoRealStrength"),
        "fantasyAvatar": asked.get("fantasyAvatar"),
        "prompt_moderations": [{"moderationClassification": []}],
        "generation_elements": _elements(asked),
    }
    version = model_of(memory.model or "").version
    return told if version is None else told | {"sdVersion": version}


def variation(known: Known, memory: Recalled, *, listed: bool = True) -> dict[str, Any]:
    """A variation, as it is listed by its own id, or within its picture."""
    told = {
        "url": known.pictures[0].link if known.pictures else None,
        "status": STATES[known.state],
        "id": known.id,
        "transformType": memory.transform,
    }
    return told | {"createdAt": moment(known.created)} if listed else told


def seed(known: Known, asked: Asked) -> int | None:
    """The seed asked for, else that of the first picture, where it is known."""
    drawn = known.pictures[0].seed if known.pictures else None
    chosen: int | None = asked.get("seed", drawn)
    return chosen


def variations_of(picture: str, among: Iterable[Known]) -> list[dict[str, Any]]:
    """Those of some requests that are variations of a picture, by its id."""
    found = []
    for each in among:
        memory = recalled(each.recall)
        if memory is not None and memory.kind == "variation" and memory.of == picture:
            found.append(variation(each, memory, listed=False))
    return found


def _image(picture: str, link: str, variations: Sequence[Known]) -> dict[str, Any]:
    return {
        "url": link,
        "nsfw": False,
        "id": picture,
        "likeCount": 0,
        "motionMP4URL": None,
        "generated_image_variation_generics": variations_of(picture, variations),
    }


def _elements(asked: Asked) -> list[dict[str, Any]]:
    told = [({"akUUID": each["akUUID"]}, each) for each in asked.get("elements", ())]
    told += [({}, each) for each in asked.get("userElements", ())]
    return [
        {"id": place, "lora": lora, "weightApplied": each.get("weight", 1.0)}
        for place, (lora, each) in enumerate(told, 1)
    ]
