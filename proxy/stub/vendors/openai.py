"""OpenAI's Images API: words as JSON, pictures as a form, answered with base64 and the tokens it took.

https://developers.openai.com/api/reference/resources/images  What the models of late 2026 take is said by the official
clients, which are newer than the published specification. An event stream is sent in one piece.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from math import ceil
from typing import Any

from msgspec.json import encode
from msgspec.structs import replace
from PIL import Image as Pillow

from providers.contract import Format, sniff
from proxy.stub.contract import Answer, Asked, File, Route, Script, Stub, bearer
from proxy.stub.world import Job, World, size_of

BEGAN = 1_795_000_000
"""Added to the clock of the stubs, which does not start in 1970."""
MODELS: dict[str, tuple[float, str | None]] = {
    "gpt-image-1-mini": (1.0, "2026-12-01"),
    "gpt-image-1.5": (1.5, "2026-12-01"),
    "chatgpt-image-latest": (1.5, "2026-12-01"),
    **dict.fromkeys(("gpt-image-2", "gpt-image-2-2026-04-21"), (2.0, None)),
    **{f"gpt-image-2.5-{name}{day}": (2.5, None) for name in ("sunburst", "flare") for day in ("", "-2026-09-08")},
    **dict.fromkeys(("gpt-image-2.6-sunburst", "gpt-image-2.6-flare"), (2.6, None)),
}
"""Their generation, and the day they are shut down. DALL-E and gpt-image-1 are gone."""
FIXED = ((1024, 1024), (1024, 1536), (1536, 1024))
ENUMS = {
    "background": ("transparent", "opaque", "auto"),
    "moderation": ("low", "auto"),
    "quality": ("low", "medium", "high", "auto", "xhigh", "max"),
    "output_format": ("png", "jpeg", "webp", "gif", "svg"),
    "complexity": ("low", "medium", "high"),
    "input_fidelity": ("high", "low"),
}
RANGES = {"n": (1, 10), "output_compression": (0, 100), "partial_images": (0, 3), "frame_count": (2, 16)}
RANGES |= {"frame_duration_ms": (1, 1 << 31)}
SINCE = {"complexity": 2.6, "frame_count": 2.6, "frame_duration_ms": 2.6, "svg": 2.6, "gif": 2.6}
SINCE |= {"xhigh": 2.5, "max": 2.5, "markup": 2.5}
"""The generation from which a field or value is known."""
TEXTS = {"model", "prompt", "size", "user", "safety_identifier"}
GENERATES = {*TEXTS, *ENUMS, *RANGES, "stream", "svg"} - {"input_fidelity"}
EDITS = GENERATES - {"moderation"} | {"input_fidelity", "image", "image[]", "mask", "markup"}
GO_WITH = {"output_compression": "jpeg webp", "frame_count": "gif", "frame_duration_ms": "gif", "svg": "svg"}
GO_WITH |= {"mask": "png jpeg webp svg", **dict.fromkeys(("stream", "partial_images"), "png jpeg webp")}
STREAM = "text/event-stream"
PICTURES = ["image/jpeg", "image/png", "image/webp"]
TOKENS = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
"""Of a picture before gpt-image-2, by quality: square, upright, lying."""
STEPS = {"low": 16, "medium": 48, "high": 96, "xhigh": 128, "max": 192}
"""What gpt-image-2 counts its tokens by; for the last two nothing is published."""


def refusal(status: int, message: str, code: str | None, param: str | None = None, **more: Any) -> Answer:
    """An error, the way all of them look; the official clients read the id."""
    said = {"message": message, "type": "invalid_request_error", "param": param, "code": code, **more}
    return Answer(status=status, json={"error": said}, headers={"x-request-id": "req_refused"})


def generate(asked: Asked, world: World) -> Answer:
    """A picture from words."""
    kind = asked.headers.get("content-type", "").partition(";")[0]
    if kind != "application/json":
        said = f"Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests."
        return refusal(400, said, "unsupported_content_type")
    if not isinstance(asked.json, dict):
        return refusal(400, "We could not parse the JSON body of your request.", None)
    values = {name: value for name, value in asked.json.items() if value is not None}
    return next(_wrong(values, GENERATES), None) or _drawn(asked, world, values, [])


def edit(asked: Asked, world: World) -> Answer:
    """A picture changed. The vendor takes references in JSON as well, which nobody's client sends; here forms alone."""
    if not asked.headers.get("content-type", "").startswith("multipart/form-data"):
        return refusal(400, "Unsupported content type.", "unsupported_content_type")
    values, pictures = dict(_typed(asked)), [*asked.files("image"), *asked.files("image[]")]
    wrong = next(_wrong(values, EDITS), None) or next(_wrong_pictures(asked, pictures), None)
    return wrong or _drawn(asked, world, values, pictures)


def _typed(asked: Asked) -> Iterator[tuple[str, Any]]:
    """A form's fields; numbers and switches arrive as text there, objects in pieces."""
    svg: dict[str, Any] = {}
    for name, value in asked.fields:
        if name == "svg[model]":
            svg["model"] = value
        elif name == "svg[reasoning][effort]":
            svg["reasoning"] = {"effort": value}
        elif isinstance(value, str) and name in RANGES and value.removeprefix("-").isdecimal():
            yield name, int(value)
        else:
            yield name, {"true": True, "false": False}.get(str(value), value) if name == "stream" else value
    if svg:
        yield "svg", svg


def _wrong_pictures(asked: Asked, pictures: list[File]) -> Iterator[Answer]:
    if not 1 <= len(pictures) <= 16:
        yield refusal(400, "Missing required parameter: 'image'.", "missing_required_parameter", "image")
    if len(asked.files("image")) > 1:
        yield refusal(400, "Duplicate parameter: 'image'; a list is 'image[]'.", "duplicate_parameter", "image")
    for file in pictures:
        mime = file.mime.partition(";")[0]
        if mime not in PICTURES:
            said = f"Invalid file 'image': unsupported mimetype ('{mime}'). Supported file formats are "
            yield refusal(400, f"{said}{', '.join(map(repr, PICTURES))}.", "unsupported_file_mimetype", "image")
        if size_of(file.body) is None or sniff(file.body) not in (Format.PNG, Format.JPEG, Format.WEBP):
            yield refusal(400, "Invalid image file or mode, please check your image file.", "invalid_image", "image")
    if {"mask", "markup"} <= asked.names():
        yield refusal(400, "'markup' cannot be combined with 'mask'.", "invalid_value", "markup")
    for name in sorted({"mask", "markup"} & asked.names()):
        body = b"".join(file.body for file in asked.files(name))
        if sniff(body) is not Format.PNG or size_of(body) != size_of(pictures[0].body) or len(body) >= 4 << 20:
            said = f"Invalid {name} image format - {name} size does not match image size, or no PNG below 4MB."
            yield refusal(400, said, "invalid_image_format", name)
        elif body[25] not in (4, 6) and b"tRNS" not in body:  # the colour types with alpha, or a palette with it
            yield refusal(400, f"Invalid {name} image format - no alpha channel.", "invalid_image_mode", name)


def _wrong(values: dict[str, Any], known: set[str]) -> Iterator[Answer]:
    for name in sorted(values.keys() - known):
        yield refusal(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    for name in ("model", "prompt"):
        if not values.get(name):
            yield refusal(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name)
    for name, value in values.items():
        kind = str if name in TEXTS | {*ENUMS} else int if name in RANGES else {"stream": bool, "svg": dict}.get(name)
        if kind not in (None, type(value)):
            yield refusal(400, f"Invalid type for '{name}'.", "invalid_type", name)
        if name in ENUMS and value not in ENUMS[name]:
            said = f"Invalid value: '{value}'. Supported values are: {', '.join(map(repr, ENUMS[name]))}."
            yield refusal(400, said, "invalid_value", name)
        if name in RANGES and not RANGES[name][0] <= value <= RANGES[name][1]:
            side = "below_min" if value < RANGES[name][0] else "above_max"
            yield refusal(400, f"Invalid '{name}': integer {side} value.", f"integer_{side}_value", name)
    if "model" not in values.get("svg", {"model"}):
        yield refusal(400, "Missing required parameter: 'svg.model'.", "missing_required_parameter", "svg.model")
    if len(values["prompt"]) > 32_000:
        yield refusal(400, "Invalid 'prompt': string too long.", "string_above_max_length", "prompt")
    if values["model"] not in MODELS:
        yield refusal(404, f"The model '{values['model']}' does not exist.", "model_not_found", "model")
    for name, said in [*_unknown_yet(values, MODELS[values["model"]][0]), *_at_odds(values)]:
        yield refusal(400, f"Invalid '{name}': {said}.", "invalid_value", name)


def _unknown_yet(values: dict[str, Any], generation: float) -> Iterator[tuple[str, str]]:
    """What a model does not do that another does."""
    for name, value in values.items():
        if generation < max(SINCE.get(name, 0), SINCE.get(value, 0) if name in ENUMS else 0):
            yield name, f"{value!r} is not supported with this model"
    if "input_fidelity" in values and (generation >= 2 or (generation == 1 and values["input_fidelity"] == "high")):
        yield "input_fidelity", "not supported with this model"
    if values.get("size", "auto") != "auto" and not _draws(values["size"], generation):
        yield "size", "not a size of this model"


def _at_odds(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that the format does not go with."""
    kind = values.get("output_format", "png")
    if values.get("background") == "transparent" and kind not in ("png", "webp"):
        yield "background", f"transparent is not supported with {kind}"
    for name, kinds in GO_WITH.items():
        if values.get(name) and kind not in kinds.split():
            yield name, f"not supported with {kind}"
    if kind == "svg" and values.get("n", 1) != 1:
        yield "n", "svg comes one by one"


def _draws(size: str, generation: float) -> bool:
    if size in [f"{width}x{height}" for width, height in FIXED]:
        return True
    width, cross, height = size.partition("x")
    if generation < 2 or not (cross and width.isdecimal() and height.isdecimal()):
        return False
    short, long = sorted((int(width), int(height)))
    whole = short % 16 == long % 16 == 0
    return whole and 0 < long <= min(3 * short, 3840) and 655_360 <= short * long <= 8_294_400


def _drawn(asked: Asked, world: World, values: dict[str, Any], pictures: list[File]) -> Answer:
    if asked.script == Script.FAILED:
        return refusal(500, "The server had an error while processing your request.", None, type="server_error")
    wide, high = (size_of(pictures[0].body) if pictures else None) or (1, 1)
    size: tuple[int, int] = min(FIXED, key=lambda size: abs(size[0] / size[1] - wide / high))
    if values.get("size", "auto") != "auto":
        width, _, height = values["size"].partition("x")
        size = int(width), int(height)
    job = world.take(
        values["model"],
        prompt=values["prompt"],
        width=size[0],
        height=size[1],
        format=Format(values.get("output_format", "png")),
        clear=values.get("background") == "transparent",
        script=asked.script,
        more=values | {"quality": values.get("quality", "auto").replace("auto", "medium"), "pictures": len(pictures)},
    )
    job.seed = int(job.id[:7], 16)
    texts = [b64encode(_encoded(job, world, index)).decode() for index in range(values.get("n", 1))]
    said: dict[str, Any] = {
        "background": "transparent" if values.get("background") == "transparent" else "opaque",
        "output_format": job.format,
        "quality": job.more["quality"],
        "size": f"{job.width}x{job.height}",
    }
    headers, created = {"x-request-id": f"req_{job.id}"}, BEGAN + int(job.began)
    if values.get("stream"):
        return Answer(body=_streamed(job, asked, texts, said | {"created_at": created}), mime=STREAM, headers=headers)
    if job.format is Format.SVG:
        author = {"model": values.get("svg", {}).get("model", "gpt-5"), "reasoning_tokens": 600}
        said["svg_usage"] = author | {"input_tokens": 900, "output_tokens": 2100, "total_tokens": 3000}
    data = [{"b64_json": text} for text in texts]
    return Answer(json={"created": created, "data": data, "usage": _usage(job)} | said, headers=headers)


def _streamed(job: Job, asked: Asked, texts: list[str], said: dict[str, Any]) -> bytes:
    kind = "image_edit" if asked.path.endswith("edits") else "image_generation"
    partial = {"type": f"{kind}.partial_image", "b64_json": texts[0]} | said
    events = [partial | {"partial_image_index": index} for index in range(job.more.get("partial_images", 0))]
    events += [{"type": f"{kind}.completed", "b64_json": text, "usage": _usage(job)} | said for text in texts]
    return b"".join(f"event: {each['type']}\ndata: ".encode() + encode(each) + b"\n\n" for each in events)


def _encoded(job: Job, world: World, index: int) -> bytes:
    """A picture of a job; the world draws neither drawings nor animations."""
    if job.format not in (Format.GIF, Format.SVG):
        return world.picture(job, index)
    still = replace(job, format=Format.PNG)
    if job.format is Format.SVG:
        size = f'width="{job.width}" height="{job.height}"'
        link = f"data:image/png;base64,{world.picture_text(still, index)}"
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><image href="{link}" {size}/></svg>'.encode()
    count, target = job.more.get("frame_count", 9), BytesIO()
    frames = [Pillow.open(BytesIO(world.picture(still, index * count + place))) for place in range(count)]
    pause = job.more.get("frame_duration_ms", 200)
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], duration=pause, loop=0)
    return target.getvalue()


def _usage(job: Job) -> dict[str, Any]:
    """The tokens of a call, as counted at https://community.openai.com/t/1382699 by those who pay for them."""
    short, long = sorted((job.width, job.height))
    if MODELS[job.model][0] < 2:
        drawn = TOKENS[job.more["quality"]][(job.width < job.height) + 2 * (job.width > job.height)]
    else:
        steps = STEPS[job.more["quality"]]
        drawn = ceil(steps * round(steps * short / long) * (2_000_000 + short * long) / 4_000_000)
    drawn = drawn * job.more.get("n", 1) + 100 * job.more.get("partial_images", 0)
    read, seen = len(job.prompt) // 4 + 1, 323 * job.more["pictures"]
    return {
        "input_tokens": read + seen,
        "input_tokens_details": {"text_tokens": read, "image_tokens": seen},
        "output_tokens": drawn,
        "output_tokens_details": {"image_tokens": drawn, "text_tokens": 0},
        "total_tokens": read + seen + drawn,
    }


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": BEGAN, "owned_by": "system", "shutdown_date": MODELS[name][1]}


def models(asked: Asked, world: World) -> Answer:
    """All of them, or the one of a name."""
    name = asked.args.get("model")
    if name is not None and name not in MODELS:
        return refusal(404, f"The model '{name}' does not exist", "model_not_found", "model")
    return Answer(json={"object": "list", "data": [*map(_model, MODELS)]} if name is None else _model(name))


STUB = Stub(
    prefix="/v1",
    routes=(
        Route("POST", "/v1/images/generations", generate, pays=True),
        Route("POST", "/v1/images/edits", edit, pays=True),
        Route("GET", "/v1/models", models),
        Route("GET", "/v1/models/{model}", models),
    ),
    key=bearer,
    refuses={
        Script.CREDENTIAL: refusal(401, "Incorrect API key provided.", "invalid_api_key"),
        Script.CREDIT: refusal(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            type="insufficient_quota",
        ),
        Script.THROTTLED: replace(
            refusal(429, "Rate limit reached for images per minute.", "rate_limit_exceeded", type="requests"),
            headers={"retry-after": "1", "x-ratelimit-remaining-requests": "0", "x-request-id": "req_refused"},
        ),
        Script.UNAVAILABLE: refusal(
            503, "The server is overloaded.", "server_is_overloaded", type="service_unavailable_error"
        ),
        Script.REJECTED: refusal(400, "Invalid value: 'prompt'.", "invalid_value", "prompt"),
        Script.MODERATED: refusal(
            400,
            "Your request was rejected by the safety system.",
            "moderation_blocked",
            type="image_generation_user_error",
            moderation_details={"moderation_stage": "input", "categories": ["violence"]},
        ),
    },
    unknown=refusal(404, "Invalid URL.", "unknown_url"),
)
