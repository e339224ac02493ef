"""Stability AI: a form for every endpoint, answered with the picture itself; two endpoints answer with an id to poll.

https://platform.stability.ai/docs/api-reference  Also a request of words alone is `multipart/form-data`. Prices are
flat credits by endpoint; no answer states them.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

from providers.contract import Format, sniff
from proxy.stub.contract import Answer, Asked, Route, Script, Stub, bearer, unknown_fields
from proxy.stub.world import Job, Stage, World, size_of

MOST_BYTES = 10 << 20
MOST_SEED = 4_294_967_294
ANY = 1_000_000
SIDES = ("left", "right", "up", "down")
SHAPES = {"1:1": (1024, 1024), "5:4": (1152, 896), "3:2": (1216, 832), "16:9": (1344, 768), "21:9": (1536, 640)}
SHAPES |= {":".join(reversed(name.split(":"))): (height, width) for name, (width, height) in SHAPES.items()}
STYLES = "enhance anime photographic digital-art comic-book fantasy-art line-art analog-film neon-punk isometric "
STYLES += "low-poly origami modeling-compound cinematic 3d-model pixel-art tile-texture"
ENUMS = {
    "aspect_ratio": list(SHAPES),
    "output_format": ["png", "jpeg", "webp"],
    "style_preset": STYLES.split(),
    "mode": ["text-to-image", "image-to-image"],
    "model": ["sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash"],
    "keep_original_background": ["true", "false"],
    "light_source_direction": ["left", "right", "above", "below"],
}
SHARES = "strength control_strength fidelity style_strength composition_fidelity preserve_original_subject"
SHARES += " original_background_depth light_source_strength"
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(SHARES.split(), (0, 1)),
    **dict.fromkeys(SIDES, (0, 2000)),
    "seed": (0, MOST_SEED),
    "cfg_scale": (1, 10),
    "grow_mask": (0, 20),
    "change_strength": (0.1, 1),
}


class Endpoint(Struct, frozen=True):
    """What an endpoint takes. Names stand with spaces between; each takes `output_format` too."""

    needs: str
    takes: str = ""
    ranges: dict[str, tuple[float, float]] = {}
    """Where they are others than usual."""
    ratio: float = 2.5
    """Long side over short side of its first picture, at most."""
    pixels: tuple[int, int] = (4096, 9_437_184)
    """Of a picture sent along, but the mask."""
    sides: tuple[int, int] = (64, 16_384)


SAID = "negative_prompt seed style_preset "
RELIT = "background_reference light_reference "
LIGHT = "preserve_original_subject keep_original_background original_background_depth light_source_direction "
LIGHT += "light_source_strength background_prompt foreground_prompt negative_prompt seed"
OVER_SD3 = "aspect_ratio model mode image strength cfg_scale"
OUT = "left right up down creativity prompt seed style_preset"
KEPT = "prompt negative_prompt seed style_strength composition_fidelity change_strength"
ENDPOINTS = {
    "generate/ultra": Endpoint("prompt", SAID + "aspect_ratio image strength", {}, ANY, (4096, ANY**2)),
    "generate/core": Endpoint("prompt", SAID + "aspect_ratio"),
    "generate/sd3": Endpoint("prompt", SAID + OVER_SD3, {}, ANY, (4096, ANY**2)),
    "upscale/fast": Endpoint("image", "", {}, ANY, (1024, 1_048_576), (32, 1536)),
    "upscale/conservative": Endpoint("image prompt", "negative_prompt seed creativity", {"creativity": (0.2, 0.5)}),
    "upscale/creative": Endpoint("image prompt", SAID + "creativity", {"creativity": (0.1, 0.5)}, ANY, (4096, 1 << 20)),
    "edit/erase": Endpoint("image", "mask grow_mask seed", {}, ANY),
    "edit/inpaint": Endpoint("image prompt", SAID + "mask grow_mask", {"grow_mask": (0, 100)}, ANY),
    "edit/outpaint": Endpoint("image", OUT, {"creativity": (0, 1)}),
    "edit/search-and-replace": Endpoint("image prompt search_prompt", SAID + "grow_mask"),
    "edit/search-and-recolor": Endpoint("image prompt select_prompt", SAID + "grow_mask"),
    "edit/remove-background": Endpoint("image", "", {}, ANY, (4096, 4_194_304)),
    "edit/replace-background-and-relight": Endpoint("subject_image", RELIT + LIGHT),
    "control/sketch": Endpoint("prompt image", SAID + "control_strength"),
    "control/structure": Endpoint("prompt image", SAID + "control_strength"),
    "control/style": Endpoint("prompt image", SAID + "fidelity aspect_ratio"),
    "control/style-transfer": Endpoint("init_image style_image", KEPT, sides=(64, 16_383)),
}
POLLED = {"upscale/creative", "edit/replace-background-and-relight"}
FIRST = ("image", "init_image", "subject_image")
"""The picture that is worked on; it gives the result its size."""


def refusal(status: int, name: str, *errors: str) -> Answer:
    """An error, the way all of them look."""
    return Answer(status=status, json={"id": "2bca35116bc5431d6dc4b4ea2ef3da2f", "name": name, "errors": errors})


def submit(asked: Asked, world: World) -> Answer:
    """Check everything at once, then draw; or take a job, where it is polled."""
    path = f"{asked.args['kind']}/{asked.args['name']}"
    endpoint = ENDPOINTS.get(path)
    if endpoint is None:
        return STUB.unknown
    if not asked.headers.get("content-type", "").startswith("multipart/form-data"):
        return refusal(400, "bad_request", "content-type: must be multipart/form-data")
    if path not in POLLED and asked.headers.get("accept", "image/*") not in ("image/*", "application/json"):
        return refusal(400, "bad_request", "accept: must be one of image/*, application/json")
    if sum(len(value) if isinstance(value, str) else len(value.body) for _, value in asked.fields) > MOST_BYTES:
        return refusal(413, "payload_too_large", "body: payloads cannot be larger than 10MiB in size")
    wrong = [*_texts(asked, path, endpoint), *_pictures(asked, endpoint), *_together(asked, path, asked.names())]
    if wrong:
        return refusal(400, "bad_request", *wrong)
    letters = [letter for letter in asked.texts().get("prompt", "") if letter.isalpha()]
    if letters and not any(letter.isascii() for letter in letters):
        return refusal(422, "invalid_language", "English is the only supported language for this service.")
    if asked.script == Script.MODERATED and not any(asked.files(name) for name in FIRST):
        # words are refused; over a picture, what came of it is held back instead
        said = "Your request was flagged by our content moderation system, as a result your request was denied"
        return refusal(403, "content_moderation", f"{said} and you were not charged.")
    if asked.script == Script.FAILED and path not in POLLED:
        return STUB.refuses[Script.UNAVAILABLE]
    job = _taken(asked, path, world)
    return Answer(json={"id": _shown(job)}) if path in POLLED else _drawn(asked, job, world)


def _texts(asked: Asked, path: str, endpoint: Endpoint) -> Iterator[str]:
    """Fields that are unknown or missing, and values that are illegal."""
    texts, ranges = asked.texts(), RANGES | endpoint.ranges
    # the vendor's own examples send an empty part `none`, to make a form of words alone
    known = {*endpoint.needs.split(), *endpoint.takes.split(), "output_format", "none"}
    yield from (f"{name}: unknown field" for name in unknown_fields(asked, known))
    for name in endpoint.needs.split():
        if not (asked.files(name) if name.endswith("image") else texts.get(name)):
            yield f"{name}: is required"
    for name, text in texts.items():
        allowed = ["png", "webp"] if (name, path) == ("output_format", "edit/remove-background") else ENUMS.get(name)
        if allowed is not None and text not in allowed:
            yield f"{name}: must be one of {', '.join(allowed)}"
        elif name.endswith("prompt") and len(text) > 10_000:
            yield f"{name}: cannot be longer than 10000 characters"
        elif name in ranges:
            try:
                value = int(text) if name in (*SIDES, "seed") else float(text)
            except ValueError:
                value = float("nan")  # in no range
            if not ranges[name][0] <= value <= ranges[name][1]:
                yield f"{name}: must be a number between {ranges[name][0]} and {ranges[name][1]}"


def _pictures(asked: Asked, endpoint: Endpoint) -> Iterator[str]:
    for name, value in asked.fields:
        if not (name == "mask" or name.endswith("image") or name in RELIT.split()):
            continue
        size = None if isinstance(value, str) else size_of(value.body)
        if isinstance(value, str) or size is None or sniff(value.body) not in ENUMS["output_format"]:
            yield f"{name}: must be a picture of type image/jpeg, image/png or image/webp"
        elif name == "mask":  # of another size it is made to fit
            continue
        elif not endpoint.sides[0] <= min(size) <= max(size) <= endpoint.sides[1]:
            yield f"{name}: each side must be between {endpoint.sides[0]} and {endpoint.sides[1]} pixels"
        elif not endpoint.pixels[0] <= size[0] * size[1] <= endpoint.pixels[1]:
            yield f"{name}: must have between {endpoint.pixels[0]} and {endpoint.pixels[1]} pixels"
        elif name in FIRST and max(size) > endpoint.ratio * min(size):
            yield f"{name}: aspect ratio must be between 1:2.5 and 2.5:1"


def _together(asked: Asked, path: str, names: set[str]) -> list[str]:
    """What is wrong with fields beside each other."""
    texts = asked.texts()
    if path == "generate/ultra" and "image" in names and "strength" not in names:
        return ["strength: is required when image is provided"]
    if path == "generate/sd3":
        drawn_over = texts.get("mode") == "image-to-image"
        forbidden = {"aspect_ratio"} if drawn_over else {"image", "strength"}
        lacking = {"image", "strength"} - names if drawn_over else set()
        wrong = [f"{name}: not valid for {texts.get('mode', 'text-to-image')}" for name in sorted(forbidden & names)]
        return wrong + [f"{name}: is required for image-to-image" for name in sorted(lacking)]
    if path == "edit/outpaint" and not any(texts.get(side, "0").strip("0") for side in SIDES):
        return ["at least one outpaint direction (left, right, up or down) must be non-zero"]
    if path == "edit/replace-background-and-relight":
        if not names & {"background_reference", "background_prompt"}:
            return ["either background_reference or background_prompt must be provided"]
        if "light_source_strength" in names and not names & {"light_reference", "light_source_direction"}:
            return ["light_source_strength: requires light_reference or light_source_direction"]
    return []


def _taken(asked: Asked, path: str, world: World) -> Job:
    texts = asked.texts()
    sent = next((size_of(file.body) for name in FIRST for file in asked.files(name)), None)
    width, height = SHAPES[texts.get("aspect_ratio", "1:1")]
    if path == "generate/core":  # 1.5 megapixels, where the others have one
        width, height = width * 5 // 4, height * 5 // 4
    elif sent is not None and path != "control/style":
        across, down = (sum(int(texts.get(side, 0)) for side in SIDES[at : at + 2]) for at in (0, 2))
        # fast is four times as large; the others come to four megapixels whatever they are given
        times = 4.0 if path == "upscale/fast" else (2048**2 / (sent[0] * sent[1])) ** 0.5 if "upscale" in path else 1.0
        width, height = round(sent[0] * times) + across, round(sent[1] * times) + down
    filtered = asked.script == Script.MODERATED
    job = world.take(
        texts.get("model", "sd3.5-large") if path == "generate/sd3" else path,
        prompt="" if filtered else texts.get("prompt") or texts.get("background_prompt", ""),
        width=width,
        height=height,
        format=Format(texts.get("output_format", "png")),
        seed=int(texts.get("seed", 0)),
        clear=path == "edit/remove-background",
        script=asked.script,
    )
    job.seed = job.seed or UUID(job.id).int % MOST_SEED + 1  # none, and 0, leave it to the vendor
    return job


def _shown(job: Job) -> str:
    """The id callers see, of 64 characters."""
    return UUID(job.id).hex * 2


def _drawn(asked: Asked, job: Job, world: World) -> Answer:
    reason = "CONTENT_FILTERED" if job.script == Script.MODERATED else "SUCCESS"
    headers = {"x-request-id": UUID(job.id).hex}
    if asked.headers.get("accept") == "application/json":
        said = {"image": world.picture_text(job), "seed": job.seed, "finish_reason": reason}
        return Answer(json=said, mime=f"application/json; type={job.format.mime}", headers=headers)
    headers |= {"finish-reason": reason, "seed": str(job.seed)}
    return Answer(body=world.picture(job), mime=job.format.mime, headers=headers)


def poll(asked: Asked, world: World) -> Answer:
    """202 while it is made, then the picture; a failure has no body of its own."""
    name, pictures = asked.args["id"], "image/*" if "creative" in asked.path else "*/*"
    if asked.headers.get("accept", pictures) not in (pictures, "application/json"):
        return refusal(400, "bad_request", f"accept: must be one of {pictures}, application/json")
    job = world.job("-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:32])))
    gone = job is not None and job.script == Script.EXPIRED and world.stage(job) is Stage.ENDED
    if job is None or _shown(job) != name or gone:
        return refusal(404, "generation_not_found", "id: the generation either does not exist or has expired.")
    if world.stage(job) is not Stage.ENDED:
        return Answer(status=202, json={"id": name, "status": "in-progress"})
    return STUB.refuses[Script.UNAVAILABLE] if job.script == Script.FAILED else _drawn(asked, job, world)


STUB = Stub(
    routes=(
        Route("POST", "/v2beta/stable-image/{kind}/{name}", submit, pays=True),
        Route("GET", "/v2beta/results/{id}", poll),
        Route("GET", "/v2beta/stable-image/upscale/creative/result/{id}", poll),
        Route("GET", "/v1/user/balance", lambda asked, world: Answer(json={"credits": 1000.0})),
    ),
    key=bearer,
    refuses={
        Script.CREDENTIAL: refusal(401, "unauthorized", "authorization: is invalid or missing"),
        Script.CREDIT: refusal(402, "payment_required", "You lack sufficient credits to make this request."),
        Script.THROTTLED: refusal(
            429,
            "rate_limit_exceeded",
            "You have exceeded the rate limit of 150 requests within a 10 second period,"
            " and have been timed out for 60 seconds.",
        ),
        Script.UNAVAILABLE: refusal(
            500, "internal_error", "An unexpected server error has occurred, please try again later."
        ),
        Script.REJECTED: refusal(400, "bad_request", "prompt: cannot be longer than 10000 characters"),
    },
    unknown=refusal(404, "not_found", "the requested resource does not exist"),
)
