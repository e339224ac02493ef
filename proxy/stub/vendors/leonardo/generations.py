"""Pictures from words and from other pictures, and the canvas."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Script
from proxy.stub.vendors.leonardo.fields import CANVAS, GENERATION, GUIDE, Wrong, checked, cost, inner, size_kept
from proxy.stub.world import Job, Stage, World

DEFAULT_MODEL = "b24e16ff-06e3-43eb-8d33-4416c2d75876"
LIGHTNING = {DEFAULT_MODEL, "e71a1c2f-4f80-4800-934f-2c68979d8cc8"}
PHOENIX = {"de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3", "6b645e3a-d64f-4341-a6d8-7a3690fbf042"}
FLUX_DEV, FLUX_SCHNELL = "b2614463-296c-462a-9586-aafdb8f00e36", "1dd50843-d653-4516-a8e3-f0238ee453ff"
KONTEXT = "28aeddf8-bd19-4803-80fc-79602d1a9989"
LUCID = {"7b592283-e8a7-4c5a-9ba6-d18c31f258b9", "05ce0082-2d80-4a2d-8653-4d1c85e2418e"}
SDXL = LIGHTNING | {
    "16e7060a-803e-4df3-97ee-edcfa5dc9cc8",
    "aa77f04e-3eec-4034-9c07-d0f619684628",
    "5c232a9e-9061-4777-980a-ddc8e65647c6",
    "1e60896f-3c26-4296-8ecc-53e2afecc132",
    "2067ae52-33fd-4a82-bb92-c2c55e7d2786",
}
GUIDES: dict[str, tuple[set[int], set[int], set[int]]] = {
    **dict.fromkeys(SDXL, ({67}, {133, 100}, {19, 20, 21, 22})),
    **dict.fromkeys(PHOENIX, ({166}, {397, 364}, set())),
    **dict.fromkeys(LUCID, ({431}, {430}, set())),
    FLUX_DEV: ({299}, {233}, set()),
    FLUX_SCHNELL: ({298}, {232}, set()),
    KONTEXT: (set(), set(), set()),
}
"""By model: the controlnets for style, those for characters and content, and those that take a weight."""
_SHOWN = ("UPLOADED", "GENERATED")
CREDITS = dict.fromkeys(GUIDES, 11) | dict.fromkeys({*LIGHTNING, *LUCID, FLUX_DEV}, 8) | {FLUX_SCHNELL: 2}


def generate(asked: Asked, world: World) -> Answer:
    """Take a job of pictures from words, perhaps from others that were uploaded or generated before."""
    try:
        body = checked(asked.json, GENERATION, "sdGenerationJob", "prompt")
        model = body.get("modelId", DEFAULT_MODEL)
        if len(body["prompt"]) > 1500:
            raise Wrong("Invalid prompt, maximum length of 1500 characters exceeded.")
        if model not in GUIDES:
            raise Wrong(
                f"{model} is not supported within the Production API. Please try again with a different model ID."
            )
        canvas = _canvas(body, model, world) if body.get("canvasRequest") else None
        if canvas is None:
            _features(body, model)
            _guides(body, model, world)
        width, height = (body.get("width", 1024), body.get("height", 768)) if canvas is None else canvas[:2]
        count = body.get("num_images", 4)
        if width % 8 or height % 8:
            raise Wrong("invalid dimensions")
        if count > (_at_once(width, height) if canvas else 4 if max(width, height) > 768 else 8):
            raise Wrong("Too many images")
    except Wrong as wrong:
        return wrong.answer
    job = world.take(
        model,
        prompt=body["prompt"],
        width=width,
        height=height,
        count=count,
        seed=body.get("seed", 8_827_082_104),
        format=Format.PNG if body.get("transparency") == "foreground_only" else Format.JPEG,
        script="failed" if canvas and not canvas[2] else asked.script,
    )
    credit = max(1, round(CREDITS[model] * count * width * height / (832 * 1216)))
    return Answer(json={"sdGenerationJob": {"generationId": job.id, **cost(credit)}})


def _features(body: dict[str, Any], model: str) -> None:
    """What does not go with what."""
    if body.get("alchemy") and (body.get("ultra") or model in LUCID):
        raise Wrong("Alchemy is not supported for this request")
    if body.get("contrast", 3.5) not in (1, 1.3, 1.8, 2.5, 3, 3.5, 4, 4.5):
        raise Wrong("invalid contrast")
    if model in PHOENIX and body.get("alchemy", True) and body.get("contrast", 3.5) < 2.5:
        raise Wrong("invalid contrast")
    if model in {FLUX_DEV, FLUX_SCHNELL, KONTEXT} and body.get("seed", 0) > 2_147_483_637:
        raise Wrong("invalid seed")
    if body.get("init_strength", 0.5) < 0.1:
        raise Wrong("invalid init_strength")


def _guides(body: dict[str, Any], model: str, world: World) -> None:
    """Every picture a generation leans on must be there, as what it is said to be."""
    for field, kind in (("init_image_id", "UPLOADED"), ("init_generation_image_id", "GENERATED")):
        if field in body:
            size_kept(world, body[field], kind, of=(kind,))
    contexts = body.get("contextImages", [])
    if contexts and (model != KONTEXT or len(contexts) > 4):
        raise Wrong("invalid contextImages")
    for context in map(inner, contexts):
        size_kept(world, context.get("id"), context.get("type"), of=_SHOWN)
    looks, likeness, weighed = GUIDES[model]
    for guide in map(inner, body.get("controlnets", [])):
        if guide.keys() - GUIDE:
            raise Wrong(f"Unexpected variable {min(guide.keys() - GUIDE)}", "bad-request")
        size_kept(world, guide.get("initImageId"), guide.get("initImageType"), of=_SHOWN)
        known, strength = guide.get("preprocessorId"), guide.get("strengthType")
        if known not in looks | likeness | weighed:
            raise Wrong("Invalid preprocessor ID for the selected model")
        legal = {"Low", "Mid", "High", "Ultra", "Max"} if known in looks else {"Low", "Mid", "High"}
        if strength is not None and (known in weighed or strength not in legal or guide.get("weight") is not None):
            raise Wrong("invalid strengthType")


def _canvas(body: dict[str, Any], model: str, world: World) -> tuple[int, int, bool]:
    """The size of a canvas, and whether its mask has it too, without which the job is taken and fails."""
    odd = {name for name in body.keys() - CANVAS if body[name] is not False}
    if odd or model in LIGHTNING | PHOENIX or "canvasRequestType" not in body:
        raise Wrong(f"Not compatible with Canvas: {', '.join(sorted(odd)) or model}")
    width, height = size_kept(world, body.get("canvasInitId"), "CANVAS", of=("CANVAS",))
    if width % 8 or height % 8 or max(width, height) > 1536:
        raise Wrong("invalid dimensions")
    mask = size_kept(world, body.get("canvasMaskId"), "CANVAS", of=("CANVAS",))
    return width, height, mask == (width, height)


def _at_once(width: int, height: int) -> int:
    return 8 if max(width, height) <= 768 else 4 if width * height <= 768 * 1024 else 2


def generation(asked: Asked, world: World) -> Answer:
    """How far a generation is: nothing at first, as of one that is not known."""
    job = world.job(asked.args["id"])
    stage = Stage.WAITING if job is None or "transform" in job.more else world.stage(job)
    if job is None or stage is Stage.WAITING:
        return Answer(json={"generations_by_pk": None})
    failed = job.script == Script.FAILED
    status = "PENDING" if stage is Stage.RUNNING else "FAILED" if failed else "COMPLETE"
    images = [_image(job, index, world) for index in range(job.count)] if status == "COMPLETE" else []
    told = {"id": job.id, "status": status, "generated_images": images, "prompt": job.prompt, "seed": job.seed}
    told |= {"imageWidth": job.width, "imageHeight": job.height, "createdAt": "2026-11-21T10:42:59.533"}
    return Answer(json={"generations_by_pk": told | {"generation_elements": [], "public": False, "ultra": None}})


def _image(job: Job, index: int, world: World) -> dict[str, Any]:
    name = str(UUID(bytes=sha256(f"{job.id} {index}".encode()).digest()[:16], version=4))
    if world.kept(f"GENERATED {name}") is None:
        world.fill(f"GENERATED {name}", world.picture(job, index))
    told = {"id": name, "url": world.link(job, index), "nsfw": False, "likeCount": 0, "motionMP4URL": None}
    return told | {"generated_image_variation_generics": []}
