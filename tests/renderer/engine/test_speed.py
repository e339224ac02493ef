"""What makes models faster: the same pictures where that is promised, and a reason where it cannot be had."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import FirstBlockCacheConfig
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry
from msgspec.structs import replace

from providers.contract import Failure, Fault, Generate
from proxy.renderer.engine import speed as speeds
from proxy.renderer.engine.families.choosing import family_of
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.opening import Opener
from proxy.renderer.engine.speed import denoiser_of, hasten, plain_tensors
from proxy.renderer.engine.untrained import build
from proxy.renderer.engine.warming import warm
from proxy.renderer.loads import Lora, Speed, Untrained
from proxy.renderer.models.choosing import ModelError
from tests.renderer.engine.studio import EQUAL, MODEL, SIDE, Calls, distance, opened, painted, pixels, stock

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn about their own insides

FAMILIES = ("sd", "sdxl", "sd3", "flux")
SEEDS = (1, 2)


def asked(seed: int, steps: int = 3, width: int = SIDE) -> Generate:
    return Generate(model=MODEL, prompt="a red house", seed=seed, steps=steps, width=width, height=SIDE)


AS_IT_STANDS = Speed()


def model(family: Any, speed: Speed = AS_IT_STANDS, **load: Any) -> Opened:
    told = Untrained(**{"family": family, "steps": None, "guidance": None, "speed": speed} | load)
    return opened(build(told), told)


def drawn(of: Opened, steps: int = 3, widths: tuple[int, ...] = (SIDE,)) -> list[torch.Tensor]:
    """Pictures of several seeds that share their steps, at several sizes."""
    return [
        each for width in widths for each in pixels(of, painted(of, [asked(seed, steps, width) for seed in SEEDS], 2))
    ]


def same(ones: list[torch.Tensor], others: list[torch.Tensor]) -> float:
    return max(distance(one, other) for one, other in zip(ones, others, strict=True))


def refused(of: Opened) -> str:
    with pytest.raises(ModelError) as error:
        hasten(of)
    return str(error.value)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Stands in for torch's compiler; how often each graph it was given has run, in the order of their making."""
    runs: list[int] = []

    def compiler(graph: torch.fx.GraphModule, _: Any) -> Callable[..., Any]:
        at = len(runs)
        runs.append(0)

        def run(*arguments: Any) -> Any:
            runs[at] += 1
            return graph.forward(*arguments)

        return run

    monkeypatch.setattr(speeds, "COMPILER", compiler)
    torch._dynamo.reset()
    yield runs
    torch._dynamo.reset()


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Callable[[Opened], Opened]:
    """Makes a model look as if it were on a Hopper GPU."""

    def pretended(of: Opened) -> Opened:
        of.device = torch.device("cuda")
        return of

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    return pretended


@pytest.mark.parametrize("family", FAMILIES)
def test_as_it_stands_nothing_is_changed(family: str) -> None:
    of = model(family)
    before = [each.clone() for each in denoiser_of(of.pipeline).parameters()]
    hasten(of)
    denoiser = denoiser_of(of.pipeline)
    assert all(map(torch.equal, before, denoiser.parameters()))
    assert all(module._compiled_call_impl is None for module in denoiser.modules())
    assert not getattr(denoiser, "is_cache_enabled", False)


CUDA_ONLY = [
    Speed(attention="native_cudnn"),
    Speed(attention="flash2"),
    Speed(attention="flash3"),
    Speed(attention="sage"),
    Speed(fp8=True, compile="blocks"),
    Speed(cuda_graphs=True, compile="blocks"),
    Speed(tf32=True),
]


@pytest.mark.parametrize("speed", CUDA_ONLY, ids=range(len(CUDA_ONLY)))
def test_what_needs_a_gpu(speed: Speed) -> None:
    assert refused(model("flux", speed)).endswith("needs a CUDA device, and this is cpu")


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_attention_that_cannot_be_exchanged(family: str) -> None:
    assert "cannot be exchanged" in refused(model(family, Speed(attention="flash3")))
    hasten(model(family, Speed(attention="sdpa")))  # which is what it has


def test_attention_is_the_models_own() -> None:
    before = _AttentionBackendRegistry.get_active_backend()[0]
    of = model("flux", Speed(attention="sdpa"))
    _AttentionBackendRegistry.set_active_backend(AttentionBackendName._NATIVE_MATH)
    try:
        hasten(of)
        assert _AttentionBackendRegistry.get_active_backend()[0].value == "_native_math", "other models keep theirs"
    finally:
        _AttentionBackendRegistry.set_active_backend(before)
    processors = [each.processor for each in of.pipeline.transformer.modules() if hasattr(each, "processor")]
    assert {each._attention_backend.value for each in processors} == {"native"}
    assert same(drawn(of), drawn(model("flux"))) < EQUAL


@pytest.mark.parametrize(
    ("attention", "lacks"), [("flash2", "flash-attn"), ("flash3", "kernels"), ("sage", "sageattention")]
)
def test_a_package_that_is_missing_is_named(attention: Any, lacks: str, cuda: Any) -> None:
    before = _AttentionBackendRegistry.get_active_backend()[0]
    said = refused(cuda(model("flux", Speed(attention=attention))))
    assert said.startswith(f"`attention: {attention}` cannot be had: ")
    assert lacks in said
    assert _AttentionBackendRegistry.get_active_backend()[0] is before


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_colours_last(family: str) -> None:
    of = model(family, Speed(channels_last=True))
    hasten(of)
    for part in (of.pipeline.unet.conv_in, of.pipeline.vae.decoder.conv_in):
        assert part.weight.is_contiguous(memory_format=torch.channels_last)
    assert same(drawn(of), drawn(model(family))) < EQUAL


def test_colours_are_last_on_a_gpu_unless_said(cuda: Any) -> None:
    for speed, last in ((Speed(), True), (Speed(channels_last=False), False)):
        of = cuda(model("sd", speed))
        hasten(of)
        assert of.pipeline.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last) is last


@pytest.mark.parametrize(("family", "how"), [("flux", "blocks"), ("sd3", "blocks"), ("sd3", "whole")])
def test_compiled(family: str, how: Any, graphs: list[int]) -> None:
    """By something that stands in for the compiler, which takes minutes: `make bench` has the real one."""
    of = model(family, Speed(compile=how))
    hasten(of)
    assert not graphs, "nothing is compiled before it is called"
    pictures = drawn(of, 2)
    made = len(graphs)
    assert graphs
    assert min(graphs) > 0
    assert same(pictures, drawn(model(family), 2)) < EQUAL
    assert len(graphs) == made, "the plain model is not compiled"
    drawn(of, 2)
    assert len(graphs) == made, "nothing is compiled twice"


def test_blocks_that_nobody_knows() -> None:
    of = model("flux", Speed(compile="blocks"))
    of.pipeline.transformer._repeated_blocks = []
    assert refused(of) == "`compile: blocks`: a FluxTransformer2DModel has none that are known; say `compile: whole`"


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, cuda: Any) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    assert "needs Triton" in refused(cuda(model("flux", Speed(compile="blocks"))))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    assert "C++ compiler" in refused(model("flux", Speed(compile="blocks")))


def test_one_folder_for_what_was_compiled(monkeypatch: pytest.MonkeyPatch, graphs: list[int]) -> None:
    monkeypatch.setenv(speeds.CACHE_FOLDER, "/elsewhere")
    of = model("flux", Speed(compile="blocks", compile_cache="/here"))
    assert refused(of) == "`compile_cache`: /elsewhere is in use; one engine has one"
    monkeypatch.delenv(speeds.CACHE_FOLDER)
    hasten(of)
    assert os.environ[speeds.CACHE_FOLDER] == "/here"
    hasten(model("flux", Speed(compile="blocks", compile_cache="/here")))


@pytest.mark.parametrize("how", [None, "blocks"])
def test_cached_blocks(how: Any, graphs: list[int]) -> None:
    """The very pictures of diffusers' own cache, with compiled blocks too; and pictures keep apart."""
    of = model("flux", Speed(first_block_cache=0.5, compile=how))
    hasten(of)
    cached, plain = build(Untrained(family="flux")), build(Untrained(family="flux"))
    cached.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.5))
    pictures = drawn(of, 9)
    assert bool(graphs) is (how is not None)
    for seed, picture in zip(SEEDS, pictures, strict=True):
        told = {"prompt": "a red house", "num_inference_steps": 9, "width": SIDE, "height": SIDE}
        assert distance(picture, stock(cached, seed, **told)) < EQUAL
        assert distance(picture, stock(plain, seed, **told)) > EQUAL, "it was at work"


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3"])
def test_no_cache_but_for_flux(family: str) -> None:
    assert "is for Flux" in refused(model(family, Speed(first_block_cache=0.1)))


def test_no_cache_for_few_steps() -> None:
    assert "below 9 steps" in refused(model("flux", Speed(first_block_cache=0.1), steps=8))
    hasten(model("flux", Speed(first_block_cache=0.1), steps=9))


def test_answers_of_a_replayed_graph_are_copied() -> None:
    """Such a graph writes every answer to the same place; what was drawn with must not change under its picture."""
    of, denoiser = model("flux"), torch.nn.Linear(1, 1)
    same_place = torch.zeros(2)

    def replay(value: float) -> tuple[torch.Tensor]:
        return (same_place.fill_(value),)

    denoiser.forward = replay  # type: ignore[method-assign,assignment]
    speeds._surround(denoiser, speeds._replayed)
    (first,), (second,) = denoiser(1.0), denoiser(2.0)
    assert first.tolist() == [1, 1]
    assert second.tolist() == [2, 2]
    plain = drawn(of)
    speeds._surround(denoiser_of(of.pipeline), speeds._replayed)
    assert same(drawn(of), plain) == 0


def test_tf32_is_the_models_own(cuda: Any) -> None:
    of = cuda(model("flux", Speed(tf32=True)))
    hasten(of)
    of.device = torch.device("cpu")
    seen = []
    of.pipeline.transformer.register_forward_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
    before = torch.get_float32_matmul_precision()
    drawn(of, 2)
    assert seen == ["high"] * 2
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(TypeError):
        of.pipeline.transformer(nosuch=1)
    assert torch.get_float32_matmul_precision() == before
    half = cuda(model("flux", Speed(tf32=True)))
    half.pipeline.transformer.to(torch.bfloat16)
    assert refused(half) == "`tf32` is for weights in float32"


def test_an_old_gpu(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    of = cuda(model("flux", Speed(fp8=True, compile="blocks")))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert refused(of) == "`fp8` needs compute capability 8.9, and cuda has 8.0"


def test_8_bits(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which layers torchao is given; its own work needs a GPU."""
    of = cuda(model("flux", Speed(fp8=True, compile="blocks")))
    monkeypatch.setattr(speeds, "_need_compiler", lambda _: None)
    assert refused(of) == "`fp8` is for weights in bfloat16"
    denoiser = of.pipeline.transformer.to(torch.bfloat16)
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    assert "`fp8` needs the package torchao" in refused(of)
    given: list[torch.nn.Module] = []

    def quantize(module: torch.nn.Module, config: Any, filter_fn: Any) -> None:
        given.extend(each for name, each in module.named_modules() if filter_fn(each, name))
        assert config == ("rows",)

    torchao = SimpleNamespace(
        quantize_=quantize,
        PerRow=lambda: "rows",
        Float8DynamicActivationFloat8WeightConfig=lambda granularity: (granularity,),
    )
    monkeypatch.setitem(sys.modules, "torchao.quantization", torchao)
    hasten(of)
    linear = [each for each in denoiser.modules() if isinstance(each, torch.nn.Linear)]
    assert given == [each for each in linear if each.in_features % 16 == each.out_features % 16 == 0]
    assert given
    of.load = replace(of.load, loras=(Lora(path="x.safetensors"),))
    assert "`loras` do not go together" in refused(of)


def test_layers_the_hardware_has_no_8_bits_for() -> None:
    assert speeds._fits(torch.nn.Linear(16, 48))
    assert not speeds._fits(torch.nn.Linear(24, 48))
    assert not speeds._fits(torch.nn.Linear(48, 24))
    assert not speeds._fits(torch.nn.Conv2d(16, 16, 1))


def test_what_a_tensor_of_8_bits_weighs() -> None:
    inner, scale = torch.zeros(4, dtype=torch.uint8), torch.ones(1)
    held: Any = SimpleNamespace(numbers=inner, scale=scale, __tensor_flatten__=lambda: (["numbers", "scale"], None))
    assert list(plain_tensors(held)) == [inner, scale]
    assert list(plain_tensors(scale)) == [scale]


def opener(load: Untrained) -> Opener:
    return Opener({MODEL: load}, family_of, "cpu")


def test_a_model_that_cannot_be_so_fast_is_not_opened() -> None:
    with pytest.raises(Failure) as failure:
        opener(Untrained(speed=Speed(tf32=True))).open(MODEL)
    assert failure.value.fault is Fault.UNAVAILABLE
    assert "`tf32` needs a CUDA device" in failure.value.detail


def test_it_is_fast_once_it_is_opened() -> None:
    of = opener(Untrained(speed=Speed(channels_last=True))).open(MODEL)
    assert of.pipeline.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("alone", "rows"), [(False, [2, 2, 4, 4]), (True, [2, 2])])
def test_warming_up_draws_alone_and_together(alone: bool, rows: list[int]) -> None:
    of = model("sd", Speed(warm_up=("64x64",)), guidance=4.0, deterministic=alone)
    calls = Calls(of.pipeline.unet)
    warm(of)
    assert calls.rows == rows
    calls.rows.clear()
    warm(model("sd"))
    assert not calls.rows


def test_a_size_it_does_not_draw_is_told_at_once() -> None:
    with pytest.raises(Failure, match=r"`warm_up: 65x64`.*steps of"):
        opener(Untrained(speed=Speed(warm_up=("65x64",)))).open(MODEL)
