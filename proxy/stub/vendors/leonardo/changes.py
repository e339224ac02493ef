"""Pictures that are changed: enlarged, cut out of their background, zoomed out of."""

from __future__ import annotations

from typing import Any

from providers.contract import Format
from proxy.stub.contract import Answer, Asked, Script
from proxy.stub.vendors.leonardo.fields import (
    CUTOUT,
    SOURCES,
    UPSCALER,
    VARIATION,
    Wrong,
    checked,
    cost,
    inner,
    size_kept,
)
from proxy.stub.world import Stage, World, from_text, size_of


def cut_out(asked: Asked, world: World) -> Answer:
    """Remove a background: the second version's only model here, polled as the first version's are."""
    body: dict[str, Any] = asked.json if isinstance(asked.json, dict) else {}
    try:
        if body.get("model") != "remove-bg" or body.keys() - {"model", "public", "parameters"}:
            raise Wrong("Invalid model or parameters")
        parameters = checked(body.get("parameters"), CUTOUT, "generate", "guidances")
        shown = parameters["guidances"].get("image_reference")
        if not isinstance(shown, list) or len(shown) != 1:
            raise Wrong("image_reference must contain exactly 1 item")
        image = inner(inner(shown[0]).get("image"))
        size = size_of(from_text(str(image["data"]))) if image.get("type") == "BASE64" and "data" in image else None
        size = size or size_kept(
            world, image.get("id"), image.get("type"), of=tuple(SOURCES.values()), refused="couldn't access image"
        )
    except Wrong as wrong:  # the second version's errors are a list, on a 200
        details = {"code": "VALIDATION_ERROR", "details": {"message": wrong.message}}
        return Answer(json=[{"message": wrong.message, "extensions": details}])
    suffix = parameters.get("format", "png")
    format_ = Format.JPEG if suffix == "jpg" else Format(suffix)
    job = world.take("remove-bg", width=size[0], height=size[1], format=format_, script=asked.script)
    return Answer(json={"generate": {"generationId": job.id, **cost(70)}})


VARIATIONS = {
    "upscale": ("sdUpscaleJob", "UPSCALE", 15),
    "nobg": ("sdNobgJob", "NOBG", 5),
    "unzoom": ("sdUnzoomJob", "UNZOOM", 15),
}
"""By path: where the answer has the job, what it is called when polled, and its credits."""


def vary(asked: Asked, world: World) -> Answer:
    """Change a picture that was generated here; uploaded ones are not known to this."""
    answer, transform, credit = VARIATIONS[asked.path.rpartition("/")[2]]
    fields = {"id": VARIATION["id"]} if transform == "UPSCALE" else VARIATION
    try:
        body = checked(asked.json, fields, answer, "id")
        again = body.get("isVariation", False)
        refused = "failed to find init variation" if again else "couldn't access image"
        kind = "VARIATION" if again else "GENERATED"
        size = size_kept(world, body["id"], kind, of=(kind,), refused=refused)
    except Wrong as wrong:
        return wrong.answer
    times = 2 if transform == "UPSCALE" else 1
    return _varied(asked, world, answer, transform, (size[0] * times, size[1] * times), credit)


def upscale(asked: Asked, world: World) -> Answer:
    """Enlarge a picture, whether uploaded, generated or varied."""
    try:
        body = checked(asked.json, UPSCALER, "universalUpscaler")
        named = [name for name in SOURCES if name in body]
        ultra = "ultraUpscaleStyle" in body
        if len(named) != 1 or (ultra and "upscalerStyle" in body):
            raise Wrong("Service Error")
        if not ultra and body.keys() & {"detailContrast", "similarity"}:
            raise Wrong("detailContrast and similarity can only be used with ultraUpscaleStyle")
        kind = SOURCES[named[0]]
        size = size_kept(world, body[named[0]], kind, of=(kind,), refused="couldn't access image")
        width, height = (round(side * body.get("upscaleMultiplier", 1.5)) for side in size)
        if width * height > 20_000_000:
            raise Wrong("invalid dimensions")
    except Wrong as wrong:
        return wrong.answer
    return _varied(asked, world, "universalUpscaler", "UPSCALE", (width, height), 70, prompt=body.get("prompt", ""))


def _varied(
    asked: Asked, world: World, answer: str, transform: str, size: tuple[int, int], credit: int, prompt: str = ""
) -> Answer:
    format_ = Format.PNG if transform == "NOBG" else Format.JPEG
    job = world.take(
        asked.path.rpartition("/")[2],
        prompt=prompt,
        width=size[0],
        height=size[1],
        format=format_,
        script=asked.script,
        more={"transform": transform},
    )
    return Answer(json={answer: {"id": job.id, **cost(credit)}})


def variation(asked: Asked, world: World) -> Answer:
    """How far a variation is, in a list."""
    job = world.job(asked.args["id"])
    if job is None or "transform" not in job.more:
        return Answer(json={"generated_image_variation_generic": []})
    ended = world.stage(job) is Stage.ENDED
    status = "PENDING" if not ended else "FAILED" if job.script == Script.FAILED else "COMPLETE"
    if status == "COMPLETE" and world.kept(f"VARIATION {job.id}") is None:
        world.fill(f"VARIATION {job.id}", world.picture(job))
    told = {"id": job.id, "status": status, "url": world.link(job) if status == "COMPLETE" else None}
    told |= {"createdAt": "2026-11-21T10:42:59.533", "transformType": job.more["transform"]}
    return Answer(json={"generated_image_variation_generic": [told]})
