"""fal: a queue that takes anything; what was wrong is told where the result would be, once the job has completed.

https://fal.ai/docs/documentation/model-apis/inference/queue  https://fal.ai/docs/documentation/model-apis/errors
https://github.com/fal-ai/fal-js for what each endpoint takes
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from msgspec import Struct

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Route, Script, Stub, bearer
from proxy.stub.rules import Rule, breach
from proxy.stub.world import Job, Stage, World, from_text, size_of

Size = tuple[int, int]
SIZES = {
    "square_hd": (1024, 1024), "square": (512, 512),
    "portrait_4_3": (768, 1024), "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768), "landscape_16_9": (1024, 576),
}  # fmt: skip
WIDE = ["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"]
BANANA = ["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]
AREAS = {"0.5K": 512**2, "1K": 1024**2, "2K": 2048**2, "4K": 4096**2}
FLAGS = "sync_mode enable_safety_checker enhance_prompt raw limit_generations enable_web_search expand_prompt auto_fix"
FLAGS += " use_turbo use_real_cfg enable_prompt_expansion output_mask refine_foreground mask_only"
TEXTS = "prompt negative_prompt image_url mask_url reference_image_url system_prompt style_preset style_id"
RULES: dict[str, Rule] = {
    **dict.fromkeys(FLAGS.split(), bool),
    **dict.fromkeys(TEXTS.split(), str),
    **dict.fromkeys(["image_urls", "style_codes", "loras", "colors"], list),
    "color_palette": dict,
    "num_images": range(1, 5),
    "num_inference_steps": range(1, 51),
    "guidance_scale": (0.0, 20.0),
    "image_prompt_strength": (0.0, 1.0),
    "strength": (0.01, 1.0),
    "seed": int,
    "output_format": ["jpeg", "png"],
    "acceleration": ["none", "regular", "high"],
    "safety_tolerance": ["1", "2", "3", "4", "5", "6"],
    "aspect_ratio": WIDE,
    "resolution": ["1K", "2K", "4K"],
    "rendering_speed": ["TURBO", "BALANCED", "QUALITY"],
    "style": ["AUTO", "GENERAL", "REALISTIC", "DESIGN"],
    "model": ["General Use (Light)", "General Use (Heavy)", "Portrait"],
    "operating_resolution": ["1024x1024", "2048x2048"],
    "thinking_level": ["minimal", "high"],
    "scheduler": ["euler", "dpmpp_2m"],
}


class Endpoint(Struct, frozen=True):
    """What an endpoint takes. Names stand with spaces between."""

    needs: str
    takes: str
    rules: dict[str, Rule] = {}
    """Where they are others than usual."""
    format: Format = Format.JPEG
    flags: bool = True
    """Whether its answers say what shows something unsafe; the others refuse it."""
    by_area: bool = False
    """Whether it is billed by the megapixel."""

    @property
    def default(self) -> str:
        """The size where none is asked for."""
        if "rendering_speed" in self.takes or "style_id" in self.takes:
            return "square_hd"
        return "auto" if "url" in self.needs else "landscape_4_3"


DRAWN = "num_images seed output_format sync_mode "
SAFE = DRAWN + "image_size enable_safety_checker "
STEPS = SAFE + "num_inference_steps guidance_scale acceleration "
PRO = DRAWN + "safety_tolerance enhance_prompt "
KONTEXT = PRO + "aspect_ratio guidance_scale"
FLUX_2_PRO = "image_size seed output_format sync_mode safety_tolerance enable_safety_checker"
BY_SHAPE = DRAWN + "aspect_ratio safety_tolerance limit_generations "
BY_RESOLUTION = BY_SHAPE + "resolution enable_web_search system_prompt "
IDEOGRAM = "num_images seed sync_mode image_size negative_prompt image_urls rendering_speed style style_codes "
IDEOGRAM += "color_palette expand_prompt"
GENERAL = SAFE + "num_inference_steps guidance_scale negative_prompt strength scheduler loras use_real_cfg"
CUT = "model operating_resolution output_format output_mask refine_foreground sync_mode"
FIVE: dict[str, Rule] = {"safety_tolerance": ["1", "2", "3", "4", "5"]}
ANY_RASTER: dict[str, Rule] = {"output_format": ["jpeg", "png", "webp"]}
FIRST: dict[str, Rule] = {**ANY_RASTER, "aspect_ratio": BANANA}
NEXT: dict[str, Rule] = {**ANY_RASTER, "aspect_ratio": ["auto", *BANANA]}
LONG: dict[str, Rule] = {"aspect_ratio": ["auto", *BANANA, "4:1", "1:4", "8:1", "1:8"], "resolution": list(AREAS)}
LONG |= ANY_RASTER
MANY: dict[str, Rule] = {"num_images": range(1, 9)}
LONG_STEPS: dict[str, Rule] = {"num_inference_steps": range(2, 251)}
CUT_OUT: dict[str, Rule] = {"output_format": ["png", "webp"]}  # gif too, which the stub cannot draw
PNG = Format.PNG
ENDPOINTS = {
    "fal-ai/flux/dev": Endpoint("prompt", STEPS, by_area=True),
    "fal-ai/flux/schnell": Endpoint("prompt", STEPS, {"num_inference_steps": range(1, 13)}, by_area=True),
    "fal-ai/flux-pro/v1.1": Endpoint("prompt", PRO + "image_size", by_area=True),
    "fal-ai/flux-pro/v1.1-ultra": Endpoint("prompt", PRO + "aspect_ratio raw image_url image_prompt_strength"),
    "fal-ai/flux-pro/kontext": Endpoint("prompt image_url", KONTEXT),
    "fal-ai/flux-pro/kontext/max": Endpoint("prompt image_url", KONTEXT),
    "fal-ai/flux-pro/kontext/multi": Endpoint("prompt image_urls", KONTEXT),
    "fal-ai/flux-pro/kontext/max/multi": Endpoint("prompt image_urls", KONTEXT),
    "fal-ai/flux-pro/v1/fill": Endpoint("prompt image_url mask_url", PRO, by_area=True),
    "fal-ai/flux-2-pro": Endpoint("prompt", FLUX_2_PRO, FIVE, flags=False, by_area=True),
    "fal-ai/flux-2-pro/edit": Endpoint("prompt image_urls", FLUX_2_PRO, FIVE, flags=False, by_area=True),
    "fal-ai/flux-2-max": Endpoint("prompt", FLUX_2_PRO, FIVE, flags=False, by_area=True),
    "fal-ai/flux-2-max/edit": Endpoint("prompt image_urls", FLUX_2_PRO, FIVE, flags=False, by_area=True),
    "fal-ai/flux-2/edit": Endpoint(
        "prompt image_urls", STEPS + "enable_prompt_expansion", ANY_RASTER, PNG, by_area=True
    ),
    "fal-ai/flux-2/klein/9b/edit": Endpoint(
        "prompt image_urls", SAFE + "num_inference_steps", ANY_RASTER, PNG, by_area=True
    ),
    "fal-ai/flux-general/inpainting": Endpoint("prompt image_url mask_url", GENERAL, format=PNG, by_area=True),
    "fal-ai/ideogram/v3": Endpoint("prompt", IDEOGRAM + " style_preset", MANY, PNG, flags=False),
    "fal-ai/ideogram/v3/remix": Endpoint("prompt image_url", IDEOGRAM + " strength", MANY, PNG, flags=False),
    "fal-ai/recraft/v3/text-to-image": Endpoint(
        "prompt", "image_size style style_id colors enable_safety_checker", {"style": str}, Format.WEBP, flags=False
    ),
    "fal-ai/qwen-image": Endpoint("prompt", STEPS + "negative_prompt loras use_turbo", LONG_STEPS, PNG, by_area=True),
    "fal-ai/qwen-image-edit": Endpoint("prompt image_url", STEPS + "negative_prompt", LONG_STEPS, PNG, by_area=True),
    "fal-ai/stable-diffusion-v35-medium": Endpoint(
        "prompt", SAFE + "num_inference_steps guidance_scale negative_prompt auto_fix", by_area=True
    ),
    "fal-ai/stable-diffusion-v35-large": Endpoint(
        "prompt", SAFE + "num_inference_steps guidance_scale negative_prompt loras", by_area=True
    ),
    "fal-ai/birefnet": Endpoint("image_url", CUT, CUT_OUT, PNG, flags=False),
    "fal-ai/birefnet/v2": Endpoint("image_url", CUT + " mask_only", CUT_OUT, PNG, flags=False),
}
for _names, _takes, _first, _next in (
    ("gemini-25-flash-image nano-banana", BY_SHAPE, FIRST, NEXT),
    ("gemini-3-pro-image-preview nano-banana-pro", BY_RESOLUTION, NEXT, NEXT),
    ("gemini-3.1-flash-image-preview nano-banana-2", BY_RESOLUTION + "thinking_level", LONG, LONG),
):
    for _name in _names.split():
        ENDPOINTS[f"fal-ai/{_name}"] = Endpoint("prompt", _takes, _first, PNG, flags=False)
        ENDPOINTS[f"fal-ai/{_name}/edit"] = Endpoint("prompt image_urls", _takes, _next, PNG, flags=False)


def problem(field: str, kind: str, said: str) -> dict[str, Any]:
    """One thing that is wrong."""
    url = f"https://docs.fal.ai/errors#{kind}"
    return {"loc": ["body", field] if field else ["body"], "msg": said, "type": kind, "url": url}


def submit(asked: Asked, world: World) -> Answer:
    """Put a job into the queue, whatever it says."""
    job = taken(asked, asked.args["endpoint"], world)
    if job is None:
        return Answer(status=404, json={"detail": f"Application '{asked.args['endpoint']}' not found"})
    return Answer(json=queued(job, world, Stage.WAITING))


def taken(asked: Asked, name: str, world: World, also: frozenset[str] = frozenset()) -> Job | None:
    """A job for an endpoint, or None where there is no such endpoint. It may be told to fail; fields in `also` pass."""
    endpoint = ENDPOINTS.get(name)
    if endpoint is None:
        return None
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    wrong = list(_wrong(body, endpoint, also))
    if asked.script == Script.REJECTED:
        wrong.append(problem("prompt", "string_too_short", "String should have at least 1 character"))
    if asked.script == Script.MODERATED and not endpoint.flags:
        wrong.append(problem("prompt", "content_policy_violation", "The content could not be processed: it is flagged"))
    width, height = (1024, 1024) if wrong else _size(body, endpoint)
    return world.take(
        name,
        prompt=body.get("prompt", ""),
        width=width,
        height=height,
        count=1 if wrong else body.get("num_images", 1),
        seed=body.get("seed") if isinstance(body.get("seed"), int) else 763_912,
        format=endpoint.format if wrong else Format(body.get("output_format", endpoint.format)),
        clear="birefnet" in name,
        script=asked.script,
        more={"wrong": wrong, "inline": body.get("sync_mode") is True},
    )


def _wrong(body: dict[str, Any], endpoint: Endpoint, also: frozenset[str]) -> Iterator[dict[str, Any]]:
    needs = endpoint.needs.split()
    yield from (problem(name, "missing", "Field required") for name in needs if not body.get(name))
    for name, value in body.items():
        if name == "image_size" and name in endpoint.takes:
            if not _legal(value, "image_urls" in needs):
                yield problem(name, "value_error", f"Input should be {', '.join(SIZES)} or a width and a height")
        elif name not in {*needs, *endpoint.takes.split(), *also}:
            yield problem(name, "extra_forbidden", "Extra inputs are not permitted")
        elif (must := breach(value, {**RULES, **endpoint.rules}[name])) is not None:
            yield problem(name, "value_error", f"Input should be {must}")
    for name, text in _pictures(body):
        if size_of(from_text(text) if isinstance(text, str) and text.startswith("data:") else b"") is None:
            yield problem(name, "file_download_error", "Failed to download the file or to decode it")
    sizes = {size_of(from_text(body[name])) for name in ("image_url", "mask_url") if isinstance(body.get(name), str)}
    if needs[-1] == "mask_url" and "safety_tolerance" in endpoint.takes and len(sizes) > 1:
        yield problem("mask_url", "value_error", "The mask needs to match the dimensions of the input image")


def _legal(value: Any, edits: bool) -> bool:
    if isinstance(value, dict):
        return value.keys() <= {"width", "height"} and not any(
            breach(side, range(1, 14_143)) for side in value.values()
        )
    return value in SIZES or (edits and value == "auto")


def _pictures(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((name, body[name]) for name in ("image_url", "mask_url") if name in body)
    several = body.get("image_urls")
    yield from (("image_urls", text) for text in several) if isinstance(several, list) else ()


def _size(body: dict[str, Any], endpoint: Endpoint) -> Size:
    follows = next((size_of(from_text(text)) for _, text in _pictures(body)), None)
    wanted = body.get("image_size", endpoint.default)
    if isinstance(wanted, dict):
        return wanted.get("width", 512), wanted.get("height", 512)
    if "aspect_ratio" in endpoint.takes:
        shape = body.get("aspect_ratio", "auto")
        across, down = (1, 1) if shape == "auto" else (int(side) for side in shape.split(":"))
        if shape == "auto" and follows is not None:
            across, down = follows
        area = 2048**2 if "raw" in endpoint.takes.split() else AREAS[body.get("resolution", "1K")]
        scale = (area / (across * down)) ** 0.5
        return round(across * scale / 32) * 32, round(down * scale / 32) * 32
    return follows or SIZES["square_hd"] if wanted == "auto" else SIZES[wanted]


def queued(job: Job, world: World, stage: Stage) -> dict[str, Any]:
    """How far a job is. Its URLs carry the owner and the app alone, and not the rest of the endpoint's path."""
    place = f"{world.home}/{'/'.join(job.model.split('/')[:2])}/requests/{job.id}"
    said = {
        "request_id": job.id,
        "response_url": place,
        "status_url": f"{place}/status",
        "cancel_url": f"{place}/cancel",
    }
    if stage is Stage.WAITING:
        return {"status": "IN_QUEUE", "queue_position": 0, **said}
    if stage is Stage.RUNNING:
        return {"status": "IN_PROGRESS", "logs": [], **said}
    return {"status": "COMPLETED", "logs": [], "metrics": {"inference_time": 1.62}, **said}


def found(asked: Asked, world: World) -> Job | None:
    """The job of a URL, which must name the app it ran in."""
    job = world.job(asked.args["id"])
    return job if job is not None and job.model.split("/")[:2] == [asked.args["owner"], asked.args["app"]] else None


GONE = Answer(status=404, json={"detail": "Request not found"})


def status(asked: Asked, world: World) -> Answer:
    """How far a job is; one that failed has completed."""
    job = found(asked, world)
    if job is None:
        return GONE
    stage = world.stage(job)
    return Answer(status=200 if stage is Stage.ENDED else 202, json=queued(job, world, stage))


def result(asked: Asked, world: World) -> Answer:
    """What became of a job."""
    job = found(asked, world)
    if job is None:
        return GONE
    if world.stage(job) is not Stage.ENDED:
        return Answer(status=400, json={"detail": "Request is still in progress"})
    return outcome(job, world)


def outcome(job: Job, world: World) -> Answer:
    """The pictures of a job, or what was wrong with it."""
    headers = {"x-fal-request-id": job.id, "x-fal-retryable": "false"}
    if job.more["wrong"]:
        return Answer(status=422, json={"detail": job.more["wrong"]}, headers=headers)
    if job.script == Script.FAILED:
        return Answer(
            status=500,
            json={"detail": [problem("", "internal_server_error", "Internal server error")]},
            headers=headers,
        )
    endpoint = ENDPOINTS[job.model]
    pictures = [_picture(job, world, index) for index in range(job.count)]
    units = job.count * (max(1, ceil(job.width * job.height / 1024**2)) if endpoint.by_area else 1)
    headers = {"x-fal-request-id": job.id, "x-fal-billable-units": str(units)}
    if "birefnet" in job.model:
        return Answer(json={"image": pictures[0]}, headers=headers)
    said: dict[str, Any] = {"images": pictures}
    if endpoint.flags:
        refused = job.script == Script.MODERATED
        said |= {"has_nsfw_concepts": [refused] * job.count, "prompt": job.prompt, "timings": {"inference": 1.62}}
    if "limit_generations" in endpoint.takes:
        said["description"] = ""
    elif "seed" in endpoint.takes:
        said["seed"] = job.seed
    return Answer(json=said, headers=headers)


def _picture(job: Job, world: World, index: int) -> dict[str, Any]:
    inline = job.more["inline"]
    url = f"data:{job.format.mime};base64,{world.picture_text(job, index)}" if inline else world.link(job, index)
    return {"url": url, "width": job.width, "height": job.height, "content_type": job.format.mime}


def cancel(asked: Asked, world: World) -> Answer:
    """Ask for a job to be stopped; the stub's jobs go on, as those that run may."""
    job = found(asked, world)
    if job is None:
        return Answer(status=404, json={"status": "NOT_FOUND"})
    ended = world.stage(job) is Stage.ENDED
    return Answer(
        status=400 if ended else 202, json={"status": "ALREADY_COMPLETED" if ended else "CANCELLATION_REQUESTED"}
    )


STUB = Stub(
    routes=(
        Route("GET", "/{owner}/{app}/requests/{id}/status", status),
        Route("GET", "/{owner}/{app}/requests/{id}", result),
        Route("PUT", "/{owner}/{app}/requests/{id}/cancel", cancel),
        Route("POST", "/{endpoint+}", submit, pays=True),
    ),
    key=lambda asked: bearer(asked, "Key"),
    refuses={
        Script.CREDENTIAL: Answer(
            status=401, json={"detail": "Authentication is required to access this application."}
        ),
        Script.CREDIT: Answer(
            status=403,
            json={
                "detail": "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
            },
        ),
        Script.THROTTLED: Answer(status=429, json={"detail": "Rate limit exceeded"}, headers={"retry-after": "1"}),
        Script.UNAVAILABLE: Answer(
            status=503,
            json={"detail": "No runner could be allocated", "error_type": "runner_scheduling_failure"},
            headers={"x-fal-error-type": "runner_scheduling_failure"},
        ),
    },
)
