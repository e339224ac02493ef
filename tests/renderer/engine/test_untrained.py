"""Tiny pipelines with random weights: always the same ones, in their families' shapes, and they paint."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
from diffusers import (
    DiffusionPipeline,
    FluxPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)

from proxy.renderer.engine.untrained import build, flux, sd, sd3
from proxy.renderer.loads import Untrained
from tests.renderer.engine.studio import EQUAL, SIDE, distance, photo, sown_pipeline, stencil, stock

pytestmark = [  # the libraries warn about their own insides
    pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore::FutureWarning:diffusers"),
]

KINDS = {
    "sd": StableDiffusionPipeline,
    "sdxl": StableDiffusionXLPipeline,
    "sd3": StableDiffusion3Pipeline,
    "flux": FluxPipeline,
}
SMALL = {"num_inference_steps": 2, "width": SIDE, "height": SIDE}


def untrained(family: Any, seed: int = 3) -> Any:
    return build(Untrained(family=family, seed=seed))


def test_every_family_of_a_load_is_there() -> None:
    (names,) = (each for name, each in get_type_hints(Untrained, include_extras=True).items() if name == "family")
    assert set(names.__args__) == set(KINDS)


@pytest.mark.parametrize("family", KINDS)
def test_a_seed_is_a_painter(family: str) -> None:
    state = torch.random.get_rng_state()
    made = untrained(family)
    assert torch.equal(torch.random.get_rng_state(), state), "torch's own generator is left alone"
    assert type(made) is KINDS[family]
    drawn = stock(made, 1, prompt="a red house", **SMALL)
    assert torch.equal(drawn, stock(untrained(family), 1, prompt="a red house", **SMALL))
    assert distance(drawn, stock(untrained(family, 4), 1, prompt="a red house", **SMALL)) > 0.1
    assert float(drawn.std()) > 0.05, "it is not flat"
    for told in ({"prompt": "a blue sea"}, {"prompt": "a red house", "guidance_scale": 9.0}):
        assert distance(drawn, stock(made, 1, **SMALL | told)) > 0.01


@pytest.mark.parametrize("family", ["sdxl", "sd3", "flux"])
def test_saved_and_opened_again(family: str, tmp_path: Path) -> None:
    made = untrained(family)
    made.save_pretrained(tmp_path)
    again = DiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    told = {"prompt": "a red house", **SMALL}
    assert torch.equal(stock(made, 1, **told), stock(again, 1, **told))


@pytest.mark.parametrize(
    ("build_", "facts"),
    [
        (flux.pipeline, {"guidance_embeds": True}),
        (partial(flux.pipeline, schnell=True), {"guidance_embeds": False}),
        (sd3.pipeline, {"dual_attention_layers": (), "qk_norm": None}),
        (partial(sd3.pipeline, medium=True), {"dual_attention_layers": (0,), "qk_norm": "rms_norm"}),
    ],
    ids=["flux-dev", "flux-schnell", "sd3", "sd3.5-medium"],
)
def test_variants(build_: Callable[[], Any], facts: dict[str, Any]) -> None:
    made = sown_pipeline(build_)
    assert {name: made.transformer.config[name] for name in facts} == facts
    assert (
        made.scheduler.config.use_dynamic_shifting is made.transformer.config.guidance_embeds
        if "guidance_embeds" in facts
        else (made.scheduler.config.shift == 3.0)
    )


def test_one_made_for_masks() -> None:
    made = sown_pipeline(partial(sd.pipeline, sd.INPAINTING))
    twin = StableDiffusionInpaintPipeline(**made.components, requires_safety_checker=False)
    told = {"prompt": "a balloon", "mask_image": stencil(), **SMALL}
    drawn = stock(twin, 1, image=photo(), **told)
    assert distance(drawn, stock(twin, 1, image=photo().rotate(90), **told)) > EQUAL, "it sees what the mask keeps"
