"""How a pipeline is called for what a request wants: from words, from or after another picture, or inside a mask.

A field the pipeline cannot honour is refused here, before anything is computed; never dropped.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image
from msgspec import Struct
from PIL import Image as Pillow
from PIL import ImageOps, ImageStat

from providers.contract import (
    Code,
    Control,
    ControlKind,
    Edit,
    EditKind,
    Failure,
    Fault,
    Format,
    Generate,
    ImageRequest,
)
from proxy.renderer.asked import size_of
from proxy.renderer.engine.families.contract import Opened, Pipeline
from proxy.renderer.engine.opening import CONTROLNET
from proxy.renderer.loads import Load
from proxy.renderer.pictures import changing, decode, flat

Size = tuple[int, int]

DEFAULT_STRENGTH = 0.6
"""How far a result may move from its reference where the request does not say."""
LEAST_STRENGTH = 0.01
MOST_STEPS = 1000
"""What diffusion models are trained on; schedulers have no more."""
_LEAST_SIDE = 16


class Way(Struct, frozen=True):
    """A pipeline, what to call it with, and what to do to the picture it gives."""

    pipeline: Pipeline
    options: dict[str, Any]
    finish: Callable[[Pillow.Image], Pillow.Image]
    width: int
    """Of the picture as drawn, likewise `height`."""
    height: int


def way_of(opened: Opened, request: ImageRequest) -> Way:
    """The way for this request. Raises REJECTED, naming the field, for what this model cannot do."""
    if request.format is Format.SVG:
        raise refusal("makes png, jpeg or webp, not svg", "format")
    match request:
        case Generate(references=()):
            return _from_words(opened, request)
        case Generate(references=(_,)):
            return _from_picture(opened, request)
        case Generate():
            raise refusal("takes one picture to lean on, not several", "image")
        case Edit(kind=EditKind.INPAINT, mask=None):
            raise refusal("needs a mask to change a part of a picture", "mask", Code.MISSING)
        case Edit(kind=EditKind.INPAINT):
            return _in_mask(opened, request)
        case Control(kind=ControlKind.SKETCH | ControlKind.STRUCTURE) if CONTROLNET in opened.kept:
            return _steered(opened, request)
    raise refusal(f"does not do {request.operation}", "model")


def _from_words(opened: Opened, request: Generate) -> Way:
    if _masks_only(opened.pipeline):
        raise refusal("changes parts of pictures only: it needs one, and a mask", "mask", Code.MISSING)
    pipeline = opened.pipeline
    if "image" in inspect.signature(type(pipeline).__call__).parameters:  # the folder names its class for pictures
        pipeline = _sibling(AutoPipelineForText2Image, opened)
    width, height = size_of(request)
    step = _step(pipeline)
    if width % step or height % step:
        raise refusal(f"draws sides in steps of {step} pixels, not {width}x{height}", "size")
    _check_area(opened.load, (width, height))
    options = options_of(pipeline, opened.load, request) | {"width": width, "height": height}
    return Way(pipeline, options, lambda drawn: drawn, width, height)


def _from_picture(opened: Opened, request: Generate) -> Way:
    if _masks_only(opened.pipeline):
        raise refusal("changes parts of pictures only: it needs a mask", "mask", Code.MISSING)
    strength = DEFAULT_STRENGTH if request.strength is None else request.strength
    if not LEAST_STRENGTH <= strength <= 1:
        raise refusal(f"takes a strength of {LEAST_STRENGTH} to 1, not {strength}", "strength")
    pipeline = _sibling(AutoPipelineForImage2Image, opened)
    picture = flat(decode(request.references[0]))
    size = _frame(opened.load, request, picture)
    image = _padded(_fitted(picture, size), pipeline)
    options = options_of(pipeline, opened.load, request)
    steps = options.get("num_inference_steps") or _usual(pipeline, "num_inference_steps")
    options["num_inference_steps"] = max(steps, math.ceil(1 / strength))  # that part of them is run: at least one
    options |= {"image": image, "strength": strength} | _sides(pipeline, image)
    return Way(pipeline, options, lambda drawn: drawn.crop((0, 0, *size)), *image.size)


def _in_mask(opened: Opened, request: Edit) -> Way:
    assert request.mask is not None
    pipeline = _sibling(AutoPipelineForInpainting, opened)
    picture = flat(decode(request.pictures[0]))
    mask = changing(request.mask, picture.size)
    size = _frame(opened.load, request, picture)
    picture, mask = _fitted(picture, size), _fitted(mask, size)
    image = _padded(picture, pipeline)
    options = options_of(pipeline, opened.load, request)
    options |= {"image": image, "mask_image": _padded(mask, pipeline)} | _sides(pipeline, image)

    def finish(drawn: Pillow.Image) -> Pillow.Image:
        """What the mask keeps is put back: a trip through the latents changes it a little."""
        return Pillow.composite(drawn.crop((0, 0, *size)), picture, mask)

    return Way(pipeline, options, finish, *image.size)


def _steered(opened: Opened, request: Control) -> Way:
    """By the model's ControlNet. It is shown the picture itself, made into lines on black where that is a sketch."""
    pipeline = _sibling(AutoPipelineForText2Image, opened, **{CONTROLNET: opened.kept[CONTROLNET]})
    takes = inspect.signature(type(pipeline).__call__).parameters
    picture = flat(decode(request.picture))
    size = _frame(opened.load, request, picture)
    image = _padded(_fitted(picture, size), pipeline)
    if request.kind is ControlKind.SKETCH:
        image = _lines(image)
    options = options_of(pipeline, opened.load, request)
    options |= {"control_image" if "control_image" in takes else "image": image} | _sides(pipeline, image)
    if request.strength is not None:
        options["controlnet_conditioning_scale"] = float(request.strength)
    return Way(pipeline, options, lambda drawn: drawn.crop((0, 0, *size)), *image.size)


def _lines(sketch: Pillow.Image) -> Pillow.Image:
    """Light lines on a dark ground, as ControlNets for sketches have learnt them; people draw dark on light."""
    light = ImageStat.Stat(sketch.convert("L")).mean[0] > 127
    return ImageOps.invert(sketch) if light else sketch


def options_of(pipeline: Pipeline, load: Load, request: ImageRequest) -> dict[str, Any]:
    """What every way has; what neither request nor load says is left to the pipeline."""
    wanted = {
        "negative": ("negative_prompt", request.negative, None),
        "steps": ("num_inference_steps", request.steps, load.steps),
        "guidance": ("guidance_scale", request.guidance, load.guidance),
    }
    if request.steps is not None and not 1 <= request.steps <= MOST_STEPS:
        code = Code.BELOW_MINIMUM if request.steps < 1 else Code.ABOVE_MAXIMUM
        raise refusal(f"takes 1 to {MOST_STEPS} steps, not {request.steps}", "steps", code)
    takes = inspect.signature(type(pipeline).__call__).parameters
    options: dict[str, Any] = {"prompt": request.prompt}
    for field, (name, asked, usual) in wanted.items():
        if asked is not None and name not in takes:
            raise refusal(f"takes no {field}", field)
        value = usual if asked is None else asked
        if value is not None and name in takes:
            options[name] = value
    return options


def refusal(what: str, field: str, code: Code = Code.INVALID) -> Failure:
    """Why this model does not do what was asked."""
    return Failure(Fault.REJECTED, f"this local model {what}", code=code, field=field)


def _usual(pipeline: Pipeline, option: str) -> Any:
    """The pipeline's own default of an option."""
    return inspect.signature(type(pipeline).__call__).parameters[option].default


def _sides(pipeline: Pipeline, image: Pillow.Image) -> dict[str, int]:
    """The size, where the pipeline does not take it from the picture."""
    takes = inspect.signature(type(pipeline).__call__).parameters
    return {"width": image.width, "height": image.height} if "width" in takes else {}


def _masks_only(pipeline: Pipeline) -> bool:
    """Are its weights made for masks? Its denoiser is then given mask and picture beside the latents."""
    unet = getattr(pipeline, "unet", None)
    return unet is not None and unet.config.in_channels > pipeline.vae.config.latent_channels


def _sibling(kind: Any, opened: Opened, **parts: Any) -> Pipeline:
    """The pipeline of that auto class that shares the model's weights; any other class would cast them to float32.

    `parts` are what it has besides.
    """
    key = "+".join((kind.__name__, *parts))
    if key not in opened.kept:
        try:
            sibling = kind.from_pipe(opened.pipeline, **parts)
        except ValueError as error:  # the family has none
            raise refusal("does not draw that way", "model") from error
        sibling.set_progress_bar_config(disable=True)
        opened.kept[key] = sibling
    return opened.kept[key]


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
        raise refusal(f"draws sides from {_LEAST_SIDE} pixels, not {size[0]}x{size[1]}", "size", Code.BELOW_MINIMUM)
    if size[0] * size[1] > load.max_pixels:
        raise refusal(f"draws at most {load.max_pixels} pixels, not {size[0]}x{size[1]}", "size", Code.ABOVE_MAXIMUM)


def _step(pipeline: Pipeline) -> int:
    """Pixels that both sides are a multiple of: the latents' and a patch of them; the library insists on eight."""
    processor = getattr(pipeline, "image_processor", None)  # not every family has one, or an autoencoder
    steps = getattr(processor.config, "vae_scale_factor", 1) if processor is not None else 1
    return math.lcm(8, steps, getattr(pipeline, "vae_scale_factor", 1) * getattr(pipeline, "patch_size", 1))
