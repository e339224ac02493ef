"""How a local model is loaded, as config.yaml states it.

Facts only: nothing here loads anything, and nothing here may import torch or diffusers. The worker acts on these.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Steps = Annotated[int, Meta(ge=1, le=1000)]
Guidance = Annotated[float, Meta(ge=0, le=100)]
Pixels = Annotated[int, Meta(ge=4_096)]


class _Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every way of loading has."""

    max_pixels: Pixels = 4_194_304
    """Width times height of the largest picture drawn; a larger one is refused before it can exhaust the memory."""


class Untrained(_Load, frozen=True, kw_only=True, tag="untrained"):
    """A tiny pipeline in the shape of Stable Diffusion with random weights. Nothing is downloaded.

    It paints soft abstract colour. It is for tests, demos and trying the local path without a model.
    """

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 3
    """Which random weights: another seed is another painter. This one likes colour."""
    steps: Steps = 8
    """Denoising steps where the request does not say."""
    guidance: Guidance = 4.0
    """How closely the prompt is followed where the request does not say."""


class Folder(_Load, frozen=True, kw_only=True, tag="folder"):
    """A diffusers pipeline from a local folder, as `save_pretrained` writes it. Safetensors only; no code is run."""

    path: Annotated[str, Meta(min_length=1)]
    """Where it lies on this machine."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Precision of the weights; `auto` is bfloat16 on a GPU and float32 on a CPU."""
    device: Annotated[str, Meta(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """`cpu`, `mps`, `cuda`, `cuda:1` ...; `auto` is the first GPU there is, else the CPU."""
    steps: Steps | None = None
    """Denoising steps where the request does not say; None leaves it to the pipeline. Likewise below."""
    guidance: Guidance | None = None
    """How closely the prompt is followed where the request does not say."""


Load = Untrained | Folder
