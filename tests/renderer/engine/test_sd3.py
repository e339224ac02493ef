"""Stable Diffusion 3 and 3.5 drawn step by step: the stock pipelines' pictures, whoever shares the steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3InpaintPipeline,
)

from providers.contract import Edit, EditKind, Generate, Mask, Polarity
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.untrained import sd3
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
    stencil,
    stepped,
    stock,
)

MADE: dict[str, Callable[[], Any]] = {"sd3": sd3.pipeline, "sd3.5-medium": partial(sd3.pipeline, medium=True)}


@cache
def pipeline(kind: str = "sd3") -> Any:
    return sown_pipeline(MADE[kind])


@pytest.fixture
def model() -> Opened:
    return opened(pipeline())


def words(prompt: str, seed: int, steps: int, guidance: float, **more: Any) -> Generate:
    sides = {"width": SIDE, "height": SIDE} | more
    return Generate(model=MODEL, prompt=prompt, seed=seed, steps=steps, guidance=guidance, **sides)


MIXED = (
    words("a red house", 1, 4, 7.0),
    words("a blue boat on the sea", 2, 9, 2.5, negative="fog"),
    words("a green hill", 3, 6, 5.0),
)


def options(request: Generate | Edit) -> dict[str, Any]:
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "width": request.width,
        "height": request.height,
    }


@pytest.mark.parametrize("kind", MADE)
def test_words(kind: str) -> None:
    """Other prompts, seeds, steps and guidance in each step, and one that comes later."""
    model = opened(pipeline(kind))
    calls = Calls(model.pipeline.transformer)
    drawn = pixels(model, painted(model, MIXED, arrivals=(0, 0, 2)))
    assert calls.rows == [8] * 9, "nine steps, all shared by a bucket of four with two rows each"
    for request, picture in zip(MIXED, drawn, strict=True):
        assert distance(picture, stock(pipeline(kind), request.seed or 0, **options(request))) < EQUAL
    assert distance(drawn[0], drawn[1]) > 0.1


def test_without_guidance_the_denoiser_runs_once(model: Opened) -> None:
    guided, plain = painted(model, (words("a red house", 1, 3, 4.0), words("a red house", 1, 3, 1.0)))
    assert (guided.guided, plain.guided) == (True, False)
    assert guided.tokens == 2 * plain.tokens == 2 * (SIDE // 16) ** 2
    assert guided.group != plain.group
    assert distance(pixels(model, [plain])[0], stock(pipeline(), 1, **options(words("a red house", 1, 3, 1.0)))) < EQUAL


def test_neighbours_change_nothing(model: Opened) -> None:
    """Bit for bit, in a bucket of one size: whoever shares the steps, wherever it stands, padded or not."""
    one, *others = MIXED
    (first,) = pixels(model, painted(model, [one]))
    for neighbours in ([one, *others], [others[1], one], [*others, *others[:1], one]):
        place = neighbours.index(one)
        assert torch.equal(pixels(model, painted(model, neighbours))[place], first)


def test_after_a_picture(model: Opened) -> None:
    requests = [
        Generate(
            model=MODEL, prompt="a boat", seed=seed, steps=8, guidance=5.0, references=(sent(photo()),), strength=part
        )
        for seed, part in ((1, 0.3), (2, 0.8), (3, 1.0))
    ]
    calls = Calls(model.pipeline.transformer)
    done = painted(model, requests)
    assert [each.steps for each in done] == [3, 7, 8]
    assert calls.rows == [8] * 8
    twin = StableDiffusion3Img2ImgPipeline(**model.pipeline.components)
    for request, picture in zip(requests, pixels(model, done), strict=True):
        told = options(request) | {"width": SIDE, "height": SIDE, "image": photo(), "strength": request.strength}
        assert distance(picture, stock(twin, request.seed or 0, **told)) < EQUAL


def test_inside_a_mask(model: Opened) -> None:
    requests = [
        Edit(
            model=MODEL,
            prompt="a balloon",
            kind=EditKind.INPAINT,
            pictures=(sent(photo()),),
            mask=Mask(sent(stencil()), Polarity.WHITE),
            seed=seed,
            steps=steps,
            guidance=4.0,
        )
        for seed, steps in ((1, 5), (2, 8))
    ]
    done = painted(model, requests)
    twin = StableDiffusion3InpaintPipeline(**model.pipeline.components)
    for request, picture in zip(requests, pixels(model, done), strict=True):
        told = options(request) | {"width": SIDE, "height": SIDE, "image": photo(), "mask_image": stencil()}
        assert distance(picture, stock(twin, request.seed or 0, **told)) < EQUAL
    finished = model.family.finish(model, done[0])
    assert finished.getpixel((2, 2)) == photo().getpixel((2, 2)), "what the mask keeps is kept"
    assert finished.getpixel((24, 24)) != photo().getpixel((24, 24))


def test_steps_shift_with_the_size() -> None:
    """As 3.5 can be configured: from the same number of steps, other sizes are at other times."""
    shifting = sown_pipeline(sd3.pipeline)
    shifting.scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    model = opened(shifting)
    requests = [words("a red house", 1, 4, 3.0), words("a red house", 1, 4, 3.0, width=128, height=96)]
    done = painted(model, requests)
    times = [each.state.sitting.pipeline.scheduler.timesteps for each in done]
    assert distance(*times) > 1
    for request, picture in zip(requests, pixels(model, done), strict=True):
        assert distance(picture, stock(shifting, 1, **options(request))) < EQUAL


def test_a_preview_becomes_the_picture(model: Opened) -> None:
    with torch.inference_mode():
        painting = model.family.begin(model, MIXED[1], 2)
        assert model.family.preview(model, painting) is None
        stepped(model, [painting], 1)
        early = model.family.preview(model, painting)
        while not painting.done:
            stepped(model, [painting], 1)
        late, finished = model.family.preview(model, painting), model.family.finish(model, painting)
    assert early is not None
    assert late is not None
    assert early.size == late.size == finished.size
    assert early.tobytes() != finished.tobytes()
    assert max(abs(one - other) for one, other in zip(late.tobytes(), finished.tobytes(), strict=True)) <= 1
