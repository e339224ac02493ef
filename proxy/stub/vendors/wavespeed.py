"""WaveSpeed AI: submit, then poll the URL the submission returned; what went wrong stands in the answer's own `code`.

https://wavespeed.ai/docs/docs-api/wavespeed-ai/flux-dev and the pages beside it, one per model
https://wavespeed.ai/docs/error-codes  https://wavespeed.ai/docs/troubleshooting-guide
https://github.com/WaveSpeedAI/wavespeed-python
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Route, Script, Stub, bearer
from proxy.stub.rules import Rule, breach
from proxy.stub.world import Job, Stage, World, from_text, size_of

PREFIX = "/api/v3"
LISTS = {"images": 4, "reference_images": 3}
"""Pictures that stand in lists, and how many at most."""
SHAPES = {"1:1": (1024, 1024), "16:9": (1344, 768), "9:16": (768, 1344), "4:3": (1152, 864), "3:4": (864, 1152)}
RULES: dict[str, Rule] = {
    "prompt": str,
    "image": str,
    "mask_image": str,
    "images": list,
    "reference_images": list,
    "strength": (0.0, 1.0),
    "size": str,
    "num_inference_steps": range(1, 51),
    "guidance_scale": (0.0, 20.0),
    "num_images": range(1, 5),
    "seed": range(-1, 1 << 31),
    "output_format": ["jpeg", "png", "webp"],
    "loras": list,
    "style": ["Auto", "General", "Realistic", "Design"],
    "aspect_ratio": list(SHAPES),
    "safety_tolerance": ["1", "2", "3", "4", "5"],
    "face_enhance": bool,
    "enable_base64_output": bool,
    "enable_sync_mode": bool,
    "enable_safety_checker": bool,
}


class Model(Struct, frozen=True):
    """What a model takes. Names stand with spaces between."""

    needs: str
    takes: str = ""
    rules: dict[str, Rule] = {}
    """Where they are others than usual."""
    least_side: int = 256
    format: Format = Format.JPEG
    unit_price: float = 0.02


SENT = "enable_base64_output enable_sync_mode "
DRAWN = SENT + "output_format seed num_inference_steps guidance_scale num_images size enable_safety_checker "
OVER = "image mask_image strength loras"
FLUX = DRAWN + OVER
FILLED = "size num_inference_steps seed guidance_scale num_images loras enable_safety_checker"
TURBO = "image mask_image style aspect_ratio reference_images enable_base64_output enable_safety_checker"
SCHNELL: dict[str, Rule] = {"num_inference_steps": range(1, 9), "guidance_scale": (0.0, 10.0)}
MODELS = {
    "wavespeed-ai/flux-dev": Model("prompt", FLUX, least_side=512, unit_price=0.012),
    "wavespeed-ai/flux-schnell": Model("prompt", FLUX, SCHNELL, 512, unit_price=0.003),
    "wavespeed-ai/flux-fill-dev": Model("image mask_image prompt", FILLED, {"guidance_scale": (0.0, 100.0)}),
    "wavespeed-ai/flux-kontext-dev": Model("prompt image", DRAWN),
    "wavespeed-ai/flux-kontext-pro": Model(
        "prompt image", "guidance_scale safety_tolerance enable_sync_mode", {"guidance_scale": (1.0, 10.0)}
    ),
    "wavespeed-ai/qwen-image/text-to-image": Model("prompt", SENT + "size seed output_format"),
    "wavespeed-ai/qwen-image/edit": Model("prompt image", SENT + "size seed output_format"),
    "wavespeed-ai/flux-2-dev/edit": Model("prompt images", SENT + "size seed"),
    "wavespeed-ai/flux-2-klein-9b/edit": Model("prompt images", SENT + "size seed", unit_price=0.016),
    "ideogram-ai/ideogram-v3-turbo": Model("prompt", TURBO, format=Format.PNG),
    "wavespeed-ai/real-esrgan": Model(
        "image", "guidance_scale face_enhance", {"guidance_scale": (0.0, 10.0)}, format=Format.PNG
    ),
}


def refusal(code: int, message: str, status: int | None = None) -> Answer:
    """An error: what counts is the code inside, and some come with a status that says nothing is wrong."""
    return Answer(status=code if status is None else status, json={"code": code, "message": message})


def success(value: dict[str, Any]) -> Answer:
    """An answer with what was asked for."""
    return Answer(json={"code": 200, "message": "success", "data": value})


def submit(asked: Asked, world: World) -> Answer:
    """Take a job, or say what is wrong first."""
    name = asked.args["model"]
    model = MODELS.get(name)
    if model is None:
        return refusal(404, f"model {name} not found")
    if not isinstance(asked.json, dict):
        return refusal(400, "the request body must be a JSON object")
    body: dict[str, Any] = asked.json
    wrong = _wrong(body, model, world)
    if wrong is not None:
        return refusal(400, wrong)
    job = _taken(asked, model, body, world)
    job.more["echo"] = {"num_images": 1, "seed": job.seed, **body} | _shortened(body)
    return success(state(job, world, Stage.ENDED if body.get("enable_sync_mode") else Stage.WAITING))


def _wrong(body: dict[str, Any], model: Model, world: World) -> str | None:
    needs = model.needs.split()
    for name in needs:
        if not body.get(name):
            return f'property "{name}" is missing'
    for name, value in body.items():
        if name not in {*needs, *model.takes.split()}:
            return f'property "{name}" is unsupported'
        must = breach(value, {**RULES, **model.rules}[name])
        if must is not None:
            return f'property "{name}" must be {must}'
    sides = body.get("size", "1024*1024").split("*")
    if len(sides) != 2 or not all(side.isdecimal() and model.least_side <= int(side) <= 1536 for side in sides):
        return f'property "size" must be width*height, with {model.least_side} to 1536 pixels per dimension'
    if "mask_image" in body and "image" not in body:
        return 'property "image" is missing: a mask needs the picture it belongs to'
    for name, most in LISTS.items():
        if len(body.get(name, ())) > most:
            return f'property "{name}" must have at most {most} items'
    for text in (*(body[name] for name in ("image", "mask_image") if name in body), *_listed(body)):
        if _size(text, world) is None:
            return "failed to download or decode the input image"
    return None


def _listed(body: dict[str, Any]) -> list[Any]:
    return [text for name in LISTS for text in body.get(name, ())]


def _size(text: Any, world: World) -> tuple[int, int] | None:
    """Of a picture that is sent along, or lies among the uploads. The stub reaches nothing else."""
    place = f"{world.elsewhere}/media/"
    if not isinstance(text, str):
        return None
    if text.startswith(place):
        return size_of(world.kept(text.removeprefix(place)) or b"")
    return size_of(from_text(text)) if text.startswith("data:image/") else None


def _taken(asked: Asked, model: Model, body: dict[str, Any], world: World) -> Job:
    name = asked.args["model"]
    width, height = _size(body.get("image", next(iter(body.get("images", ())), None)), world) or (1024, 1024)
    if "size" in model.takes and (body.get("size") or "image" not in model.needs):
        width, height = (int(side) for side in body.get("size", "1024*1024").split("*"))
    elif name.endswith("real-esrgan"):  # the factor goes by a name of another model's
        factor = float(body.get("guidance_scale", 4))
        width, height = round(width * factor) or width, round(height * factor) or height
    elif name.endswith("kontext-pro"):
        scale = (1024**2 / (width * height)) ** 0.5
        width, height = (round(side * scale / 16) * 16 for side in (width, height))
    elif "aspect_ratio" in model.takes and "mask_image" not in body:
        width, height = SHAPES[body.get("aspect_ratio", "1:1")]
    return world.take(
        name,
        prompt=body.get("prompt", ""),
        width=width,
        height=height,
        count=body.get("num_images", 1),
        seed=body["seed"] if body.get("seed", -1) >= 0 else 20_250_825,
        format=Format(body.get("output_format", model.format)),
        script=asked.script,
        more={"inline": bool(body.get("enable_base64_output"))},
    )


def _shortened(body: dict[str, Any]) -> dict[str, str]:
    """The pictures of a body, which are not echoed in full."""
    return {name: body[name][:64] for name in ("image", "mask_image") if name in body}


def state(job: Job, world: World, stage: Stage) -> dict[str, Any]:
    """A prediction as it is shown; pictures stand in it when it is completed, flagged ones too."""
    refused = job.script == Script.MODERATED
    flags = "enable_safety_checker" in MODELS[job.model].takes  # the others are refused where they come from
    status = {Stage.WAITING: "created", Stage.RUNNING: "processing", Stage.ENDED: "completed"}[stage]
    code, error = 0, ""
    if stage is Stage.ENDED and job.script == Script.FAILED:
        status, code, error = "failed", 1405, "the task failed"
    elif stage is Stage.ENDED and refused and not flags:
        status, code, error = "failed", 1200, "the content contains sensitive information"
    indices = range(job.count if status == "completed" else 0)
    inline = job.more["inline"]
    return {
        "id": job.id,
        "model": job.model,
        "input": job.more["echo"],
        "outputs": [world.picture_text(job, index) if inline else world.link(job, index) for index in indices],
        "urls": {"get": f"{world.home}{PREFIX}/predictions/{job.id}/result"},
        "has_nsfw_contents": [refused for _ in indices],
        "status": status,
        "code": code,
        "error": error,
        "created_at": "2026-08-25T09:30:00.000Z",
        "executionTime": 1820 if indices else 0,
        "timings": {"inference": 1790 if indices else 0},
    }


def poll(asked: Asked, world: World) -> Answer:
    """How far a prediction is; one that failed is no error of this request."""
    job = world.job(asked.args["id"])
    return refusal(404, "prediction not found") if job is None else success(state(job, world, world.stage(job)))


def upload(asked: Asked, world: World) -> Answer:
    """Keep a file of a form; its URL can then stand for a picture."""
    files = asked.files("file")
    if not files:
        return refusal(400, "file is required")
    place = f"{world.elsewhere}/media/{world.keep(files[0].body)}"
    kept = {"type": "image", "download_url": place, "filename": files[0].filename, "size": len(files[0].body)}
    return success(kept)


def quote(asked: Asked, world: World) -> Answer:
    """What a request would cost."""
    body = asked.json if isinstance(asked.json, dict) else {}
    model = MODELS.get(body.get("model_id", ""))
    if model is None:
        return refusal(404, "model not found")
    count = body.get("inputs", {}).get("num_images", 1)
    return success({"model_id": body["model_id"], "unit_price": model.unit_price * count, "currency": "USD"})


def _uploaded(asked: Asked, world: World) -> Answer:
    kept = world.kept(asked.args["id"])
    return Answer(status=404) if kept is None else Answer(body=kept, mime="application/octet-stream")


STUB = Stub(
    prefix=PREFIX,
    routes=(
        Route("POST", f"{PREFIX}/media/upload/binary", upload),
        Route("POST", f"{PREFIX}/model/pricing", quote),
        Route("GET", f"{PREFIX}/predictions/{{id}}/result", poll),
        Route("GET", f"{PREFIX}/predictions/{{id}}", poll),
        Route("GET", f"{PREFIX}/balance", lambda asked, world: success({"balance": 10.0})),
        Route("GET", "/media/{id}", _uploaded, elsewhere=True),
        Route("POST", f"{PREFIX}/{{model+}}", submit, pays=True),
    ),
    key=bearer,
    refuses={
        Script.CREDENTIAL: refusal(401, "invalid authentication, please verify your API key"),
        Script.CREDIT: refusal(403, "insufficient credits, please top up your account", status=200),
        Script.THROTTLED: Answer(
            status=429,
            json={"code": 429, "message": "Too Many Requests: limits reset every minute"},
            headers={"retry-after": "60"},
        ),
        Script.UNAVAILABLE: refusal(503, "service temporarily unavailable"),
        Script.REJECTED: refusal(400, 'property "prompt" must have at least 1 character'),
    },
    unknown=refusal(404, "page not found"),
)
