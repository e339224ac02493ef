"""How a pipeline is asked for what a request wants: from words, from another picture, or inside a mask.

Worker process only: imports diffusers. A field the pipeline cannot honour is refused here, never dropped.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting
from msgspec import Struct
from PIL import Image as Pillow
from PIL import ImageOps

from providers.contract import Code, Edit, EditKind, Failure, Fault, Generate, ImageRequest
from proxy.renderer.asked import size_of
from proxy.renderer.loads import Load
from proxy.renderer.pictures import changing, decode, flat
from proxy.renderer.pipelines import Pipeline

Size = tuple[int, int]

DEFAULT_STRENGTH = 0.6
"""How far a result may move from its reference where the request does not say."""
LEAST_STRENGTH = 0.01
MOST_STEPS = 1000
"""What diffusion models are trained on; schedulers have no more."""
_LEAST_SIDE = 16


class Way(Struct, frozen=True):
    """A pipeline, what to call it with, and what to do to each picture it gives."""

    pipeline: Pipeline
    options: dict[str, Any]
    finish: Callable[[Pillow.Image], Pillow.Image]


def way_of(pipeline: Pipeline, load: Load, request: ImageRequest) -> Way:
    """The way for this request. Raises REJECTED, naming the field, for what this pipeline cannot do."""
    match request:
        case Generate(references=()):
            return _from_words(pipeline, load, request)
        case Generate(references=(_,)):
            return _from_picture(pipeline, load, request)
        case Generate():
            raise _refusal("takes one picture to lean on, not several", "image")
        case Edit(kind=EditKind.INPAINT, mask=None):
            raise _refusal("needs a mask to change a part of a picture", "mask", Code.MISSING)
        case Edit(kind=EditKind.INPAINT):
            return _in_mask(pipeline, load, request)
    raise _refusal(f"does not do {request.operation}", "model")


def _from_words(pipeline: Pipeline, load: Load, request: Generate) -> Way:
    width, height = size_of(request)
    step = _step(pipeline)
    if width % step or height % step:
        raise _refusal(f"draws sides in steps of {step} pixels, not {width}x{height}", "size")
    _check_area(load, (width, height))
    options = _options(pipeline, load, request) | {"width": width, "height": height}
    return Way(pipeline, options, lambda drawn: drawn)


def _from_picture(pipeline: Pipeline, load: Load, request: Generate) -> Way:
    strength = DEFAULT_STRENGTH if request.strength is None else request.strength
    if not LEAST_STRENGTH <= strength <= 1:
        raise _refusal(f"takes a strength of {LEAST_STRENGTH} to 1, not {strength}", "strength")
    pipeline = _sibling(AutoPipelineForImage2Image, pipeline)
    picture = flat(decode(request.references[0]))
    size = _frame(load, request, picture)
    options = _options(pipeline, load, request)
    steps = options.get("num_inference_steps") or _usual(pipeline, "num_inference_steps")
    options["num_inference_steps"] = max(steps, math.ceil(1 / strength))  # that part of them is run: at least one
    options |= {"image": _padded(_fitted(picture, size), pipeline), "strength": strength}
    return Way(pipeline, options, lambda drawn: drawn.crop((0, 0, *size)))


def _in_mask(pipeline: Pipeline, load: Load, request: Edit) -> Way:
    assert request.mask is not None
    pipeline = _sibling(AutoPipelineForInpainting, pipeline)
    picture = flat(decode(request.pictures[0]))
    mask = changing(request.mask, picture.size)
    size = _frame(load, request, picture)
    picture, mask = _fitted(picture, size), _fitted(mask, size)
    image = _padded(picture, pipeline)
    options = _options(pipeline, load, request)
    options |= {"image": image, "mask_image": _padded(mask, pipeline), "width": image.width, "height": image.height}

    def finish(drawn: Pillow.Image) -> Pillow.Image:
        """What the mask keeps is put back: a trip through the latents changes it a little."""
        return Pillow.composite(drawn.crop((0, 0, *size)), picture, mask)

    return Way(pipeline, options, finish)


def _options(pipeline: Pipeline, load: Load, request: ImageRequest) -> dict[str, Any]:
    """What every way has; what neither request nor load says is left to the pipeline."""
    wanted = {
        "negative": ("negative_prompt", request.negative, None),
        "steps": ("num_inference_steps", request.steps, load.steps),
        "guidance": ("guidance_scale", request.guidance, load.guidance),
    }
    if request.steps is not None and not 1 <= request.steps <= MOST_STEPS:
        code = Code.BELOW_MINIMUM if request.steps < 1 else Code.ABOVE_MAXIMUM
        raise _refusal(f"takes 1 to {MOST_STEPS} steps, not {request.steps}", "steps", code)
    takes = inspect.signature(pipeline.__call__).parameters
    options: dict[str, Any] = {"prompt": request.prompt}
    for field, (name, asked, usual) in wanted.items():
        if asked is not None and name not in takes:
            raise _refusal(f"takes no {field}", field)
        value = usual if asked is None else asked
        if value is not None and name in takes:
            options[name] = value
    return options


def _usual(pipeline: Pipeline, option: str) -> Any:
    """The pipeline's own default of an option."""
    return inspect.signature(pipeline.__call__).parameters[option].default


def _sibling(kind: Any, pipeline: Pipeline) -> Pipeline:
    """The pipeline of that auto class that shares this one's weights; any other class would cast them to float32."""
    try:
        sibling = kind.from_pipe(pipeline)
    except ValueError as error:  # the family has none
        raise _refusal("draws from words only", "model") from error
    sibling.set_progress_bar_config(disable=True)
    return sibling


def _frame(load: Load, request: ImageRequest, picture: Pillow.Image) -> Size:
    """The size to deliver, whatever steps the pipeline draws in: the one asked for, else the picture's own."""
    size = picture.size  # of the upright picture: its header may have it lying
    if request.width is not None and request.height is not None:
        size = request.width, request.height
    _check_area(load, size)
    return size


def _fitted(picture: Pillow.Image, size: Size) -> Pillow.Image:
    """Scaled and cropped around its middle, not stretched."""
    return picture if picture.size == size else ImageOps.fit(picture, size)


def _padded(picture: Pillow.Image, pipeline: Pipeline) -> Pillow.Image:
    """Grown right and down to sides the pipeline can draw; `finish` cuts that off again."""
    step = _step(pipeline)
    size = math.ceil(picture.width / step) * step, math.ceil(picture.height / step) * step
    if size == picture.size:
        return picture
    padded = picture.resize(size)  # something like the picture, which disturbs it less than a hard edge
    padded.paste(picture)
    return padded


def _check_area(load: Load, size: Size) -> None:
    if min(size) < _LEAST_SIDE:
        raise _refusal(f"draws sides from {_LEAST_SIDE} pixels, not {size[0]}x{size[1]}", "size", Code.BELOW_MINIMUM)
    if size[0] * size[1] > load.max_pixels:
        raise _refusal(f"draws at most {load.max_pixels} pixels, not {size[0]}x{size[1]}", "size", Code.ABOVE_MAXIMUM)


def _step(pipeline: Pipeline) -> int:
    """Pixels that both sides are a multiple of: the latents' and a patch of them; the library insists on eight."""
    patch = getattr(pipeline, "patch_size", 1)
    return math.lcm(8, pipeline.image_processor.config.vae_scale_factor, pipeline.vae_scale_factor * patch)


def _refusal(what: str, field: str, code: Code = Code.INVALID) -> Failure:
    return Failure(Fault.REJECTED, f"this local model {what}", code=code, field=field)
