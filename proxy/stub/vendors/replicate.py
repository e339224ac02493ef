"""Replicate: predictions that are polled; every model has inputs of its own, and one link or a list of them as output.

https://replicate.com/docs/reference/http  Inputs and outputs of a model: https://replicate.com/<owner>/<name>/api  Only
official models are asked for by their name; the others by a version, at `/v1/predictions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from math import prod
from re import fullmatch
from typing import Any
from uuid import UUID

from msgspec import Struct

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Route, Script, Stub, bearer
from proxy.stub.world import Job, Stage, World, from_text, size_of

BEGAN = 1_795_000_000
"""Added to the clock of the stubs, which does not start in 1970."""
SHAPES = {"1:1": (1024, 1024), "16:9": (1344, 768), "21:9": (1536, 640), "3:2": (1216, 832), "5:4": (1152, 896)}
SHAPES |= {"4:3": (1152, 864), "2:1": (1440, 720), "3:1": (1536, 512), "16:10": (1280, 800), "7:5": (1200, 864)}
SHAPES |= {"5:3": (1280, 768)}
SHAPES |= {":".join(reversed(name.split(":"))): (height, width) for name, (width, height) in SHAPES.items()}
QWEN = {"1:1": (1328, 1328), "16:9": (1664, 928), "4:3": (1472, 1104), "3:2": (1584, 1056)}
QWEN |= {":".join(reversed(name.split(":"))): (height, width) for name, (width, height) in QWEN.items()}

_FEW = "1:1|16:9|3:2|2:3|4:5|5:4|9:16|3:4|4:3"
_RATIOS = f"{_FEW}|21:9|9:21"
_TALL = """512x1536 576x1408 576x1472 576x1536 640x1344 640x1408 640x1472 640x1536 704x1152 704x1216 704x1280 704x1344
704x1408 704x1472 736x1312 768x1088 768x1216 768x1280 768x1344 800x1280 832x960 832x1024 832x1088 832x1152 832x1216
832x1248 864x1152 896x960 896x1024 896x1088 896x1120 896x1152 960x1024 960x1088"""
_SIZES = "|".join(["None", "1024x1024", *_TALL.split(), *("x".join(size.split("x")[::-1]) for size in _TALL.split())])
_WIDE = "1024x1024|1365x1024|1536x1024|1820x1024|2048x1024|1434x1024|1280x1024|1707x1024"
_RECRAFT = f"{_WIDE}|1024x1365|1024x1536|1024x1820|1024x2048|1024x1434|1024x1280|1024x1707"
_DRAWN = "pixel_art hand_drawn grain infantile_sketch 2d_art_poster handmade_3d hand_drawn_outline engraving_color"
_TAKEN = "b_and_w hard_flash hdr natural_light studio_portrait enterprise motion_blur"
_STYLES = "any|realistic_image|digital_illustration|digital_illustration/2d_art_poster_2|"
_STYLES += "|".join(f"digital_illustration/{name}" for name in _DRAWN.split()) + "|"
_STYLES += "|".join(f"realistic_image/{name}" for name in _TAKEN.split())

_SAVED = "output_format=webp|jpg|png, output_quality=0..100"
_PRO = "prompt*=text, seed=int"
_OPEN = f"{_PRO}, num_outputs=1..4, {_SAVED}, disable_safety_checker=flag, go_fast=flag, megapixels=1|0.25"
_CUSTOM = f"prompt*=text, seed=int, {_SAVED}"
_ULTRA = (
    f"{_PRO}, image_prompt=file, image_prompt_strength=0~1, aspect_ratio={_RATIOS}, raw=flag, output_format=jpg|png"
)
_KONTEXT = f"{_PRO}, input_image=file, prompt_upsampling=flag, output_format=jpg|png, safety_tolerance=0..6"
_KONTEXT += f", aspect_ratio=match_input_image|{_RATIOS}|2:1|1:2"
_TWO = f"{_CUSTOM}, input_images=files, aspect_ratio=match_input_image|custom|{_FEW}, safety_tolerance=1..5"
_TWO += ", resolution=match_input_image|0.5 MP|1 MP|2 MP|4 MP, width=256..2048, height=256..2048"
_OUTPAINTS = "None|Zoom out 1.5x|Zoom out 2x|Make square|Left outpaint|Right outpaint|Top outpaint|Bottom outpaint"
_FILL = f"{_PRO}, image*=file, mask=file, outpaint={_OUTPAINTS}, steps=15..50, guidance=1.5~100, prompt_upsampling=flag"
_FILL += ", safety_tolerance=1..6, output_format=jpg|png"
_IDEOGRAM = f"prompt*=text, image=file, mask=file, magic_prompt_option=Auto|On|Off, resolution={_SIZES}"
_IDEOGRAM += ", aspect_ratio=1:3|3:1|1:2|2:1|9:16|16:9|10:16|16:10|2:3|3:2|3:4|4:3|4:5|5:4|1:1, seed=0..2147483647"
_IDEOGRAM += ", style_type=None|Auto|General|Realistic|Design, style_preset=text, style_reference_images=files"
_VECTOR = f"prompt*=text, style={_STYLES}, size={_RECRAFT}"
_VECTOR += f", aspect_ratio=Not set|{_FEW}|1:2|2:1|7:5|5:7|3:5|5:3"
_SD35 = f"{_PRO}, negative_prompt=text, aspect_ratio={_RATIOS}, image=file, prompt_strength=0~1, cfg=1~10"
_SD35 += ", output_format=webp|jpg|png"
_QWEN = f"{_CUSTOM}, enhance_prompt=flag, negative_prompt=text, image=file, strength=0~1, go_fast=flag, guidance=0~10"
_QWEN += ", num_inference_steps=1..50, image_size=optimize_for_quality|optimize_for_speed, disable_safety_checker=flag"
_QWEN += (
    ", lora_weights=text, lora_scale=number, replicate_weights=text, extra_lora_weights=list, extra_lora_scale=list"
)
_QWEN += f", aspect_ratio={'|'.join(QWEN)}"
_SDXL = "prompt=text, negative_prompt=text, image=file, mask=file, width=int, height=int, num_outputs=1..4, seed=int"
_SDXL += ", scheduler=DDIM|DPMSolverMultistep|HeunDiscrete|KarrasDPM|K_EULER_ANCESTRAL|K_EULER|PNDM, lora_scale=0~1"
_SDXL += ", num_inference_steps=1..500, guidance_scale=1~50, prompt_strength=0~1, high_noise_frac=0~1, refine_steps=int"
_SDXL += ", refine=no_refiner|expert_ensemble_refiner|base_image_refiner, apply_watermark=flag, replicate_weights=text"


class Model(Struct, frozen=True):
    """What a model takes and gives."""

    takes: str
    """`name=kind` for every input, a star behind what it needs; a kind is a range `1..4` or `0~1`, or legal words."""
    format: Format = Format.WEBP
    """Where none is asked for."""
    listed: bool = False
    """Gives a list, even of one."""
    version: str = ""
    """By which it has to be asked for."""


MODELS = {
    "black-forest-labs/flux-1.1-pro": Model(
        f"{_CUSTOM}, prompt_upsampling=flag, image_prompt=file, aspect_ratio=custom|{_FEW}, width=256..1440,"
        " height=256..1440, safety_tolerance=1..6"
    ),
    "black-forest-labs/flux-1.1-pro-ultra": Model(f"{_ULTRA}, safety_tolerance=1..6", Format.JPEG),
    "black-forest-labs/flux-dev": Model(
        f"{_OPEN}, aspect_ratio={_RATIOS}, image=file, prompt_strength=0~1, num_inference_steps=1..50, guidance=0~10",
        listed=True,
    ),
    "black-forest-labs/flux-schnell": Model(f"{_OPEN}, aspect_ratio={_RATIOS}, num_inference_steps=1..4", listed=True),
    **{f"black-forest-labs/flux-kontext-{tier}": Model(_KONTEXT, Format.PNG) for tier in ("pro", "max")},
    "black-forest-labs/flux-2-pro": Model(_TWO),
    "black-forest-labs/flux-fill-pro": Model(_FILL, Format.JPEG),
    **{f"ideogram-ai/ideogram-v3-{t}": Model(_IDEOGRAM, Format.PNG) for t in ("turbo", "balanced", "quality")},
    "recraft-ai/recraft-v3": Model(_VECTOR),
    **{f"stability-ai/stable-diffusion-3.5-{size}": Model(_SD35) for size in ("large", "large-turbo", "medium")},
    "qwen/qwen-image": Model(_QWEN, listed=True),
    "stability-ai/sdxl": Model(
        f"{_SDXL}, disable_safety_checker=flag",
        Format.PNG,
        listed=True,
        version="39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
    ),
    "nightmareai/real-esrgan": Model(
        "image*=file, scale=0~10, face_enhance=flag",
        Format.PNG,
        version="f121d640bd286e1fdc67f9799164c1d5be36ff74576ee11c803ae5b665dd46aa",
    ),
    "cjwbw/rembg": Model(
        "image*=file", Format.PNG, version="fb8af171cfa1616ddcf1242c093f9c46bcada5ad4cf6f2fbe8b81b330ec5c003"
    ),
}
VERSIONS = {model.version: name for name, model in MODELS.items() if model.version}
FILES = ("image", "input_image", "image_prompt", "mask", "input_images", "style_reference_images")
NSFW = "NSFW content detected. Try running it again, or try a different prompt."
SENSITIVE = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
MOST_PIXELS = 2_096_704
"""Of what is enlarged."""
Sizes = dict[str, tuple[int, int] | None]
"""Of the pictures sent along, by field; None of what is no picture."""
Wrong = tuple[str, str, str]
"""Its type, the field, and what is said of it."""


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """An error, the way RFC 7807 has it."""
    said = {"title": title, "detail": detail, "status": status, **more}
    return Answer(status=status, json=said, mime="application/problem+json")


def invalid(wrong: list[Wrong]) -> Answer:
    """Inputs that are not as the model's schema has them."""
    fields = [{"type": kind, "field": field, "description": said} for kind, field, said in wrong]
    detail = "".join(f"- {field}: {said}\n" for _, field, said in wrong)
    return problem(422, "Input validation failed", detail, invalid_fields=fields)


def official(asked: Asked, world: World) -> Answer:
    """Take a prediction of a model that has no versions."""
    name = f"{asked.args['owner']}/{asked.args['name']}"
    if name not in MODELS or MODELS[name].version:
        return STUB.unknown
    return _submit(name, {"input"}, asked, world)


def versioned(asked: Asked, world: World) -> Answer:
    """Take a prediction of a version: told alone, behind the model's name, or by an official model's name."""
    text = str(asked.json.get("version", "")) if isinstance(asked.json, dict) else ""
    before, _, version = text.rpartition(":")
    name = VERSIONS.get(version, text)
    if name not in MODELS or before not in ("", name) or (name == text and MODELS[name].version):
        said = "The specified version does not exist (or perhaps you don't have permission to use it?)"
        return problem(422, "Invalid version or not permitted", said)
    return _submit(name, {"version", "input"}, asked, world)


def _submit(name: str, needed: set[str], asked: Asked, world: World) -> Answer:
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    known = {*needed, "webhook", "webhook_events_filter", "stream"}
    wrong: list[Wrong] = [("required", "(root)", f"{field} is required") for field in sorted(needed - body.keys())]
    wrong += [
        ("additional_property_not_allowed", "(root)", f"Additional property {field} is not allowed")
        for field in sorted(body.keys() - known)
    ]
    prefer, limit = asked.headers.get("prefer"), asked.headers.get("cancel-after", "5m")
    if prefer is not None and not fullmatch("wait(=([1-9]|[1-5][0-9]|60))?", prefer):
        wrong.append(("pattern", "Prefer", "Does not match wait=n, n from 1 to 60"))
    if not fullmatch(r"(?=\d)(\d+h)?(\d+m)?(\d+s?)?", limit) or fullmatch("[0-4]s?", limit):
        wrong.append(("pattern", "Cancel-After", "Must be a duration of at least 5s"))
    inputs = body.get("input", {})
    wrong += (
        _checked(inputs, MODELS[name]) if isinstance(inputs, dict) else [("invalid_type", "input", "Not an object")]
    )
    if wrong:
        return invalid(wrong)
    job = _taken(name, inputs, asked, world)
    # the caller is not kept waiting here: it is as if the time to wait had passed
    ended = prefer is not None and world.stage(job) is Stage.ENDED
    seen = _seen(job, world.stage(job) if prefer is not None else Stage.WAITING, world)
    return Answer(status=201 if ended or prefer is None else 202, json=seen)


def _checked(inputs: dict[str, Any], model: Model) -> Iterator[Wrong]:
    """What is wrong with a model's inputs."""
    kinds = dict(field.split("=", 1) for field in model.takes.split(", "))
    needed = {name.removesuffix("*") for name in kinds if name.endswith("*")}
    yield from (("required", "input", f"{name} is required") for name in sorted(needed - inputs.keys()))
    kinds = {name.removesuffix("*"): kind for name, kind in kinds.items()}
    for name, value in inputs.items():
        if name not in kinds:
            yield "additional_property_not_allowed", "input", f"Additional property {name} is not allowed"
        elif said := _against(value, kinds[name]):
            yield said[0], f"input.{name}", said[1]


def _against(value: Any, kind: str) -> tuple[str, str] | None:
    """What is wrong with one value, if anything is."""
    plain = {"text": str, "flag": bool, "list": list, "files": list, "file": str, "int": int, "number": int | float}
    bounds = fullmatch(r"([\d.]+?)(\.\.|~)(\d+)", kind)
    if bounds:
        wanted: Any = int if bounds[2] == ".." else int | float
    else:
        wanted = plain.get(kind, str)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        return "invalid_type", f"Invalid type. Expected: {kind}, given: {type(value).__name__}"
    if bounds and not float(bounds[1]) <= value <= float(bounds[3]):
        return "number_out_of_range", f"Must be between {bounds[1]} and {bounds[3]}"
    links = value if kind == "files" else [value] if kind == "file" else []
    if not all(isinstance(link, str) and link.startswith(("data:", "https://", "http://")) for link in links):
        return "format", "Does not match format 'uri'"
    if not bounds and kind not in plain and value not in kind.split("|"):
        return "enum", f"Must be one of the following: {', '.join(kind.split('|'))}"
    return None


def _taken(name: str, inputs: dict[str, Any], asked: Asked, world: World) -> Job:
    model = MODELS[name]
    sent = [
        (key, link)
        for key in FILES
        for link in ([inputs[key]] if isinstance(inputs.get(key), str) else inputs.get(key, []))
    ]
    sizes = [(key, _measured(link, world)) for key, link in sent]
    width, height = _size(name, inputs, next((size for key, size in sizes if key != "mask"), None))
    job = world.take(
        name,
        prompt=inputs.get("prompt", ""),
        width=width,
        height=height,
        count=inputs.get("num_outputs", 1),
        format=Format(inputs.get("output_format", model.format).replace("jpg", "jpeg")),
        script=asked.script,
        more={"input": inputs},
    )
    job.seed = inputs.get("seed", UUID(job.id).int % 2**31)
    job.more["error"] = _failure(name, inputs, dict(sizes), job.script)
    return job


def _failure(name: str, inputs: dict[str, Any], sizes: Sizes, script: str | None) -> str | None:
    """What a prediction ends with, where the model itself finds something wrong with its inputs."""
    beside = {"image", "mask"} & sizes.keys()
    if None in sizes.values():
        return "cannot identify image file"
    if beside == {"mask"} or (beside == {"image"} and name.startswith("ideogram-ai/")):
        return "image and mask must be given together"
    if name.endswith("flux-fill-pro") and sizes.get("mask", sizes["image"]) != sizes["image"]:
        return "Mask must have the same size as image"
    if name == "stability-ai/sdxl" and any(inputs.get(side, 1024) % 8 for side in ("width", "height")):
        return "`height` and `width` have to be divisible by 8"
    if name == "nightmareai/real-esrgan" and prod(sizes["image"] or ()) > MOST_PIXELS:
        return f"Input image has more pixels than the max size that fits in GPU memory ({MOST_PIXELS})"
    if script == Script.MODERATED:
        return SENSITIVE if name.startswith("black-forest-labs/") and not MODELS[name].listed else NSFW
    return "Prediction interrupted; please retry (code: PA)" if script == Script.FAILED else None


def _measured(link: str, world: World) -> tuple[int, int] | None:
    """Of a picture sent along: a `data:` URL, or an upload."""
    if link.startswith("data:"):
        return size_of(from_text(link))
    body = world.kept(link.removeprefix(f"{world.home}/v1/files/"))
    return None if body is None else size_of(body)


def _size(name: str, inputs: dict[str, Any], first: tuple[int, int] | None) -> tuple[int, int]:
    """Of the pictures that come of it."""
    ratio, resolution = inputs.get("aspect_ratio"), str(inputs.get("resolution", inputs.get("size", "None")))
    if first is not None and name == "nightmareai/real-esrgan":
        scale = inputs.get("scale", 4)
        return round(first[0] * scale), round(first[1] * scale)
    if ratio == "custom" or (name == "stability-ai/sdxl" and (first is None or "mask" in inputs)):
        return inputs.get("width", 1024), inputs.get("height", 1024)
    leads = "image" in inputs or ("input_image" in inputs and ratio is None) or ratio == "match_input_image"
    if first is not None and leads:
        return first
    if ("x" in resolution and ratio in (None, "Not set")) or ("ideogram" in name and resolution != "None"):
        width, height = resolution.split("x")
        return int(width), int(height)
    shape = (QWEN if name == "qwen/qwen-image" else SHAPES)[ratio if ratio in SHAPES else "1:1"]
    pixels = float(resolution.removesuffix(" MP")) if resolution.endswith(" MP") else float(inputs.get("megapixels", 1))
    times = 2.0 if name.endswith("ultra") else pixels**0.5
    return round(shape[0] * times), round(shape[1] * times)


def _seen(job: Job, stage: Stage, world: World) -> dict[str, Any]:
    """A prediction as it is told at this stage."""
    status = {Stage.WAITING: "starting", Stage.RUNNING: "processing", Stage.ENDED: "succeeded"}[stage]
    error, output = None, None
    if stage is Stage.ENDED and (error := job.more.get("error")):
        status = "failed"
    elif stage is Stage.ENDED:
        links = [world.link(job, index) for index in range(job.count)]
        output = links if MODELS[job.model].listed else links[0]
    if job.more.get("canceled"):
        status, error, output = "canceled", None, None
    address = f"{world.home}/v1/predictions/{job.id}"
    return {
        "id": job.id,
        "model": job.model,
        "version": MODELS[job.model].version or "hidden",
        "input": job.more["input"],
        "logs": f"Using seed: {job.seed}\n",
        "output": output,
        "data_removed": False,
        "error": error,
        "source": "api",
        "status": status,
        "created_at": datetime.fromtimestamp(BEGAN + job.began, UTC).isoformat(),
        "urls": {"get": address, "cancel": f"{address}/cancel", "web": f"https://replicate.com/p/{job.id}"},
        "metrics": {"predict_time": 2.5, "total_time": 2.75} if stage is Stage.ENDED else {},
    }


def poll(asked: Asked, world: World) -> Answer:
    """A prediction as it is by now."""
    job = world.job(asked.args["id"])
    return STUB.unknown if job is None else Answer(json=_seen(job, world.stage(job), world))


def cancel(asked: Asked, world: World) -> Answer:
    """End it; one that has ended stays as it is."""
    job = world.job(asked.args["id"])
    if job is None:
        return STUB.unknown
    job.more["canceled"] = job.more.get("canceled", world.stage(job) is not Stage.ENDED)
    return Answer(json=_seen(job, world.stage(job), world))


def upload(asked: Asked, world: World) -> Answer:
    """Keep a file; its link is good as an input."""
    file = next(iter(asked.files("content")), None)
    if file is None:
        return problem(400, "Bad Request", "Missing content")
    name = world.keep(file.body)
    said = {
        "id": name,
        "name": file.filename,
        "content_type": file.mime,
        "size": len(file.body),
        "checksums": {"sha256": sha256(file.body).hexdigest()},
        "metadata": {},
        "created_at": datetime.fromtimestamp(BEGAN, UTC).isoformat(),
        "expires_at": None,
        "urls": {"get": f"{world.home}/v1/files/{name}"},
    }
    return Answer(status=201, json=said)


STUB = Stub(
    prefix="/v1",
    routes=(
        Route("POST", "/v1/models/{owner}/{name}/predictions", official, pays=True),
        Route("POST", "/v1/predictions", versioned, pays=True),
        Route("GET", "/v1/predictions/{id}", poll),
        Route("POST", "/v1/predictions/{id}/cancel", cancel),
        Route("POST", "/v1/files", upload),
        Route("GET", "/v1/account", lambda asked, world: Answer(json={"type": "user", "username": "stub", "name": ""})),
    ),
    key=lambda asked: bearer(asked) or bearer(asked, "Token"),
    refuses={
        Script.CREDENTIAL: problem(401, "Unauthenticated", "You did not pass a valid authentication token"),
        Script.CREDIT: problem(
            402,
            "Insufficient credit",
            "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to"
            " purchase credit. Once you purchase credit, please wait a few minutes before trying again.",
        ),
        Script.THROTTLED: Answer(
            status=429,
            json={
                "detail": "Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per"
                " minute with a burst of 1 requests while you have less than $5.0 in credit. Your rate limit resets in"
                " ~5s.",
                "status": 429,
                "retry_after": 5,
            },
        ),
        Script.UNAVAILABLE: problem(503, "Service Unavailable", "The service is temporarily unavailable."),
        Script.REJECTED: invalid([("number_lte", "input.num_outputs", "Must be less than or equal to 4")]),
    },
    unknown=problem(404, "Not found", "The requested resource could not be found."),
)
