"""Hugging Face's router: whoever draws, the request is in that provider's own words, behind the provider's name.

https://huggingface.co/docs/inference-providers  https://github.com/huggingface/huggingface_hub for the paths and bodies
https://docs.together.ai/reference/post-images-generations

Answers are passed on as they are: URLs to poll name the provider's host, which the token is no good at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Route, Script, Stub, bearer
from proxy.stub.rules import Rule, breach
from proxy.stub.vendors import fal, replicate, wavespeed
from proxy.stub.world import Job, Stage, World, from_text, size_of

HOSTS = {
    "fal-ai": "https://queue.fal.run",
    "replicate": "https://api.replicate.com",
    "wavespeed": "https://api.wavespeed.ai",
}
QUEUE = {"_subdomain": "queue"}
"""In the query of whatever goes to fal's queue. Without it a request is waited for."""
BOTH = frozenset({"image_url", "image_urls"})
"""Sent side by side by the router's own clients, though an endpoint has only one of them."""
OWN = {
    "stabilityai/stable-diffusion-xl-base-1.0",
    "stabilityai/stable-diffusion-3-medium-diffusers",
    "stabilityai/stable-diffusion-3.5-large",
    "black-forest-labs/FLUX.1-schnell",
    "black-forest-labs/FLUX.1-dev",
}
"""Models that run at Hugging Face itself."""
PARAMETERS: dict[str, Rule] = {
    "guidance_scale": (0.0, 100.0),
    "negative_prompt": str,
    "num_inference_steps": range(1, 501),
    "width": range(64, 2049),
    "height": range(64, 2049),
    "scheduler": str,
    "seed": int,
}
TOGETHER: dict[str, Rule] = {
    "model": str,
    "prompt": str,
    "width": range(64, 2049),
    "height": range(64, 2049),
    "steps": range(1, 51),
    "n": range(1, 5),
    "seed": int,
    "guidance_scale": (0.0, 20.0),
    "negative_prompt": str,
    "response_format": ["base64", "url"],
    "output_format": ["jpeg", "png"],
    "image_url": str,
    "reference_images": list,
    "disable_safety_checker": bool,
}
NSCALE: dict[str, Rule] = {
    "model": str,
    "prompt": str,
    "n": range(1, 5),
    "size": str,
    "seed": int,
    "response_format": ["b64_json", "url"],
}


def passed_on(provider: str, answers: Callable[[Asked, World], Answer]) -> Callable[[Asked, World], Answer]:
    """A provider's own answers, naming its own host."""

    def answer(asked: Asked, world: World) -> Answer:
        found = answers(asked, world)
        return replace(found, json=_renamed(found.json, world.home, HOSTS[provider]))

    return answer


def _renamed(tree: Any, here: str, there: str) -> Any:
    if isinstance(tree, str):
        return there + tree.removeprefix(here) if tree.startswith(here) else tree
    if isinstance(tree, dict):
        return {name: _renamed(inner, here, there) for name, inner in tree.items()}
    return [_renamed(inner, here, there) for inner in tree] if isinstance(tree, list) else tree


def refusal(status: int, said: str, **more: Any) -> Answer:
    """An error of the router's own, or of the models that run at Hugging Face."""
    return Answer(status=status, json={"error": said, **more})


def at_fal(asked: Asked, world: World) -> Answer:
    """Into fal's queue, or waited for."""
    job = fal.taken(asked, asked.args["endpoint"], world, BOTH)
    if job is None:
        return Answer(status=404, json={"detail": f"Application '{asked.args['endpoint']}' not found"})
    if asked.query == QUEUE:
        return Answer(json=fal.queued(job, world, Stage.WAITING))
    return fal.outcome(job, world)


def queue_of_fal(answers: Callable[[Asked, World], Answer]) -> Callable[[Asked, World], Answer]:
    """What is asked of fal's queue, and is not known where the queue is not named."""
    return lambda asked, world: answers(asked, world) if asked.query == QUEUE else fal.GONE


def at_wavespeed(asked: Asked, world: World) -> Answer:
    """As WaveSpeed has it."""
    return (
        wavespeed.STUB.refuses[Script.REJECTED] if asked.script == Script.REJECTED else wavespeed.submit(asked, world)
    )


def at_replicate(asked: Asked, world: World) -> Answer:
    """As Replicate has it."""
    if asked.script == Script.REJECTED:
        return replicate.STUB.refuses[Script.REJECTED]
    answer = replicate.official(asked, world)
    job = world.job(answer.json["id"]) if answer.status < 300 and asked.headers.get("prefer") else None
    if job is None:
        return answer
    job.began -= world.pace  # whoever waits gets it finished, unless it takes longer than a minute
    return replace(replicate.poll(replace(asked, args={"id": job.id}), world), status=201)


def at_home(asked: Asked, world: World) -> Answer:
    """A model at Hugging Face itself: answered with the picture. None of them filters what it draws."""
    name = f"{asked.args['owner']}/{asked.args['name']}"
    if name not in OWN:
        return refusal(400, f"Model {name} not supported by provider hf-inference")
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    parameters = body.get("parameters", {})
    wrong = [
        f"Error in `{field}`: extra fields not permitted" for field in sorted(body.keys() - {"inputs", "parameters"})
    ]
    if not isinstance(body.get("inputs"), str) or not body["inputs"]:
        wrong.append("Error in `inputs`: field required")
    if not isinstance(parameters, dict):
        return refusal(400, "Error in `parameters`: value is not a valid dict")
    wrong += [f"Error in `parameters.{field}`: {said}" for field, said in _breaches(parameters, PARAMETERS)]
    if asked.script == Script.REJECTED:
        wrong.append("Error in `parameters.num_inference_steps`: ensure this value is less than 500")
    if wrong:
        return Answer(status=400, json={"error": wrong})
    if asked.script == Script.FAILED:
        return refusal(500, "unknown error", warnings=["There was an inference error: unknown error"])
    job = _taken(asked, world, name, prompt=body["inputs"], texts=parameters)
    mime = asked.headers.get("accept", "")
    job.format = Format.PNG if mime == "image/png" else Format.JPEG
    return Answer(body=world.picture(job), mime=job.format.mime, headers={"x-compute-type": "gpu"})


def _breaches(body: dict[str, Any], rules: dict[str, Rule]) -> list[tuple[str, str]]:
    found = []
    for name, value in sorted(body.items()):
        must = breach(value, rules[name]) if name in rules else "left out: it is not known"
        if must is not None:
            found.append((name, f"must be {must}"))
    return found


def _taken(asked: Asked, world: World, name: str, *, prompt: str, texts: dict[str, Any]) -> Job:
    seed = texts.get("seed")
    return world.take(
        name,
        prompt=prompt,
        width=texts.get("width", 1024),
        height=texts.get("height", 1024),
        count=texts.get("n", 1),
        format=Format(texts.get("output_format", "jpeg")),
        seed=seed if isinstance(seed, int) else 4_181,
        script=asked.script,
    )


def _blamed(status: int, said: str, kind: str, field: str | None = None) -> Answer:
    return Answer(status=status, json={"error": {"message": said, "type": kind, "param": field, "code": None}})


def _drawn(asked: Asked, world: World, rules: dict[str, Rule], inline: str) -> Answer:
    """The way of OpenAI, with each provider's own fields."""
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    for name in ("model", "prompt"):
        if name not in body:
            return _blamed(400, f"{name} is required", "invalid_request_error", name)
    wrong = _breaches(body, rules)
    if asked.script == Script.REJECTED:
        wrong = [("prompt", "must be a string of at least 1 character")]
    if wrong:
        return _blamed(400, f"{wrong[0][0]} {wrong[0][1]}", "invalid_request_error", wrong[0][0])
    sent = [text for text in (body.get("image_url"), *body.get("reference_images", ())) if text is not None]
    sizes = [size_of(from_text(text)) for text in sent if isinstance(text, str)]
    if len(sizes) != len(sent) or None in sizes:
        return _blamed(400, "the reference image could not be read", "invalid_request_error", "image_url")
    if asked.script == Script.MODERATED:
        return _blamed(422, "NSFW content detected. Please try a different prompt", "invalid_request_error", "prompt")
    if asked.script == Script.FAILED:
        return _blamed(500, "Internal server error", "server_error")
    if "size" in body:
        sides = str(body["size"]).split("x")
        if len(sides) != 2 or not all(side.isdecimal() and 64 <= int(side) <= 2048 for side in sides):
            return _blamed(400, "size must be WIDTHxHEIGHT", "invalid_request_error", "size")
        body = {**body, "width": int(sides[0]), "height": int(sides[1])}
    job = _taken(asked, world, body["model"], prompt=body["prompt"], texts=body)
    if body.get("response_format") == inline:
        pictures = [{"b64_json": world.picture_text(job, index)} for index in range(job.count)]
    else:
        pictures = [{"url": world.link(job, index)} for index in range(job.count)]
    shown = [{"index": index, **picture} for index, picture in enumerate(pictures)]
    return Answer(json={"id": job.id, "model": job.model, "object": "list", "created": 1_763_000_000, "data": shown})


STUB = Stub(
    routes=(
        Route("POST", "/hf-inference/models/{owner}/{name}", at_home, pays=True),
        Route("GET", "/fal-ai/{owner}/{app}/requests/{id}/status", passed_on("fal-ai", queue_of_fal(fal.status))),
        Route("GET", "/fal-ai/{owner}/{app}/requests/{id}", passed_on("fal-ai", queue_of_fal(fal.result))),
        Route("POST", "/fal-ai/{endpoint+}", passed_on("fal-ai", at_fal), pays=True),
        Route("GET", "/wavespeed/api/v3/predictions/{id}/result", passed_on("wavespeed", wavespeed.poll)),
        Route("POST", "/wavespeed/api/v3/{model+}", passed_on("wavespeed", at_wavespeed), pays=True),
        Route("GET", "/replicate/v1/predictions/{id}", passed_on("replicate", replicate.poll)),
        Route(
            "POST", "/replicate/v1/models/{owner}/{name}/predictions", passed_on("replicate", at_replicate), pays=True
        ),
        Route(
            "POST",
            "/together/v1/images/generations",
            lambda asked, world: _drawn(asked, world, TOGETHER, "base64"),
            pays=True,
        ),
        Route(
            "POST",
            "/nscale/v1/images/generations",
            lambda asked, world: _drawn(asked, world, NSCALE, "b64_json"),
            pays=True,
        ),
    ),
    key=bearer,
    refuses={
        Script.CREDENTIAL: refusal(401, "Invalid username or password."),
        Script.CREDIT: refusal(
            402,
            "You have exceeded your monthly included credits for Inference Providers."
            " Subscribe to PRO to get 20x more monthly included credits.",
        ),
        Script.THROTTLED: Answer(
            status=429,
            json={"error": "We had to rate limit you, please slow down."},
            headers={
                "retry-after": "55",
                "ratelimit": '"api";r=0;t=55',
                "ratelimit-policy": '"fixed window";"api";q=1000;w=300',
            },
        ),
        Script.UNAVAILABLE: refusal(503, "The model is currently loading", estimated_time=20.0),
    },
    unknown=refusal(404, "Not Found"),
)
