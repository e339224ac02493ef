"""How OpenAI's Images API is asked: in JSON for a picture from words, in a form where pictures are sent along."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from providers.contract import (
    Account,
    Background,
    Call,
    Edit,
    EditKind,
    Format,
    Generate,
    ImageRequest,
    Model,
    Moderation,
    Note,
    Part,
    as_file,
)

VARIATION = "Create a variation of this picture: the same subject and style, a different take."
"""What is asked for where the caller wants a variation and gives no words: the vendor's own endpoint is gone."""

NAMES = {
    "user": "user",
    "background": "background",
    "compression": "output_compression",
    "moderation": "moderation",
    "complexity": "complexity",
    "frames": "frame_count",
    "frame_ms": "frame_duration_ms",
    "style": "style",
    "fidelity": "input_fidelity",
    # Not OpenAI's own, but what servers of open models take beside them (vLLM-Omni, SGLang, LocalAI).
    "seed": "seed",
    "negative": "negative_prompt",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "strength",
}
"""Our field, the wire's. A model is only ever asked for what it honours, so that nothing unknown is sent."""

ONLY = {
    "compression": (Format.JPEG, Format.WEBP),
    "frames": (Format.GIF,),
    "frame_ms": (Format.GIF,),
    "vector_model": (Format.SVG,),
    "vector_effort": (Format.SVG,),
}
"""Fields that some formats alone take; with any other they are a 400."""


def possible(request: ImageRequest, model: Model) -> tuple[ImageRequest, tuple[Note, ...]]:
    """The request without what the API refuses beside something else that was asked for, and notes of that."""
    encoding = request.format or model.formats[0]
    changes: dict[str, Any] = {}
    notes: list[Note] = []

    def leave(name: str, value: Any, detail: str, *, lossy: bool = True) -> None:
        changes[name] = value
        notes.append(Note(name, detail, lossy=lossy))

    for name, encodings in ONLY.items():
        if getattr(request, name) is not None and encoding not in encodings:
            leave(name, None, f"is for {' and '.join(encodings)}, not for {encoding}", lossy=name != "compression")
    if request.background is Background.TRANSPARENT and encoding is Format.JPEG:
        leave("background", None, "a JPEG cannot be transparent")
    if request.n > 1 and encoding is Format.SVG:
        leave("n", 1, "one drawing is made at a time")
    if request.previews and encoding in (Format.GIF, Format.SVG):
        leave("previews", 0, f"a {encoding} is not shown unfinished", lossy=False)
    if request.moderation is not None and not _from_words(request):
        leave("moderation", None, "is not taken where pictures are sent along", lossy=False)
    elif request.moderation is Moderation.OFF:
        leave("moderation", Moderation.LOW, "cannot be switched off; it is low", lossy=False)
    return replace(request, **changes) if changes else request, tuple(notes)


def call(request: ImageRequest, model: Model, account: Account) -> Call:
    """The one call of a conversation."""
    fields = _fields(request, model, account)
    streams = request.previews > 0
    if _from_words(request):
        url = f"{account.base}/images/generations"
        return Call(method="POST", url=url, json=fields, pays=True, stream=streams)
    url = f"{account.base}/images/edits"
    return Call(method="POST", url=url, form=_form(fields, request), pays=True, stream=streams)


def _from_words(request: ImageRequest) -> bool:
    return isinstance(request, Generate) and not request.references


def _fields(request: ImageRequest, model: Model, account: Account) -> dict[str, Any]:
    prompt = request.prompt
    if not prompt and isinstance(request, Edit) and request.kind is EditKind.VARIATION:
        prompt = VARIATION
    fields: dict[str, Any] = {"model": model.vendor_name, "prompt": prompt}
    if request.n > 1:
        fields["n"] = request.n
    for ours in model.honours:
        value = getattr(request, ours, None)
        if value is not None and ours in NAMES:
            fields[NAMES[ours]] = value
    if request.width is not None:
        fields["size"] = f"{request.width}x{request.height}"
    elif model.sizes.auto:
        fields["size"] = "auto"
    if request.quality is not None:
        fields["quality"] = account.options.get("qualities", {}).get(request.quality, request.quality)
    if request.format is not None and len(model.formats) > 1:
        fields["output_format"] = request.format
    if request.vector_model or request.vector_effort:
        effort = {"reasoning": {"effort": request.vector_effort}} if request.vector_effort else {}
        fields["svg"] = ({"model": request.vector_model} if request.vector_model else {}) | effort
    if request.previews:
        fields |= {"stream": True, "partial_images": request.previews}
    elif "response_format" in account.options:
        fields["response_format"] = account.options["response_format"]
    return fields


def _form(fields: dict[str, Any], request: ImageRequest) -> tuple[Part, ...]:
    parts: list[Part] = []
    for name, value in fields.items():
        if isinstance(value, dict):  # svg[model], svg[reasoning][effort]
            parts.extend(Part(name=f"{name}{path}", value=text) for path, text in _flat(value))
        else:
            parts.append(Part(name=name, value=str(value).lower() if isinstance(value, bool) else str(value)))
    mask = request.mask if isinstance(request, Edit) else None
    pictures = request.images if mask is None else request.images[:-1]
    name = "image" if len(pictures) == 1 else "image[]"
    parts.extend(as_file(name, image, f"image-{place}") for place, image in enumerate(pictures, 1))
    if mask is not None:
        parts.append(as_file("mask", mask.image))
    return tuple(parts)


def _flat(value: dict[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            pairs.extend((f"[{key}]{path}", text) for path, text in _flat(inner))
        else:
            pairs.append((f"[{key}]", inner))
    return pairs
