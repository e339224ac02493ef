"""How a local model is loaded, as config.yaml states it.

Facts only: nothing here loads anything, and nothing here may import torch or diffusers. The worker acts on these.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Steps = Annotated[int, Meta(ge=1, le=1000)]
Guidance = Annotated[float, Meta(ge=0, le=100)]
Pixels = Annotated[int, Meta(ge=4_096)]
Path = Annotated[str, Meta(min_length=1)]
Repo = Annotated[str, Meta(pattern=r"\A[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}\Z")]
Revision = Annotated[str, Meta(pattern=r"\A[\w-][\w./-]{0,127}\Z")]
Sampler = Annotated[
    str,
    Meta(
        pattern=r"\A(euler|euler_ancestral|ddim|dpm|pndm|lms|heun|unipc|lcm|tcd)(-karras|-trailing)*\Z",
    ),
]
Weight = Annotated[float, Meta(ge=-10, le=10)]
Variant = Annotated[str, Meta(pattern=r"\A[a-zA-Z0-9_]{1,32}\Z")]


class _Weights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights that are put to a model's own: a local path or what the hub has, one of both."""

    path: Path | None = None
    """Where it lies on this machine."""
    repo: Repo | None = None
    """What the hub knows it by, `owner/name`; it must have been pulled by `darkroom models pull`."""
    revision: Revision = "main"
    """Branch, tag or commit on the hub. A commit never changes."""

    def __post_init__(self) -> None:
        if (self.path is None) == (self.repo is None):
            raise ValueError("say either `path` or `repo`")
        if self.repo is not None and ".." in self.repo + self.revision:
            raise ValueError("`repo` and `revision` have no `..`")


class Lora(_Weights, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA: small weights that change what a model draws. A safetensors file, or a folder or repository with one."""

    file: Path | None = None
    """Which file of the folder or repository, where it has several."""
    weight: Weight = 1.0
    """How much of it is added."""


class ControlNet(_Weights, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ControlNet for `sketch` and `structure`: a folder as `save_pretrained` writes it, or such a repository."""


class Speed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a model's steps faster. A setting that cannot be had here keeps the model out, with the reason.

    As it stands, pictures are those of plain diffusers; settings that change them are off, and say so. Figures are
    those of docs/local-models.md, from others' measurements; `darkroom bench-local` takes your own.
    """

    attention: Literal["auto", "sdpa", "native_cudnn", "flash2", "flash3", "sage"] = "auto"
    """What computes attention: `auto` is diffusers' own choice, torch's `sdpa`. The others are for CUDA, and for
    transformers whose attention can be exchanged (Flux, not SD3, no UNet): 1.1 to 1.5 times as fast from 1024 pixels.
    `flash2` needs flash-attn, `flash3` the package kernels and a kernel in the cache of the hub, `sage` sageattention;
    `sage` changes pictures a little."""
    channels_last: bool | None = None
    """Convolutions of a UNet and the autoencoder read colours last: 5 to 10 % faster on a GPU, and no other result but
    for rounding. None is yes on CUDA and no elsewhere."""
    compile: Literal["blocks", "whole"] | None = None
    """Compile the denoiser: the blocks it repeats (transformers: 1.5 times as fast on an H100, compiled in seconds),
    or the `whole` (what UNets need; compiled in a minute). No other result but for rounding. Whatever is first of its
    shape waits for the compiler: `warm_up`. It needs Triton on a GPU and a C++ compiler on a CPU."""
    compile_cache: Path | None = None
    """Folder that keeps what was compiled from one start to the next; by default torch's own in the temporary folder.
    What lies there is run: nobody else may write to it. One for all models of an engine."""
    cuda_graphs: bool = False
    """Replay steps of a shape as a whole: 1.05 to 1.3 times as fast, most with small pictures. Each shape (size,
    pictures in the step) takes memory of its own. It needs `compile`."""
    warm_up: tuple[Annotated[str, Meta(pattern=r"\A[1-9]\d{1,3}x[1-9]\d{1,3}\Z")], ...] = ()
    """Sizes (`1024x1024`) that are drawn, alone and two at once, before the model counts as loaded."""
    fp8: bool = False
    """Compute the denoiser's linear layers in 8 bits: 1.3 to 1.6 times as fast and little more than half the memory.
    It changes pictures a little. It needs the package torchao, an Ada, Hopper or later GPU, bfloat16 weights without
    LoRAs, and `compile`."""
    first_block_cache: Annotated[float, Meta(gt=0, le=1)] | None = None
    """Skip the blocks after the first where that changed by less than this part since the step before: 1.5 to 2 times
    as fast at 0.05 to 0.12, useless below 9 steps. It changes pictures, more with a higher number, and pictures no
    longer share steps. For Flux."""
    tf32: bool = False
    """Multiply float32 weights in TF32: several times as fast, three digits less. For CUDA and dtype float32 only."""

    def __post_init__(self) -> None:
        if self.compile is None:
            for name in ("compile_cache", "cuda_graphs", "fp8"):
                if getattr(self, name):
                    raise ValueError(f"`{name}` needs `compile`")
        if self.first_block_cache is not None and (self.cuda_graphs or self.compile == "whole"):
            raise ValueError("`first_block_cache` goes with `compile: blocks`, and without `cuda_graphs`")


class _Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every way of loading has."""

    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Precision of the weights; `auto` is bfloat16 on a GPU and float32 on a CPU."""
    device: Annotated[str, Meta(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """`cpu`, `mps`, `cuda`, `cuda:1` ...; `auto` is the first GPU there is, else the CPU."""
    loras: tuple[Lora, ...] = ()
    """Put to the weights in this order. The same weights with others are a model of their own: another row."""
    controlnet: ControlNet | None = None
    """What `sketch` and `structure` are drawn by."""
    sampler: Sampler | None = None
    """Which sampler the steps are made by where the request does not say; the model's own by default. After its name,
    `-karras` spaces noise levels after Karras, `-trailing` is what Turbo and Lightning weights need."""
    steps: Steps | None = None
    """Denoising steps where the request does not say; None leaves it to the pipeline. Likewise below."""
    guidance: Guidance | None = None
    """How closely the prompt is followed where the request does not say."""
    max_pixels: Pixels = 4_194_304
    """Width times height of the largest picture drawn; a larger one is refused before it can exhaust the memory."""
    deterministic: bool = False
    """Draw every picture alone: a seed gives the same bits always, at the price of what drawing together saves."""
    speed: Speed = Speed()
    """What makes its steps faster."""


class Untrained(_Load, frozen=True, kw_only=True, tag="untrained"):
    """A tiny pipeline in the shape of a real one with random weights. Nothing is downloaded.

    It paints soft abstract colour. It is for tests, demos and trying the local path without a model.
    """

    family: Literal["sd", "sdxl", "sd3", "flux"] = "sd"
    """Whose shape: Stable Diffusion 1.5, XL, 3, or Flux."""
    scale: Literal["tiny", "real"] = "tiny"
    """`real` has the denoiser and the autoencoder in full size, 2 to 25 GB in 16 bits: it paints noise as slowly as the
    real one, to measure a machine with."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 3
    """Which random weights: another seed is another painter. This one likes colour."""
    steps: Steps | None = 8
    """Denoising steps where the request does not say."""
    guidance: Guidance | None = 4.0
    """How closely the prompt is followed where the request does not say."""


class Folder(_Load, frozen=True, kw_only=True, tag="folder"):
    """A diffusers pipeline from a local folder, as `save_pretrained` writes it. Safetensors only; no code is run."""

    path: Path
    """Where it lies on this machine."""
    variant: Variant | None = None
    """Which variant of the weights' files is taken where there is one: `fp16` for `model.fp16.safetensors`."""


class Hub(_Load, frozen=True, kw_only=True, tag="hub"):
    """A diffusers pipeline from the Hugging Face hub. `darkroom models pull` fetches it; serving never does.

    Safetensors only; no code is run.
    """

    repo: Repo
    """What the hub knows it by: `owner/name`."""
    revision: Revision = "main"
    """Branch, tag or commit. A commit never changes; of the others, what was pulled last is drawn with."""
    variant: Variant | None = None
    """Which variant of the weights' files is taken where there is one: `fp16` for `model.fp16.safetensors`."""

    def __post_init__(self) -> None:
        if ".." in self.repo + self.revision:
            raise ValueError("`repo` and `revision` have no `..`")


class Tiny(_Load, frozen=True, kw_only=True, tag="tiny"):
    """`darkroom-tiny`, a small model of our own that draws simple scenes on a CPU.

    Its weights are not part of this version yet: `python -m tools.train_tiny train` makes them, and a model with this
    load is out until they lie in `proxy/renderer/tiny`.
    """


Load = Untrained | Folder | Hub | Tiny
