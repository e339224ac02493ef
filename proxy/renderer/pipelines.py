"""Opens a pipeline as its `Load` says. Worker process only: imports torch and diffusers.

Local files only, safetensors only, and no code from a model's folder is ever run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_never

import torch
from diffusers import DiffusionPipeline

from providers.contract import Failure, Fault
from proxy.renderer.loads import Folder, Load, Untrained
from proxy.renderer.untrained import build

Pipeline = Any
"""A diffusers pipeline: the library is not typed, and its families share no useful class."""


def open_pipeline(model: str, load: Load) -> Pipeline:
    """The pipeline, on its device. Raises UNAVAILABLE with the reason where it cannot be opened."""
    try:
        match load:
            case Untrained():
                return build(load)
            case Folder():
                return _from_folder(load)
            case _:
                assert_never(load)
    except Exception as error:  # a library opening a stranger's folder may raise anything; the model is out, no more
        raise Failure(Fault.UNAVAILABLE, f"the local model {model!r} cannot be loaded: {first_line(error)}") from error


def _from_folder(load: Folder) -> Pipeline:
    folder = Path(load.path)
    if not (folder / "model_index.json").is_file():
        raise FileNotFoundError(f"{folder} is no diffusers folder: it has no model_index.json")
    device = _device(load.device)
    pipeline = DiffusionPipeline.from_pretrained(
        str(folder),
        torch_dtype=_dtype(load.dtype, device),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _device(name: str) -> str:
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(name: str, device: str) -> torch.dtype:
    if name == "auto":
        name = "float32" if device == "cpu" else "bfloat16"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def first_line(error: Exception) -> str:
    """What went wrong, in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
