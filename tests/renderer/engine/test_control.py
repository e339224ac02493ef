"""Sketch and structure through a ControlNet: the stock pipeline's pictures, and the denoiser's steps are shared."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers import FluxControlNetModel, FluxControlNetPipeline, StableDiffusionControlNetPipeline
from PIL import Image as Pillow
from PIL import ImageDraw, ImageOps

from providers.contract import Control, ControlKind, Failure, Fault, Generate
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.opening import CONTROLNET
from proxy.renderer.engine.untrained import flux, sd
from proxy.renderer.engine.untrained.parts import sown
from tests.renderer.engine.studio import (
    EQUAL,
    MODEL,
    SIDE,
    Calls,
    distance,
    opened,
    painted,
    photo,
    pixels,
    sent,
    sown_pipeline,
    stock,
)

pytestmark = [  # the libraries warn about their own insides
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore::FutureWarning:diffusers"),
]


@cache
def parts() -> tuple[Any, Any]:
    """A pipeline, and a ControlNet for it."""
    pipeline = sown_pipeline(sd.pipeline)
    with sown(5):
        return pipeline, sd.controlnet(pipeline)


@pytest.fixture
def model() -> Opened:
    pipeline, net = parts()
    return opened(pipeline, **{CONTROLNET: net})


def told(request: Control, image: Pillow.Image, **more: Any) -> dict[str, Any]:
    return {
        "prompt": request.prompt,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "image": image,
        "width": SIDE,
        "height": SIDE,
        **more,
    }


def steered(kind: ControlKind, picture: Pillow.Image, seed: int, steps: int, **more: Any) -> Control:
    return Control(
        model=MODEL, prompt="a house", kind=kind, picture=sent(picture), seed=seed, steps=steps, guidance=4.0, **more
    )


def drawing(ground: str, line: str) -> Pillow.Image:
    picture = Pillow.new("RGB", (SIDE, SIDE), ground)
    ImageDraw.Draw(picture).rectangle((16, 24, 48, 56), outline=line, width=2)
    return picture


def test_structure(model: Opened) -> None:
    requests = [
        steered(ControlKind.STRUCTURE, photo(), 1, 4),
        steered(ControlKind.STRUCTURE, photo().rotate(90), 2, 7, strength=0.4),
    ]
    plain = Generate(model=MODEL, prompt="a house", width=SIDE, height=SIDE, seed=1, steps=4, guidance=4.0)
    calls = Calls(model.pipeline.unet)
    done = painted(model, [*requests, plain], bucket=2)
    assert calls.rows == [4] * (7 + 4), "those that are steered share steps; with others they cannot"
    drawn = pixels(model, done)
    twin = StableDiffusionControlNetPipeline(
        **model.pipeline.components, controlnet=parts()[1], requires_safety_checker=False
    )
    first, second = requests
    assert distance(drawn[0], stock(twin, 1, **told(first, photo()))) < EQUAL
    scaled = told(second, photo().rotate(90), controlnet_conditioning_scale=0.4)
    assert distance(drawn[1], stock(twin, 2, **scaled)) < EQUAL
    assert distance(drawn[0], drawn[2]) > 0.01, "it steers"


def test_a_sketch_is_light_lines_on_black(model: Opened) -> None:
    """However it was drawn: on white paper, or as the net has learnt it."""
    paper, learnt = drawing("white", "black"), drawing("black", "white")
    assert ImageOps.invert(paper).tobytes() == learnt.tobytes()
    sketches = [steered(ControlKind.SKETCH, picture, 3, 3) for picture in (paper, learnt)]
    as_it_is = steered(ControlKind.STRUCTURE, paper, 3, 3)
    one, other, kept = pixels(model, painted(model, [*sketches, as_it_is]))
    assert torch.equal(one, other)
    assert not torch.equal(one, kept)


def test_any_size(model: Opened) -> None:
    """The picture's own, if none is asked for, in whatever steps the model draws."""
    (painting,) = painted(model, [steered(ControlKind.STRUCTURE, photo(70, 50), 1, 2)])
    assert (painting.width, painting.height) == (72, 56)
    with torch.inference_mode():
        assert model.family.finish(model, painting).size == (70, 50)


def test_flux_is_steered_too() -> None:
    pipeline = sown_pipeline(flux.pipeline)
    with sown(5):
        net = FluxControlNetModel.from_transformer(
            pipeline.transformer, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2
        ).eval()
        for block in (*net.controlnet_blocks, *net.controlnet_single_blocks, net.controlnet_x_embedder):
            block.weight.normal_(std=0.2)
    model = opened(pipeline, **{CONTROLNET: net})
    requests = [steered(ControlKind.STRUCTURE, photo(), seed, steps) for seed, steps in ((1, 3), (2, 5))]
    calls = Calls(pipeline.transformer)
    drawn = pixels(model, painted(model, requests, bucket=2))
    assert calls.rows == [2] * 5
    twin = FluxControlNetPipeline(**pipeline.components, controlnet=net)
    for request, picture in zip(requests, drawn, strict=True):
        options = told(request, photo())
        options["control_image"] = options.pop("image")
        assert distance(picture, stock(twin, request.seed or 0, **options)) < EQUAL
        options["controlnet_conditioning_scale"] = 0.0
        assert distance(picture, stock(twin, request.seed or 0, **options)) > EQUAL


@pytest.mark.parametrize("kind", [ControlKind.STYLE, ControlKind.STYLE_TRANSFER])
def test_style_is_refused(model: Opened, kind: ControlKind) -> None:
    refused(model, kind)


@pytest.mark.parametrize("kind", [ControlKind.SKETCH, ControlKind.STRUCTURE])
def test_without_a_controlnet_all_is_refused(kind: ControlKind) -> None:
    refused(opened(parts()[0]), kind)


def refused(model: Opened, kind: ControlKind) -> None:
    with pytest.raises(Failure, match=f"does not do control.{kind}") as caught:
        model.family.begin(model, steered(kind, photo(), 1, 2), 1)
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "model")
