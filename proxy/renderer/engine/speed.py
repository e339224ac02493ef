"""Makes an opened model faster, as its load's `speed` says. Worker side only: imports torch.

A setting that cannot be had on this machine or with this model is refused with the reason, when the model is opened
and not when it draws. Nothing is left out in silence.

Everything is done to the denoiser in place, so that the pipeline and its copies stay what they are to everybody else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from typing import Any

import torch
from diffusers import FirstBlockCacheConfig
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _AttentionBackendRegistry,  # the library has no other way to leave its default alone
    dispatch_attention_fn,
)

from proxy.renderer.engine.families.contract import Opened, Pipeline
from proxy.renderer.engine.memory import is_shortage
from proxy.renderer.loads import Speed
from proxy.renderer.models.choosing import ModelError

BACKENDS = {
    "sdpa": "native",
    "native_cudnn": "_native_cudnn",
    "flash2": "flash",
    "flash3": "_flash_3_hub",
    "sage": "sage",
}
"""What diffusers calls each `attention`."""
REPEATED = {"SD3Transformer2DModel": ["JointTransformerBlock"]}
"""Blocks to compile of denoisers that do not tell themselves."""
COMPILER = "inductor"
"""Torch's backend: what writes Triton for a GPU and C++ for a CPU."""
MOST_COMPILED = 64
"""Shapes a block is compiled for, over all models; beyond them it silently is not. Torch's own 8 is soon used up."""
CACHE_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
LEAST_STEPS = 9
"""Below that, neighbouring steps have too little in common for a cache."""
_ADA, _AMPERE = (8, 9), (8, 0)
"""The first GPUs that multiply in 8 bits, and in TF32, by their compute capability."""
_FP8_STEP = 16
"""A layer's widths are multiples of this, or the hardware cannot multiply it in 8 bits."""

Call = Callable[..., Any]
Denoiser = Any
"""A module of diffusers, which is not typed."""


def hasten(opened: Opened) -> None:
    """Do all that the load's `speed` says, once, to a model on its device. Raises ModelError."""
    speed = opened.load.speed
    _lay_out(opened, speed)
    if speed == Speed(channels_last=speed.channels_last, warm_up=speed.warm_up):
        return  # a pipeline without a denoiser known here may be drawn with all the same
    denoiser = denoiser_of(opened.pipeline)
    if speed.attention != "auto":
        _attend(opened, denoiser, speed.attention)
    if speed.fp8:
        _halve(opened, denoiser)
    if speed.compile is not None:
        _compile(opened, denoiser, speed)
    if speed.first_block_cache is not None:
        _cache(opened, denoiser, speed.first_block_cache)
    if speed.cuda_graphs:
        _surround(denoiser, _replayed)
    if speed.tf32:
        _multiply_in_tf32(opened, denoiser)


def denoiser_of(pipeline: Pipeline) -> Denoiser:
    """What a pipeline asks once a step. Raises ModelError."""
    for name in ("unet", "transformer"):
        found = getattr(pipeline, name, None)
        if isinstance(found, torch.nn.Module):
            return found
    raise ModelError(f"`speed`: a {type(pipeline).__name__} has no UNet or transformer")


def plain_tensors(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """What a tensor really keeps its numbers in: of one in 8 bits, those and their scales; else itself."""
    if not hasattr(tensor, "__tensor_flatten__"):
        yield tensor
        return
    for name in tensor.__tensor_flatten__()[0]:
        yield from plain_tensors(getattr(tensor, name))


def _lay_out(opened: Opened, speed: Speed) -> None:
    """Convolutions' weights as the GPU's tensor cores read them."""
    wanted = opened.device.type == "cuda" if speed.channels_last is None else speed.channels_last
    if not wanted:
        return
    for name in ("unet", "vae"):
        part = getattr(opened.pipeline, name, None)
        if isinstance(part, torch.nn.Module):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _attend(opened: Opened, denoiser: Denoiser, attention: str) -> None:
    """Have attention computed by that, and see that it can be."""
    processors = [each.processor for each in denoiser.modules() if hasattr(each, "processor")]
    if not any(hasattr(each, "_attention_backend") for each in processors):
        if attention == "sdpa":
            return  # it has no other
        raise ModelError(f"`attention: {attention}`: that of a {type(denoiser).__name__} cannot be exchanged")
    if attention != "sdpa":
        _need_cuda(opened, f"attention: {attention}")
    others = _AttentionBackendRegistry.get_active_backend()[0]
    try:
        denoiser.set_attention_backend(BACKENDS[attention])
        rows = torch.zeros(1, 128, 2, 64, device=opened.device, dtype=_dtype(denoiser))
        dispatch_attention_fn(rows, rows, rows, backend=AttentionBackendName(BACKENDS[attention]))
    except Exception as error:  # packages, drivers and the hub all have words of their own
        if is_shortage(error):
            raise
        raise ModelError(f"`attention: {attention}` cannot be had: {error}") from error
    finally:
        _AttentionBackendRegistry.set_active_backend(others)  # it is that of all models that did not choose


def _halve(opened: Opened, denoiser: Denoiser) -> None:
    """Linear layers in 8 bits, activations too, each row by a scale of its own."""
    _need_cuda(opened, "fp8", _ADA)
    if _dtype(denoiser) is not torch.bfloat16:
        raise ModelError("`fp8` is for weights in bfloat16")
    if opened.load.loras:
        raise ModelError("`fp8` and `loras` do not go together: LoRAs are added in full precision")
    try:
        quantization: Any = import_module("torchao.quantization")
    except ImportError as error:
        raise ModelError(f"`fp8` needs the package torchao, which cannot be imported: {error}") from error
    config = quantization.Float8DynamicActivationFloat8WeightConfig(granularity=quantization.PerRow())
    quantization.quantize_(denoiser, config, filter_fn=lambda layer, _: _fits(layer))


def _fits(layer: torch.nn.Module) -> bool:
    return isinstance(layer, torch.nn.Linear) and not (layer.in_features | layer.out_features) % _FP8_STEP


def _compile(opened: Opened, denoiser: Denoiser, speed: Speed) -> None:
    """Have it compiled when it is first called. Shapes it was not compiled for are, once; sizes soon share one."""
    if speed.cuda_graphs:
        _need_cuda(opened, "cuda_graphs")
    _need_compiler(opened.device)
    if speed.compile_cache is not None:
        _keep_compiled(speed.compile_cache)
    config: Any = import_module("torch._dynamo.config")
    config.recompile_limit = max(config.recompile_limit, MOST_COMPILED)
    told: dict[str, Any] = {"backend": COMPILER} | ({"mode": "reduce-overhead"} if speed.cuda_graphs else {})
    if speed.compile == "whole":
        denoiser.compile(**told)
        return
    for block in _blocks(denoiser):
        if speed.first_block_cache is None:
            block.compile(**told)
        else:  # below the cache's hooks: they keep books, picture by picture, and would be compiled for each
            vars(block)["forward"] = torch.compile(block.forward, **told)


def _blocks(denoiser: Denoiser) -> list[torch.nn.Module]:
    """Those that repeat."""
    kind = type(denoiser).__name__
    names: Collection[str] = getattr(denoiser, "_repeated_blocks", None) or REPEATED.get(kind) or ()
    found = [each for each in denoiser.modules() if type(each).__name__ in names]
    if not found:
        raise ModelError(f"`compile: blocks`: a {kind} has none that are known; say `compile: whole`")
    return found


def _keep_compiled(folder: str) -> None:
    wanted = os.path.expanduser(folder)  # noqa: PTH111  torch compares it as it is written
    before = os.environ.get(CACHE_FOLDER)
    if before not in (None, wanted):
        raise ModelError(f"`compile_cache`: {before} is in use; one engine has one")
    os.environ[CACHE_FOLDER] = wanted


def _need_compiler(device: torch.device) -> None:
    """Raise where compiling must fail: torch would say so only when the first picture is drawn."""
    if device.type == "cuda":
        try:
            import_module("triton")
        except ImportError as error:
            raise ModelError(f"`compile` needs Triton, which cannot be imported: {error}") from error
    compilers = [os.environ.get("CXX"), "g++", "clang++"] if device.type == "cpu" else ["gcc", "clang", "cc"]
    if not any(name and shutil.which(name) for name in compilers):
        raise ModelError("`compile` needs a C++ compiler: there is none on the PATH")


def _cache(opened: Opened, denoiser: Denoiser, threshold: float) -> None:
    """Let each picture reuse the later blocks' last answers. Families keep pictures apart, as `FlowFamily` does."""
    kind = type(opened.pipeline).__name__
    if not (kind.startswith("Flux") and hasattr(denoiser, "enable_cache")):
        raise ModelError(f"`first_block_cache` is for Flux; a {kind} has no such cache, or none kept apart by picture")
    if opened.load.steps is not None and opened.load.steps < LEAST_STEPS:
        raise ModelError(
            f"`first_block_cache` gains nothing below {LEAST_STEPS} steps, and this makes {opened.load.steps}"
        )
    denoiser.enable_cache(FirstBlockCacheConfig(threshold=threshold))


def _surround(denoiser: Denoiser, around: Callable[[Call], Call]) -> None:
    """Put something around every call of it, outside of what is compiled."""
    inner: Call = denoiser._compiled_call_impl or denoiser._call_impl
    denoiser._compiled_call_impl = around(inner)


def _replayed(inner: Call) -> Call:
    """Of a graph that is replayed: its answer lies where the next replay's will, so it is copied."""

    def called(*arguments: Any, **named: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return _cloned(inner(*arguments, **named))

    return called


def _cloned(answer: Any) -> Any:
    if isinstance(answer, torch.Tensor):
        return answer.clone()
    if isinstance(answer, dict):
        return type(answer)(**{name: _cloned(part) for name, part in answer.items()})
    return tuple(map(_cloned, answer)) if isinstance(answer, tuple) else answer


def _multiply_in_tf32(opened: Opened, denoiser: Denoiser) -> None:
    _need_cuda(opened, "tf32", _AMPERE)
    if _dtype(denoiser) is not torch.float32:
        raise ModelError("`tf32` is for weights in float32")
    _surround(denoiser, _in_tf32)


def _in_tf32(inner: Call) -> Call:
    """Torch knows only one precision for all models: it is put back."""

    def called(*arguments: Any, **named: Any) -> Any:
        usual = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            return inner(*arguments, **named)
        finally:
            torch.set_float32_matmul_precision(usual)

    return called


def _need_cuda(opened: Opened, setting: str, capability: tuple[int, int] = (0, 0)) -> None:
    if opened.device.type != "cuda":
        raise ModelError(f"`{setting}` needs a CUDA device, and this is {opened.device}")
    have = torch.cuda.get_device_capability(opened.device)
    if have < capability:
        said = ["{}.{}".format(*each) for each in (capability, have)]
        raise ModelError(f"`{setting}` needs compute capability {said[0]}, and {opened.device} has {said[1]}")


def _dtype(denoiser: Denoiser) -> torch.dtype:
    dtype: torch.dtype = next(denoiser.parameters()).dtype
    return dtype
