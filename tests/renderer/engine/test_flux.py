"""Flux dev and schnell drawn step by step: the stock pipelines' pictures, whoever shares the steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch
from diffusers import FirstBlockCacheConfig, FluxImg2ImgPipeline, FluxInpaintPipeline

from providers.contract import Edit, EditKind, Failure, Fault, Generate, Mask, Polarity
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.untrained import flux
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

MADE: dict[str, Callable[[], Any]] = {"dev": flux.pipeline, "schnell": partial(flux.pipeline, schnell=True)}


@cache
def pipeline(kind: str = "dev") -> Any:
    return sown_pipeline(MADE[kind])


@pytest.fixture
def model() -> Opened:
    return opened(pipeline())


def words(prompt: str, seed: int, steps: int, guidance: float | None = None, **more: Any) -> Generate:
    sides = {"width": SIDE, "height": SIDE} | more
    return Generate(model=MODEL, prompt=prompt, seed=seed, steps=steps, guidance=guidance, **sides)


MIXED = (
    words("a red house", 1, 4, 3.5),
    words("a blue boat on the sea", 2, 7, 1.0),
    words("a green hill", 3, 5, 9.0),
)


def options(request: Generate | Edit) -> dict[str, Any]:
    told = {
        "prompt": request.prompt,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "width": request.width,
        "height": request.height,
    }
    return {name: value for name, value in told.items() if value is not None}


def test_words(model: Opened) -> None:
    """Other prompts, seeds, steps and guidance in each step, and one that comes later."""
    calls = Calls(model.pipeline.transformer)
    drawn = pixels(model, painted(model, MIXED, arrivals=(0, 0, 2)))
    assert calls.rows == [4] * 7
    for request, picture in zip(MIXED, drawn, strict=True):
        assert distance(picture, stock(pipeline(), request.seed or 0, **options(request))) < EQUAL
    assert distance(drawn[0], drawn[1]) > 0.1


def test_schnell() -> None:
    """It reads no guidance, and its steps do not shift with the size."""
    model = opened(pipeline("schnell"))
    requests = [words("a red house", 1, 1), words("a blue boat on the sea", 2, 4)]
    for request, picture in zip(requests, pixels(model, painted(model, requests)), strict=True):
        assert distance(picture, stock(pipeline("schnell"), request.seed or 0, **options(request))) < EQUAL
    with pytest.raises(Failure, match="takes no guidance") as caught:
        model.family.begin(model, words("a red house", 1, 4, 2.0), 1)
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "guidance")


def test_a_negative_prompt_is_true_guidance(model: Opened) -> None:
    """Two calls a step, which a picture without a negative prompt shares, a step in each."""
    kept, plain = words("a red house", 1, 3, 3.5, negative="fog"), words("a blue boat", 2, 6, 2.0)
    calls = Calls(model.pipeline.transformer)
    done = painted(model, [kept, plain])
    assert calls.rows == [4] * 6
    assert [each.guided for each in done] == [True, False]
    drawn = pixels(model, done)
    told = options(kept) | {"negative_prompt": "fog", "true_cfg_scale": 4.0}
    assert distance(drawn[0], stock(pipeline(), 1, **told)) < EQUAL
    assert distance(drawn[1], stock(pipeline(), 2, **options(plain))) < EQUAL
    assert model.family.preview(model, done[0]) is None

    schnell = opened(pipeline("schnell"))
    (drawn_too,) = pixels(schnell, painted(schnell, [words("a red house", 1, 3, 2.5, negative="fog")]))
    told = options(words("a red house", 1, 3)) | {"negative_prompt": "fog", "true_cfg_scale": 2.5}
    assert distance(drawn_too, stock(pipeline("schnell"), 1, **told)) < EQUAL


def test_neighbours_change_nothing(model: Opened) -> None:
    """Bit for bit, in a bucket of one size: whoever shares the steps, wherever it stands, padded or not."""
    one, *others = MIXED
    (first,) = pixels(model, painted(model, [one]))
    for neighbours in ([one, *others], [others[1], one], [*others, *others[:1], one]):
        place = neighbours.index(one)
        assert torch.equal(pixels(model, painted(model, neighbours))[place], first)


def test_sizes(model: Opened) -> None:
    """Steps shift with the size; a lying picture and a standing one have as many patches, in other places."""
    requests = [words("a red house", 1, 4, width=width, height=height) for width, height in ((96, 64), (64, 96))]
    done = painted(model, [*requests, words("a red house", 1, 4, width=128, height=160)])
    assert done[0].tokens == done[1].tokens == 24
    assert done[0].group != done[1].group
    times = [each.state.sitting.pipeline.scheduler.timesteps for each in done]
    assert distance(times[0], times[2]) > 1
    for request, picture in zip(requests, pixels(model, done[:2]), strict=True):
        assert distance(picture, stock(pipeline(), 1, **options(request))) < EQUAL


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
    assert calls.rows == [4] * 8
    twin = FluxImg2ImgPipeline(**model.pipeline.components)
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
    twin = FluxInpaintPipeline(**model.pipeline.components)
    for request, picture in zip(requests, pixels(model, done), strict=True):
        told = options(request) | {"width": SIDE, "height": SIDE, "image": photo(), "mask_image": stencil()}
        assert distance(picture, stock(twin, request.seed or 0, **told)) < EQUAL
    finished = model.family.finish(model, done[0])
    assert finished.getpixel((2, 2)) == photo().getpixel((2, 2)), "what the mask keeps is kept"
    assert finished.getpixel((24, 24)) != photo().getpixel((24, 24))


def test_a_preview_becomes_the_picture(model: Opened) -> None:
    with torch.inference_mode():
        painting = model.family.begin(model, words("a red house", 2, 5, width=96), 2)
        assert model.family.preview(model, painting) is None
        stepped(model, [painting], 1)
        early = model.family.preview(model, painting)
        while not painting.done:
            stepped(model, [painting], 1)
        late, finished = model.family.preview(model, painting), model.family.finish(model, painting)
    assert early is not None
    assert late is not None
    assert early.size == late.size == finished.size == (96, SIDE)
    assert early.tobytes() != finished.tobytes()
    assert max(abs(one - other) for one, other in zip(late.tobytes(), finished.tobytes(), strict=True)) <= 1


def test_cached_blocks_are_every_pictures_own() -> None:
    """A transformer that reuses its blocks' last answers reuses those of the same picture, and only while it lasts."""
    caching = sown_pipeline(flux.pipeline)
    caching.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.5))
    model = opened(caching)
    requests = [*MIXED, words("a red house", 1, 4, 3.5, negative="fog")]
    done = painted(model, requests)
    for request, picture in zip(requests[1:3], pixels(model, done)[1:3], strict=True):
        cached = stock(caching, request.seed or 0, **options(request))
        assert distance(picture, cached) < EQUAL
        assert distance(cached, stock(pipeline(), request.seed or 0, **options(request))) > EQUAL, "it was at work"

    again = painted(model, requests)
    for each in again:
        model.family.drop(each)
    hooks = [
        hook
        for module in caching.transformer.modules()
        for hook in getattr(getattr(module, "_diffusers_hook", None), "hooks", {}).values()
    ]
    kept = [context for hook in hooks for context in hook.state_manager._state_cache]
    assert kept == [], "nothing is left of pictures that are gone"
