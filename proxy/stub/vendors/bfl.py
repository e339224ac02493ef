"""Black Forest Labs: submit, then poll the URL the submission returned, at a regional host.

https://docs.bfl.ai/  `/v1/get_result` at the usual host does not know jobs that run in a region.
"""

from __future__ import annotations

from typing import Any

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Route, Script, Stub
from proxy.stub.world import Job, Stage, World, from_text, size_of

_ANY = {"prompt", "seed", "output_format", "safety_tolerance", "prompt_upsampling", "webhook_url", "webhook_secret"}
_ANY |= {"user", "disable_pup"}
_SIZED = _ANY | {"width", "height"}
_KONTEXT = _ANY | {"aspect_ratio"} | {f"input_image{place}" for place in ("", "_2", "_3", "_4")}
_FLUX_2 = _SIZED | {f"input_image{place}" for place in ("", *(f"_{number}" for number in range(2, 9)))}
_SAMPLED = {"steps", "guidance"}

ROUTES: dict[str, tuple[set[str], set[str], str | None]] = {
    "flux-pro-1.1": (_SIZED | {"image_prompt"}, {"prompt"}, "4"),
    "flux-dev": (_SIZED | _SAMPLED | {"image_prompt"}, {"prompt"}, None),
    "flux-pro-1.1-ultra": (
        _ANY | {"aspect_ratio", "raw", "image_prompt", "image_prompt_strength"},
        {"prompt"},
        None,
    ),
    "flux-kontext-pro": (_KONTEXT, {"prompt"}, "4"),
    "flux-kontext-max": (_KONTEXT, {"prompt"}, "8"),
    "flux-2-pro": (_FLUX_2, {"prompt"}, "3"),
    "flux-2-max": (_FLUX_2, {"prompt"}, "7"),
    "flux-2-flex": (_FLUX_2 | _SAMPLED, {"prompt"}, "5"),
    "flux-2-klein-4b": (_FLUX_2, {"prompt"}, "1.4"),
    "flux-2-klein-9b": (_FLUX_2, {"prompt"}, "1.5"),
    "flux-pro-1.0-fill": (_ANY | _SAMPLED | {"image", "mask"}, {"image"}, None),
    "flux-pro-1.0-expand": (
        _ANY | _SAMPLED | {"image", "top", "bottom", "left", "right"},
        {"image"},
        None,
    ),
    "flux-tools/erase-v1": (_ANY | {"image", "mask", "dilate_pixels"}, {"image", "mask"}, "3"),
    "flux-tools/outpainting-v1": (
        _SIZED | {"input_image", "reference_offset_x", "reference_offset_y", "mode"},
        {"input_image", "width", "height"},
        "4.5",
    ),
}
"""By model: the fields it takes, those it needs, and the credits it states with the job; FLUX.1 does so at its end."""


def submit(asked: Asked, world: World) -> Answer:
    """Take a job, or name the fields that are wrong the way FastAPI does."""
    known = ROUTES.get(asked.args["model"])
    if known is None:
        return Answer(status=404, json={"detail": "Not Found"})
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    fields, needed, cost = known
    wrong = [("missing", name, "Field required") for name in sorted(needed - body.keys())]
    wrong += [("extra_forbidden", name, "Extra inputs are not permitted") for name in sorted(body.keys() - fields)]
    model = asked.args["model"]
    step = 1 if model.startswith("flux-tools") else 16 if model.startswith("flux-2") else 32
    wrong += [
        ("multiple_of", name, f"Input should be a multiple of {step}")
        for name in ("width", "height")
        if body.get(name, 0) % step
    ]
    if wrong:
        detail = [{"type": kind, "loc": ["body", name], "msg": said} for kind, name, said in wrong]
        return Answer(status=422, json={"detail": detail})
    job = _taken(asked, body, world)
    said = {"id": job.id, "polling_url": f"{world.elsewhere}/v1/get_result?id={job.id}"}
    return Answer(json=said | ({} if cost is None else {"cost": float(cost), "input_mp": 0.0, "output_mp": 1.0}))


def _taken(asked: Asked, body: dict[str, Any], world: World) -> Job:
    sent = next((body[name] for name in ("image", "input_image", "image_prompt") if body.get(name)), None)
    follows = size_of(from_text(sent)) if sent is not None else None
    width, height = follows or (1024, 768)
    grown = sum(body.get(side, 0) for side in ("left", "right")), sum(body.get(side, 0) for side in ("top", "bottom"))
    return world.take(
        asked.args["model"],
        prompt=body.get("prompt", ""),
        width=body.get("width", width) + grown[0],
        height=body.get("height", height) + grown[1],
        seed=body.get("seed") or 42,
        format=Format(body.get("output_format", "jpeg")),
        script=asked.script,
    )


def poll(asked: Asked, world: World) -> Answer:
    """How far a job is; a refused one comes with its own status, and once with an error status."""
    job = world.job(asked.query.get("id", ""))
    if job is None:
        return Answer(status=404, json={"id": asked.query.get("id"), "status": "Task not found", "result": None})
    stage = world.stage(job)
    if stage is not Stage.ENDED:
        status = "Pending" if stage is Stage.WAITING else "Generating"
        return Answer(json={"id": job.id, "status": status, "result": None, "progress": 0.5})
    if job.script == Script.MODERATED:
        return Answer(json={"id": job.id, "status": "Content Moderated", "result": None, "details": {}})
    if job.script == Script.FAILED:
        return Answer(json={"id": job.id, "status": "Error", "result": None})
    result = {"sample": world.link(job), "seed": job.seed, "prompt": job.prompt}
    cost = {} if ROUTES[job.model][2] is not None else {"cost": 4.0}
    return Answer(json={"id": job.id, "status": "Ready", "result": result} | cost)


STUB = Stub(
    routes=(
        Route("POST", "/v1/{model+}", submit, pays=True),
        Route("GET", "/v1/get_result", poll, elsewhere=True),
        Route("GET", "/v1/credits", lambda asked, world: Answer(json={"credits": 1000.0})),
    ),
    key=lambda asked: asked.headers.get("x-key"),
    refuses={
        Script.CREDENTIAL: Answer(status=403, json={"detail": "Not authenticated - Invalid Authentication"}),
        Script.CREDIT: Answer(status=402, json={"detail": "Insufficient credits"}),
        Script.THROTTLED: Answer(status=429, json={"detail": "Too many active tasks"}, headers={"retry-after": "1"}),
        Script.UNAVAILABLE: Answer(status=503, json={"detail": "Service Unavailable"}),
        Script.REJECTED: Answer(
            status=422, json={"detail": [{"type": "value_error", "loc": ["body", "prompt"], "msg": "Value error"}]}
        ),
    },
)
