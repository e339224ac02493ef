"""Stable Diffusion 1.5 and XL drawn step by step: the stock pipelines' pictures, whoever shares the steps."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
)
from PIL import Image as Pillow
from PIL import ImageChops

from providers.contract import Code, Edit, EditKind, Failure, Fault, Generate, ImageRequest, Mask, Polarity, Sampler
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.painting import Painting
from proxy.renderer.engine.untrained import sd, sdxl
from proxy.renderer.loads import Untrained
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

pytestmark = [  # the libraries warn about their own insides
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore::FutureWarning:diffusers"),
]

MADE = {"sd": sd.pipeline, "sdxl": sdxl.pipeline}
SCHEDULERS: dict[Sampler, Any] = {
    Sampler.DDIM: DDIMScheduler,
    Sampler.EULER: EulerDiscreteScheduler,
    Sampler.EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    Sampler.DPM: DPMSolverMultistepScheduler,
    Sampler.PNDM: PNDMScheduler,
}


def made_of(kind: str, predicts: str = "v_prediction") -> Any:
    """The pipeline anew, its denoiser taken for one that predicts that.

    Of random weights a velocity, as a rule: taken for noise, it makes early steps magnify the last bit of a number a
    thousandfold, and stock itself would not draw the same twice in another layout of memory.
    """
    made = sown_pipeline(MADE[kind])
    made.scheduler = type(made.scheduler).from_config(made.scheduler.config, prediction_type=predicts)
    return made


@cache
def pipeline(kind: str) -> Any:
    return made_of(kind)


@cache
def reference(kind: str) -> Any:
    """The same weights again, which no engine has touched."""
    return made_of(kind)


@pytest.fixture(params=MADE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(kind: str) -> Opened:
    return opened(pipeline(kind))


def words(seed: int, steps: int, guidance: float, sampler: Sampler | None = None, **more: Any) -> Generate:
    told: dict[str, Any] = {"width": SIDE, "height": SIDE, "prompt": f"a house of {seed} rooms"} | more
    return Generate(model=MODEL, seed=seed, steps=steps, guidance=guidance, sampler=sampler, **told)


MIXED = (
    words(1, 20, 7.0, Sampler.DDIM),
    words(2, 10, 3.5, Sampler.EULER, negative="fog"),
    words(3, 4, 5.0, Sampler.DPM),
    words(4, 15, 9.0, Sampler.EULER_ANCESTRAL),
    words(5, 8, 2.0),
    words(6, 5, 4.0, Sampler.PNDM),
)


def asked(request: ImageRequest) -> dict[str, Any]:
    """The stock pipeline's options for it."""
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
    }


def sampled(made: Any, request: ImageRequest, auto: Any = None) -> Any:
    """A stock pipeline with the sampler the request names."""
    made = made if auto is None else auto.from_pipe(made)
    if request.sampler is not None:
        made.scheduler = SCHEDULERS[request.sampler].from_config(made.scheduler.config)
    return made


def expected(kind: str, request: Generate) -> torch.Tensor:
    fresh = reference(kind)
    own = fresh.scheduler
    try:
        return stock(sampled(fresh, request), request.seed or 0, **asked(request), width=SIDE, height=SIDE)
    finally:
        fresh.scheduler = own


def test_mixed_requests_are_the_stock_pipelines(kind: str, model: Opened) -> None:
    calls = Calls(model.pipeline.unet)
    drawn = pixels(model, painted(model, MIXED, 4, arrivals=(0, 0, 3, 5, 6, 6)))
    assert len(calls.rows) < sum(request.steps or 0 for request in MIXED) / 2, "they share their steps"
    assert set(calls.rows) == {8}
    for request, picture in zip(MIXED, drawn, strict=True):
        assert distance(picture, expected(kind, request)) < EQUAL, request.sampler
    assert distance(drawn[0], drawn[1]) > 0.05


def test_without_guidance_the_denoiser_runs_once(kind: str, model: Opened) -> None:
    """As distilled models are asked: Turbo, Lightning, LCM."""
    requests = (words(1, 2, 1.0), words(2, 4, 0.0, Sampler.EULER))
    calls = Calls(model.pipeline.unet)
    paintings = painted(model, requests, 2)
    assert set(calls.rows) == {2}
    assert not any(painting.guided for painting in paintings)
    for request, picture in zip(requests, pixels(model, paintings), strict=True):
        assert distance(picture, expected(kind, request)) < EQUAL


@pytest.mark.parametrize(
    ("name", "kind_of", "changes"),
    [
        ("lcm", LCMScheduler, {}),
        ("euler-trailing", EulerDiscreteScheduler, {"timestep_spacing": "trailing"}),
        ("dpm-karras", DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    ],
)
def test_the_loads_sampler(name: str, kind_of: Any, changes: dict[str, Any]) -> None:
    request = words(1, 4, 1.0)
    model = opened(pipeline("sd"), Untrained(sampler=name))
    fresh = reference("sd")
    own = fresh.scheduler
    fresh.scheduler = kind_of.from_config(own.config, **changes)
    wanted = stock(fresh, 1, **asked(request), width=SIDE, height=SIDE)
    fresh.scheduler = own
    (drawn,) = pixels(model, painted(model, [request], 1))
    assert distance(drawn, wanted) < EQUAL
    assert distance(drawn, expected("sd", request)) > 0.01, "it is not the model's own"


def leaning(seed: int, steps: int, guidance: float, strength: float, sampler: Sampler | None = None) -> Generate:
    return words(seed, steps, guidance, sampler, references=(sent(photo()),), strength=strength)


def test_from_a_picture(kind: str, model: Opened) -> None:
    requests = (
        leaning(1, 10, 5.0, 0.6),
        leaning(2, 6, 3.0, 0.9, Sampler.EULER),
        leaning(3, 12, 7.0, 0.3, Sampler.DDIM),
    )
    paintings = painted(model, requests, 4, arrivals=(0, 2, 3))
    assert [painting.steps for painting in paintings] == [6, 5, 3]
    for request, picture in zip(requests, pixels(model, paintings), strict=True):
        made = sampled(reference(kind), request, AutoPipelineForImage2Image)
        wanted = stock(made, request.seed or 0, **asked(request), image=photo(), strength=request.strength)
        assert distance(picture, wanted) < EQUAL


def masked(seed: int, steps: int, guidance: float, sampler: Sampler | None = None) -> Edit:
    return Edit(
        model=MODEL,
        kind=EditKind.INPAINT,
        prompt=f"{seed} balloons",
        seed=seed,
        steps=steps,
        guidance=guidance,
        sampler=sampler,
        pictures=(sent(photo()),),
        mask=Mask(sent(stencil()), Polarity.WHITE),
    )


MASKED = (masked(1, 6, 5.0), masked(2, 10, 3.0, Sampler.EULER), masked(3, 4, 8.0, Sampler.DPM))


def test_inside_a_mask(kind: str, model: Opened) -> None:
    drawn = pixels(model, painted(model, MASKED, 4, arrivals=(0, 1, 2)))
    for request, picture in zip(MASKED, drawn, strict=True):
        made = sampled(reference(kind), request, AutoPipelineForInpainting)
        options = asked(request) | {"image": photo(), "mask_image": stencil(), "width": SIDE, "height": SIDE}
        assert distance(picture, stock(made, request.seed or 0, **options)) < EQUAL


def masks_only() -> Any:
    parts = sown_pipeline(lambda: sd.pipeline(reads=9)).components
    parts["scheduler"] = DDIMScheduler.from_config(parts["scheduler"].config, prediction_type="v_prediction")
    return StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)


def test_weights_made_for_masks() -> None:
    model = opened(masks_only())
    drawn = pixels(model, painted(model, MASKED, 4))
    for request, picture in zip(MASKED, drawn, strict=True):
        made = sampled(masks_only(), request)
        options = asked(request) | {"image": photo(), "mask_image": stencil(), "width": SIDE, "height": SIDE}
        assert distance(picture, stock(made, request.seed or 0, **options)) < EQUAL
    for other in (words(1, 4, 5.0), leaning(1, 4, 5.0, 0.5)):
        with pytest.raises(Failure) as caught:
            model.family.begin(model, other, 1)
        assert (caught.value.fault, caught.value.field, caught.value.code) == (Fault.REJECTED, "mask", Code.MISSING)


def wide() -> Any:
    """A model with latents of eight channels, which stock inpainting takes for an error."""
    made = sown_pipeline(lambda: sd.pipeline(reads=8))
    made.unet.register_to_config(out_channels=8)
    torch.manual_seed(1)
    made.unet.conv_out = torch.nn.Conv2d(made.unet.conv_out.in_channels, 8, 3, padding=1)
    made.vae = AutoencoderKL(
        block_out_channels=(16,) * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=8,
        norm_num_groups=8,
    ).eval()
    return made


def test_inside_a_mask_whatever_the_latents_are() -> None:
    model = opened(wide())
    with torch.inference_mode():
        (painting,) = painted(model, MASKED[:1], 1)
        picture = model.family.finish(model, painting)
        assert picture.size == (SIDE, SIDE)
        outside = (0, 0, SIDE, SIDE // 4)
        assert picture.crop(outside).tobytes() == photo().crop(outside).tobytes()
        assert picture.tobytes() != photo().tobytes()


def alone(model: Opened, neighbours: tuple[Generate, ...], place: int) -> torch.Tensor:
    """One picture, drawn in a bucket of four at that place among those neighbours."""
    one = words(42, 6, 5.0)
    requests = [*neighbours[:place], one, *neighbours[place:]]
    return pixels(model, painted(model, requests, 4))[place]


def test_neighbours_and_places_change_no_bit(kind: str, model: Opened) -> None:
    some = (words(1, 6, 7.0), words(2, 6, 3.0, Sampler.EULER), words(3, 6, 9.0))
    others = (words(9, 6, 2.0, Sampler.DPM), words(8, 6, 4.0), words(7, 6, 1.5, Sampler.EULER_ANCESTRAL))
    first = alone(model, some, 0)
    assert torch.equal(first, alone(model, others, 0))
    for place in (1, 2, 3):
        assert torch.equal(first, alone(model, some, place))
    assert torch.equal(first, alone(model, (), 0)), "nor does what a bucket is padded with"


def test_a_deterministic_model_draws_alone() -> None:
    model = opened(pipeline("sd"), Untrained(deterministic=True))
    with torch.inference_mode():
        assert model.family.begin(model, words(1, 4, 5.0), 1).alone
        assert not opened(pipeline("sd")).family.begin(opened(pipeline("sd")), words(1, 4, 5.0), 1).alone


def test_who_shares_a_step(kind: str, model: Opened) -> None:
    """Seeds, steps, samplers, guidance and prompts may differ; shapes may not."""

    def group(request: ImageRequest) -> object:
        with torch.inference_mode():
            painting = model.family.begin(model, request, 1)
        model.family.drop(painting)
        return painting.group

    one = group(words(1, 4, 5.0))
    assert one == group(words(2, 9, 2.0, Sampler.EULER, negative="fog")) == group(leaning(3, 8, 5.0, 0.5))
    for other in (
        words(1, 4, 1.0),
        words(1, 4, 5.0, width=2 * SIDE),
        words(1, 4, 5.0, width=2 * SIDE, height=SIDE // 2),
    ):
        assert group(other) != one


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction", "sample"])
def test_the_last_preview_is_the_picture(kind: str, predicts: str) -> None:
    """Euler's last step goes to where the denoiser last saw the picture: a preview then must find it there, too."""
    model = opened(made_of(kind, predicts))
    request = words(1, 6, 5.0, Sampler.EULER)
    (whole,) = pixels(model, painted(model, [request], 1))
    seen: list[Any] = []
    with torch.inference_mode():
        painting = model.family.begin(model, request, 1)
        assert model.family.preview(model, painting) is None, "nothing is known yet"
        while not painting.done:
            stepped(model, [painting], 1)
            seen.append(model.family.preview(model, painting))
        assert torch.equal(pixels(model, [painting])[0], whole), "looking changes nothing"
        drawn = model.family.finish(model, painting)
    assert len({each.tobytes() for each in seen}) == 6
    assert most_apart(seen[-1], drawn) <= 1
    assert most_apart(seen[0], drawn) > 5


def most_apart(one: Pillow.Image, other: Pillow.Image) -> int:
    """The largest difference of any channel, 0 to 255."""
    return int(max(ImageChops.difference(one, other).tobytes()))


def test_previews_are_small() -> None:
    model = opened(pipeline("sd"))
    with torch.inference_mode():
        painting = model.family.begin(model, words(1, 4, 5.0, width=1024, height=512), 1)
        painting.state.sitting.last = painting.state.sitting.asked, painting.state.sitting.asked["sample"]
        seen = model.family.preview(model, painting)
    assert seen is not None
    assert seen.size == (512, 256)


def test_what_one_does_wrong_is_its_own_failure(model: Opened) -> None:
    with torch.inference_mode():
        good, bad = (model.family.begin(model, words(seed, 4, 5.0), seed) for seed in (1, 2))
        bad.state.sitting.pipeline.scheduler.step = None
        while not good.done:
            model.family.step(model, [each for each in (good, bad) if each.failed is None], 2)
    assert isinstance(bad.failed, TypeError)
    assert good.failed is None
    assert pixels(model, [good])[0].shape[-1] == SIDE


def test_a_lack_of_memory_changes_nothing(model: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    request = words(1, 4, 5.0)
    (wanted,) = pixels(model, painted(model, [request], 1))
    with torch.inference_mode():
        painting: Painting = model.family.begin(model, request, 1)
        for part in (model.pipeline.unet, model.pipeline.vae.decoder):
            with monkeypatch.context() as patch:
                patch.setattr(part, "forward", _short)
                with pytest.raises(torch.OutOfMemoryError):
                    _go_on(model, painting)
            while not painting.done:
                model.family.step(model, [painting], 1)
    assert torch.equal(pixels(model, [painting])[0], wanted)


def _go_on(model: Opened, painting: Painting) -> None:
    if painting.done:
        model.family.finish(model, painting)
    else:
        model.family.step(model, [painting], 1)


def _short(*_: Any, **__: Any) -> Any:
    raise torch.OutOfMemoryError("there is none left")


def test_words_are_read_once(model: Opened) -> None:
    calls = 0

    def counted(*_: Any) -> None:
        nonlocal calls
        calls += 1

    hook = model.pipeline.text_encoder.register_forward_pre_hook(counted)
    with torch.inference_mode():
        for seed in range(3):
            model.family.begin(model, words(seed, 4, 5.0, prompt="the same"), seed)
        model.family.begin(model, words(1, 4, 5.0, prompt="another"), 1)
    hook.remove()
    assert calls <= 3, "the two prompts, and the negative one of all"


@pytest.mark.parametrize("name", ["euler-sideways", "pencil"])
def test_an_unknown_sampler_is_refused(name: str) -> None:
    model = opened(pipeline("sd"), Untrained(sampler=name))
    with pytest.raises(Failure, match=name) as caught:
        model.family.begin(model, words(1, 4, 5.0), 1)
    assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "sampler")


def test_a_sampler_that_cannot_read_the_model_is_refused() -> None:
    model = opened(made_of("sd", "sample"))
    for name in (Sampler.EULER_ANCESTRAL, Sampler.PNDM):
        with pytest.raises(Failure, match=name) as caught:
            model.family.begin(model, words(1, 4, 5.0, name), 1)
        assert (caught.value.fault, caught.value.field) == (Fault.REJECTED, "sampler")
