"""What is compared: every way draws the same pictures over the same weights, and one that fails stands alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proxy.renderer.bench import rounds
from proxy.renderer.bench.drawers import Plain, Stepwise, hastened
from proxy.renderer.bench.sheet import ENGINE, PLAIN, Ask, Line
from proxy.renderer.engine.untrained import build, real
from proxy.renderer.engine.untrained.parts import sown
from proxy.renderer.loads import Folder, Load, Speed, Untrained
from proxy.renderer.models.sources import REAL_PARAMETERS
from tests.renderer.engine.studio import opened

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn about their own insides

SIDE = 64


def ask(load: Load, **more: Any) -> Ask:
    told: dict[str, Any] = {
        "sizes": {"m": ((SIDE, SIDE),)},
        "steps": 2,
        "batches": (1, 2),
        "rounds": 1,
        "device": "cpu",
    }
    return Ask(models={"m": load}, **told | more)


def lines(of: Ask) -> dict[tuple[str, int], Line]:
    return {(each.option, each.batch): each for each in rounds.measured(of, lambda _: None)}


@pytest.mark.parametrize("family", ["sd", "flux"])
def test_every_figure_is_there(family: Any) -> None:
    found = lines(ask(Untrained(family=family), options={"last": Speed(channels_last=True), "gpu": Speed(tf32=True)}))
    assert list(found) == [(option, batch) for option in (PLAIN, ENGINE, "last") for batch in (1, 2)] + [("gpu", 1)]
    refused = found.pop(("gpu", 1))
    assert refused.refused == "`tf32` needs a CUDA device, and this is cpu"
    assert refused.image_s is None
    for (option, batch), each in found.items():
        assert each.refused is None
        for figure in (each.image_s, each.cpu_s, each.step_s, each.peak_bytes, each.against, each.scaling):
            assert figure is not None
            assert figure > 0
        assert (each.first_s is not None) is (batch == 1)
        if option == PLAIN:
            assert each.difference is None
            assert each.against == 1
        elif batch == 1:
            assert each.difference is not None
            assert each.difference <= 1, "but for rounding, the pictures are plain diffusers'"


def test_the_steps_are_those_that_are_measured() -> None:
    """Not the load's own: a cache is refused for too few of them."""
    cached = {"cached": Speed(first_block_cache=0.1)}
    for steps, had in ((9, True), (8, False)):
        of = ask(Untrained(family="flux", steps=17 - steps), options=cached, steps=steps, batches=(1,))
        assert (lines(of)["cached", 1].refused is None) is had


def test_what_the_configuration_says_is_an_option_like_others() -> None:
    found = lines(ask(Untrained(speed=Speed(channels_last=True)), batches=(1,)))
    assert [option for option, _ in found] == [PLAIN, ENGINE, "as configured"]


def test_a_model_that_cannot_be_opened_does_not_end_it() -> None:
    of = Ask(
        models={"gone": Folder(path="/nowhere"), "m": Untrained()},
        sizes={"gone": ((SIDE, SIDE),), "m": ((SIDE, SIDE),)},
        steps=2,
        batches=(1,),
        rounds=1,
        device="cpu",
    )
    first, *others = rounds.measured(of, lambda _: None)
    assert first.model == "gone"
    assert "/nowhere" in str(first.refused)
    assert [each.image_s is not None for each in others] == [True, True]


def test_an_option_that_runs_out_of_memory_is_out_at_that_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Stepwise.draw

    def limited(self: Stepwise, size: tuple[int, int], steps: int, batch: int) -> Any:
        if batch > 1:
            raise torch.OutOfMemoryError
        return draw(self, size, steps, batch)

    monkeypatch.setattr(Stepwise, "draw", limited)
    found = lines(ask(Untrained()))
    assert found[ENGINE, 2].refused == "out of memory"
    assert found[ENGINE, 2].image_s is None
    for drawn in ((PLAIN, 1), (PLAIN, 2), (ENGINE, 1)):
        assert found[drawn].image_s is not None


def test_options_share_weights_and_nothing_else() -> None:
    base = opened(build(Untrained()))
    twin = hastened(base, Speed())
    for name in ("unet", "vae"):
        ours, theirs = getattr(base.pipeline, name), getattr(twin.pipeline, name)
        assert ours is not theirs
        assert [each.data_ptr() for each in ours.parameters()] == [each.data_ptr() for each in theirs.parameters()]
    last = hastened(base, Speed(channels_last=True))
    assert last.pipeline.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert not base.pipeline.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    one, other = (each.draw((SIDE, SIDE), 2, 2).pictures for each in (Plain(base), Stepwise(last)))
    assert len(one) == len(other) == 2
    assert max(map(rounds._apart, one, other)) <= 1
    assert rounds._apart(*one) > 10, "two seeds"


@pytest.mark.parametrize("family", real.PIPELINES)
def test_real_architectures_are_as_large_as_is_known_before(family: str) -> None:
    """On the device that has no memory, where every weight has its shape and no number."""
    with sown(3), real.made_in(torch.bfloat16, torch.device("meta")):
        made = real.PIPELINES[family]()
    parts = [each for each in made.components.values() if isinstance(each, torch.nn.Module)]
    held = [tensor for part in parts for tensor in (*part.parameters(), *part.buffers())]
    assert sum(each.numel() for each in held) == pytest.approx(REAL_PARAMETERS[family], rel=0.001)
    assert {each.dtype for part in parts for each in part.parameters()} == {torch.bfloat16}
    assert torch.get_default_dtype() == torch.float32
