"""Google Gemini: one call that answers with the picture in it; what it refuses to draw it says on a 200.

https://ai.google.dev/api/generate-content  https://ai.google.dev/gemini-api/docs/image-generation
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Route, Script, Stub
from proxy.stub.world import Job, World, from_text, size_of

_WIDE_2_5 = {"1:1": (1024, 1024), "3:2": (1248, 832), "4:3": (1184, 864), "5:4": (1152, 896), "16:9": (1344, 768)}
_WIDE_3 = {"1:1": (1024, 1024), "3:2": (1264, 848), "4:3": (1200, 896), "5:4": (1152, 928), "16:9": (1376, 768)}
_LONG = {"4:1": (2064, 512), "8:1": (2928, 352)}


def _turned(wide: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    tall = {":".join(reversed(ratio.split(":"))): (height, width) for ratio, (width, height) in wide.items()}
    return wide | tall


_RATIOS_2_5 = _turned(_WIDE_2_5) | {"21:9": (1536, 672)}
_RATIOS_3 = _turned(_WIDE_3) | {"21:9": (1584, 672)}
_SCALES = {"512": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}


class Drawer(Struct, frozen=True):
    """What a model draws, and what it counts for it."""

    ratios: dict[str, tuple[int, int]]
    """At 1K."""
    tokens: dict[str, int]
    """Of one picture, by `imageSize`."""
    sizable: bool = True
    thinks: bool = True
    seen: int = 560
    """Tokens of a picture sent along."""
    drafts: bool = False
    """Shows what it drew on the way, as thoughts."""


MODELS = {
    "gemini-2.5-flash-image": Drawer(_RATIOS_2_5, {"1K": 1290}, sizable=False, thinks=False, seen=258),
    "gemini-3-pro-image": Drawer(_RATIOS_3, {"1K": 1120, "2K": 1120, "4K": 2000}, drafts=True),
    **{
        name: Drawer(_RATIOS_3 | _turned(_LONG), {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520})
        for name in ("gemini-3.1-flash-image", "gemini-3.1-flash-lite-image", "gemini-nano-banana-2.1")
    },
}
"""Imagen, and whatever was called `-preview`, was shut down: neither is found."""

_TYPES = {f"image/{name}" for name in ("png", "jpeg", "jpg", "webp", "heic", "heif", "gif", "avif")}
_HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY", "JAILBREAK")
_THRESHOLDS = {"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}
_REQUEST = {"contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig"}
_REQUEST |= {"cachedContent", "model", "store", "serviceTier"}
_PART = {"text", "inlineData", "fileData", "thought", "thoughtSignature", "partMetadata", "mediaResolution"}
_CONFIG = {"responseModalities", "imageConfig", "seed", "temperature", "candidateCount", "topP", "topK"}
_CONFIG |= {"maxOutputTokens", "stopSequences", "presencePenalty", "frequencyPenalty", "mediaResolution"}
_CONFIG |= {"thinkingConfig", "responseMimeType", "responseFormat"}
_THINKING = {"includeThoughts", "thinkingBudget", "thinkingLevel"}
_TYPE = "type.googleapis.com/google.rpc."


def _error(status: int, state: str, message: str, *details: dict[str, Any]) -> Answer:
    said: dict[str, Any] = {"code": status, "message": message, "status": state}
    return Answer(status=status, json={"error": said | ({"details": details} if details else {})})


class _Wrong(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    def __init__(self, message: str, field: str = "") -> None:
        violation = {"description": message} | ({"field": field} if field else {})
        detail = {"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]}
        self.answer = _error(400, "INVALID_ARGUMENT", message, *([detail] if field else []))


def _object(value: Any, known: set[str], place: str) -> dict[str, Any]:
    """A JSON object that has no field but those known; its place is told in the words of the protocol buffer."""
    if not isinstance(value, dict):
        raise _Wrong(f"Invalid value at '{place}' (type.googleapis.com/google.protobuf.Value)", place)
    for name in value:
        if name not in known:
            where = f" at '{place}'" if place else ""
            raise _Wrong(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.', place)
    return value


def _number(config: dict[str, Any], name: str, low: float, high: float, *, whole: bool = False) -> None:
    value: Any = config.get(name, low)
    place = f"generation_config.{name}"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise _Wrong(f"Invalid value at '{place}' ({'TYPE_INT32' if whole else 'TYPE_FLOAT'}), {value!r}", place)
    if not low <= value <= high:
        raise _Wrong(f"* GenerateContentRequest.{place}: must be in the range [{low}, {high}].\n", place)


def _parts(contents: Any) -> tuple[str, list[tuple[int, int]]]:
    """The words of a conversation and the sizes of its pictures."""
    if not isinstance(contents, list) or not contents:
        raise _Wrong("* GenerateContentRequest.contents: contents is not specified\n")
    words, sizes = [], []
    for turn, content in enumerate(contents):
        place = f"contents[{turn}]"
        if _object(content, {"role", "parts"}, place).get("role", "user") not in ("user", "model"):
            raise _Wrong("Please use a valid role: user, model.")
        if not content.get("parts"):
            raise _Wrong(f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n")
        for index, part in enumerate(content["parts"]):
            where = f"{place}.parts[{index}]"
            if len({"text", "inlineData", "fileData"} & _object(part, _PART, where).keys()) != 1:
                raise _Wrong(f"{where}.data: required oneof field 'data' must have one initialized field")
            if "fileData" in part:
                raise _Wrong("The File it names does not exist or cannot be read with this key.")
            if "text" in part:
                words.append(str(part["text"]))
                continue
            blob = _object(part["inlineData"], {"mimeType", "data"}, f"{where}.inline_data")
            if blob.get("mimeType") not in _TYPES:
                raise _Wrong(f"Unsupported MIME type: {blob.get('mimeType')}")
            data = str(blob.get("data", ""))
            body = b"" if data.startswith("data:") else from_text(data)
            if not body:
                raise _Wrong(f"Invalid value at '{where}.inline_data.data' (TYPE_BYTES), Base64 decoding failed", where)
            size = size_of(body)
            if size is None:
                raise _Wrong("Unable to process input image.")
            sizes.append(size)
    return "\n".join(words), sizes


def _configured(body: dict[str, Any], model: str) -> tuple[dict[str, Any], set[str]]:
    """The configuration of an answer and the kinds of part it is to have."""
    drawer = MODELS[model]
    config = _object(body.get("generationConfig", {}), _CONFIG, "generation_config")
    _number(config, "seed", -(1 << 31), (1 << 31) - 1, whole=True)
    _number(config, "temperature", 0.0, 2.0)
    _number(config, "topP", 0.0, 1.0)
    if config.get("candidateCount", 1) != 1:
        raise _Wrong("Multiple candidates is not enabled for this model")
    if "thinkingConfig" in config:
        _object(config["thinkingConfig"], _THINKING, "generation_config.thinking_config")
        if not drawer.thinks:
            raise _Wrong(f"Thinking is not enabled for models/{model}")
    kinds = {str(kind).upper() for kind in config.get("responseModalities", ["TEXT", "IMAGE"])}
    if kinds not in ({"TEXT", "IMAGE"}, {"IMAGE"}):
        raise _Wrong(
            f"The requested combination of response modalities ({', '.join(sorted(kinds))}) is not supported."
            f" models/{model} accepts the following combination of response modalities:\n* TEXT, IMAGE\n* IMAGE\n"
        )
    for index, setting in enumerate(body.get("safetySettings", [])):
        place = f"safety_settings[{index}]"
        _object(setting, {"category", "threshold"}, place)
        if str(setting.get("category")).removeprefix("HARM_CATEGORY_") not in _HARMS:
            raise _Wrong(f"* GenerateContentRequest.{place}: element predicate failed: $.category in (...)\n")
        if setting.get("threshold") not in _THRESHOLDS:
            raise _Wrong(f"Invalid value at '{place}.threshold' (type.googleapis.com/...HarmBlockThreshold)", place)
    image = _object(config.get("imageConfig", {}), {"aspectRatio", "imageSize"}, "generation_config.image_config")
    if "imageSize" in image and not drawer.sizable:
        raise _Wrong("Image size is not supported for this model.")
    for name, legal in (("aspectRatio", drawer.ratios), ("imageSize", drawer.tokens)):
        if name in image and image[name] not in legal:
            place = f"generation_config.image_config.{name}"
            raise _Wrong(f"* GenerateContentRequest.{place}: must be one of {', '.join(legal)}.\n", place)
    return config, kinds


def generate(asked: Asked, world: World) -> Answer:
    """Draw one picture, from words and perhaps from others."""
    model = asked.args["model"]
    if model not in MODELS:
        return _unfound(asked, world)
    try:
        body = _object(asked.json, _REQUEST, "")
        prompt, sizes = _parts(body.get("contents"))
        config, kinds = _configured(body, model)
    except _Wrong as wrong:
        return wrong.answer
    if asked.script is Script.FAILED:
        return _error(500, "INTERNAL", "An internal error has occurred. Please retry.")
    if asked.script is Script.MODERATED and not sizes:
        feedback = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": model}
        return Answer(json=feedback | {"usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}})
    drawer, image = MODELS[model], config.get("imageConfig", {})
    size = image.get("imageSize", "1K")
    width, height = drawer.ratios[image["aspectRatio"] if "aspectRatio" in image else _like(sizes, drawer)]
    job = world.take(
        model,
        prompt=prompt,
        width=int(width * _SCALES[size]),
        height=int(height * _SCALES[size]),
        seed=config.get("seed", 7),
        format=Format.JPEG if drawer.thinks else Format.PNG,
        script=asked.script,
    )
    told = {"TEXT": max(1, len(prompt) // 4)} | ({"IMAGE": drawer.seen * len(sizes)} if sizes else {})
    if job.script == Script.MODERATED:
        candidate: dict[str, Any] = {
            "content": {},
            "finishReason": "IMAGE_SAFETY",
            "finishMessage": "Unable to show the image.",
        }
        used = _used(told, {}, 0)
    else:
        drawn = {"role": "model", "parts": _drawn(job, world, drawer, kinds)}
        candidate = {"content": drawn, "finishReason": "STOP", "index": 0}
        used = _used(told, {"IMAGE": drawer.tokens[size]}, 120 if drawer.thinks else 0)
    return Answer(json={"candidates": [candidate], "usageMetadata": used, "modelVersion": model, "responseId": job.id})


def _like(sizes: list[tuple[int, int]], drawer: Drawer) -> str:
    """The ratio of the picture sent along, or as near to it as the model can."""
    width, height = sizes[-1] if sizes else (1, 1)
    return min(drawer.ratios, key=lambda ratio: abs(drawer.ratios[ratio][0] / drawer.ratios[ratio][1] - width / height))


def _drawn(job: Job, world: World, drawer: Drawer, kinds: set[str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if drawer.drafts:
        draft = replace(job, width=max(16, job.width // 8), height=max(16, job.height // 8))
        parts.append({"text": "Composing the picture.", "thought": True})
        parts.append(_picture(draft, world) | {"thought": True})
    if "TEXT" in kinds:
        parts.append({"text": "Here is your picture:"})
    return [*parts, _picture(job, world) | ({"thoughtSignature": "c3R1Yg=="} if drawer.thinks else {})]


def _picture(job: Job, world: World) -> dict[str, Any]:
    return {"inlineData": {"mimeType": job.format.mime, "data": world.picture_text(job)}}


def _used(told: dict[str, int], drawn: dict[str, int], thought: int) -> dict[str, Any]:
    """Tokens by kind; what was thought stands beside the answer's and not in it."""
    detailed = [[{"modality": kind, "tokenCount": count} for kind, count in side.items()] for side in (told, drawn)]
    asked, answered = sum(told.values()), sum(drawn.values())
    used: dict[str, Any] = {"promptTokenCount": asked, "totalTokenCount": asked + answered + thought}
    used |= {"promptTokensDetails": detailed[0]}
    if drawn:
        used |= {"candidatesTokenCount": answered, "candidatesTokensDetails": detailed[1]}
    return used | ({"thoughtsTokenCount": thought} if thought else {})


def _unfound(asked: Asked, world: World) -> Answer:
    return _error(
        404,
        "NOT_FOUND",
        f"models/{asked.args['model']} is not found for API version v1beta, or is not supported for generateContent."
        " Call ListModels to see the list of available models and their supported methods.",
    )


def _told(name: str) -> dict[str, Any]:
    return {"name": f"models/{name}", "version": "1", "supportedGenerationMethods": ["generateContent", "countTokens"]}


def one(asked: Asked, world: World) -> Answer:
    """A model."""
    name = asked.args["model"]
    return Answer(json=_told(name)) if name in MODELS else _unfound(asked, world)


_BAD_KEY = "API key not valid. Please pass a valid API key."

STUB = Stub(
    prefix="/v1beta",
    routes=(
        Route("POST", "/v1beta/models/{model}:generateContent", generate, pays=True),
        Route("POST", "/v1beta/models/{model}:predict", _unfound),
        Route("GET", "/v1beta/models", lambda asked, world: Answer(json={"models": [_told(name) for name in MODELS]})),
        Route("GET", "/v1beta/models/{model}", one),
    ),
    key=lambda asked: asked.headers.get("x-goog-api-key") or asked.query.get("key"),
    refuses={
        Script.CREDENTIAL: _error(
            400,
            "INVALID_ARGUMENT",
            _BAD_KEY,
            {"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
            {"@type": f"{_TYPE}LocalizedMessage", "locale": "en-US", "message": _BAD_KEY},
        ),
        # An empty account has the status of a busy one, and no time after which to try again.
        Script.CREDIT: _error(
            429,
            "RESOURCE_EXHAUSTED",
            "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your"
            " project and billing.",
        ),
        Script.THROTTLED: _error(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details. Please retry in 1.5s.",
            {
                "@type": f"{_TYPE}QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}],
            },
            {"@type": f"{_TYPE}RetryInfo", "retryDelay": "1.5s"},
        ),
        Script.UNAVAILABLE: _error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        Script.REJECTED: _Wrong("Invalid value at 'generation_config.seed' (TYPE_INT32)", "generation_config").answer,
    },
    unknown=Answer(status=404, body=b"<title>Error 404 (Not Found)!!1</title>", mime="text/html"),
)
