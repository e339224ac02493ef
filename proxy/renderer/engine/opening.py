"""Opens models as their loads say, and moves them between memories. Worker side only: imports torch and diffusers.

Local files only, safetensors only, and no code from a model's folder is ever run: `proxy.renderer.models` has chosen
what is read before any library looks at the folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import diffusers
import torch

from providers.contract import Failure, Fault
from proxy.renderer.engine.families.contract import Family, Opened, Pipeline
from proxy.renderer.engine.memory import is_offloaded, is_shortage, release
from proxy.renderer.engine.shelf import ShortError
from proxy.renderer.engine.speed import hasten, plain_tensors
from proxy.renderer.engine.untrained import build, build_real
from proxy.renderer.engine.warming import warm
from proxy.renderer.loads import Load, Lora, Untrained
from proxy.renderer.models.choosing import ModelError
from proxy.renderer.models.sources import bytes_of, controlnet_in, lora_file, pipeline_in

CONTROLNET = "controlnet"
"""Where a family finds the model's ControlNet in `Opened.kept`, if it has one."""

FamilyOf = Callable[[Pipeline], Family]
"""How pictures are drawn with a pipeline."""


class Opener:
    """Opens the models of one device, for its shelf: a `Keeper`."""

    def __init__(self, models: Mapping[str, Load], family_of: FamilyOf, device: str = "auto") -> None:
        """`device` is what a load's own `auto` means."""
        self._models = models
        self._family_of = family_of
        self._device = device
        diffusers.utils.logging.disable_progress_bar()

    def needs(self, model: str) -> int:
        """Bytes of its weights, from the headers of its files. Raises UNAVAILABLE where it cannot be opened."""
        load = self._load(model)
        try:
            return bytes_of(load, dtype_of(load, self._on(load)))
        except ModelError as error:
            raise _unavailable(model, str(error)) from error

    def open(self, model: str) -> Opened:
        """The model, on its device. Raises UNAVAILABLE, ShortError."""
        self.needs(model)  # no library looks at the files before they are known to be sound
        try:
            return self._opened(model, self._load(model))
        except Failure:
            raise
        except ModelError as error:
            raise _unavailable(model, str(error)) from error
        except (
            Exception
        ) as error:  # a library opening a stranger's folder may raise anything; the model is out, no more
            if not is_shortage(error):
                raise _unavailable(model, first_line(error)) from error
        # Only here, outside the handler, is the traceback gone that kept the half opened model alive.
        release()
        raise ShortError(model)

    def weigh(self, opened: Opened) -> int:
        """Bytes of its weights on the device: of an offloaded model those of its largest part, the one at work."""
        parts = [sum(_storages(part).values()) for part in _parts(opened)]
        if is_offloaded(opened):
            return max(parts, default=0)
        shared: dict[int, int] = {}
        for part in _parts(opened):
            shared |= _storages(part)
        return sum(shared.values())

    def park(self, opened: Opened) -> None:
        """Move it to the machine's memory; what its family kept beside it is let go of."""
        _forget(opened)
        if is_offloaded(opened):
            opened.pipeline.remove_all_hooks()
        for part in _parts(opened):
            part.to("cpu")
        release()

    def fetch(self, opened: Opened) -> None:
        """Move a parked one back. Raises ShortError."""
        try:
            for part in _parts(opened):
                part.to(opened.device)
        except Exception as error:
            if not is_shortage(error):
                raise
        else:
            return
        release()
        raise ShortError(opened.model)

    def drop(self, opened: Opened) -> None:
        """Let go of it for good."""
        opened.kept.clear()
        opened.pipeline = None
        release()

    def _load(self, model: str) -> Load:
        load = self._models.get(model)
        if load is None:
            raise Failure(Fault.UNAVAILABLE, f"no local model is called {model!r}")
        return load

    def _on(self, load: Load) -> torch.device:
        return device_of(self._device if load.device == "auto" else load.device)

    def _opened(self, model: str, load: Load) -> Opened:
        device = self._on(load)
        dtype: torch.dtype = getattr(torch, dtype_of(load, device))
        pipeline = _untrained(load, dtype, device) if isinstance(load, Untrained) else _from_folder(load, dtype)
        pipeline.set_progress_bar_config(disable=True)
        _put_loras(pipeline, load.loras)
        opened = Opened(
            model=model, load=load, pipeline=pipeline.to(device), family=self._family_of(pipeline), device=device
        )
        if load.controlnet is not None:
            opened.kept[CONTROLNET] = _controlnet(load, dtype).to(device)
        hasten(opened)
        warm(opened)
        opened.used_bytes = self.weigh(opened)
        return opened


def device_of(name: str) -> torch.device:
    """The device of that name; `auto` is the first GPU there is, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def dtype_of(load: Load, device: torch.device) -> str:
    """The precision of a load's weights there."""
    if load.dtype != "auto":
        return load.dtype
    return "float32" if device.type == "cpu" else "bfloat16"


def first_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _untrained(load: Untrained, dtype: torch.dtype, device: torch.device) -> Pipeline:
    return build(load).to(dtype) if load.scale == "tiny" else build_real(load, dtype, device)


def _from_folder(load: Any, dtype: torch.dtype) -> Pipeline:
    folder, chosen = pipeline_in(load)
    made: Any = getattr(diffusers, chosen.kind, None)
    if not _is_pipeline(made):
        raise ModelError(f"the installed diffusers {diffusers.__version__} has no {chosen.kind}")
    return made.from_pretrained(
        str(folder),
        torch_dtype=dtype,
        variant=getattr(load, "variant", None),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )


def _is_pipeline(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, diffusers.DiffusionPipeline)


def _put_loras(pipeline: Pipeline, loras: tuple[Lora, ...]) -> None:
    """Each as an adapter with a name of its own, all at work by their weights."""
    if not loras:
        return
    if not hasattr(pipeline, "load_lora_weights"):
        raise ModelError(f"{type(pipeline).__name__} takes no LoRAs")
    names = []
    for number, lora in enumerate(loras):
        file = lora_file(lora)
        name = f"lora{number}_{re.sub(r'[^0-9A-Za-z]', '_', file.stem)}"
        pipeline.load_lora_weights(
            str(file.parent), weight_name=file.name, adapter_name=name, local_files_only=True, use_safetensors=True
        )
        if not any(name in found for found in pipeline.get_list_adapters().values()):
            raise ModelError(f"the LoRA {file.name} has nothing for this model: it was made for another kind")
        names.append(name)
    pipeline.set_adapters(names, [lora.weight for lora in loras])


def _controlnet(load: Load, dtype: torch.dtype) -> torch.nn.Module:
    assert load.controlnet is not None
    folder, part = controlnet_in(load.controlnet)
    made = getattr(diffusers, part.kind, None)
    if not part.kind.endswith("ControlNetModel") or made is None:
        raise ModelError(f"{part.kind} is no ControlNet of the installed diffusers {diffusers.__version__}")
    opened: torch.nn.Module = made.from_pretrained(
        str(folder), torch_dtype=dtype, local_files_only=True, use_safetensors=True
    )
    return opened.eval()


def _parts(opened: Opened) -> Iterator[torch.nn.Module]:
    """All of it that has weights."""
    for part in opened.pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            yield part
    if CONTROLNET in opened.kept:
        yield opened.kept[CONTROLNET]


def _storages(part: torch.nn.Module) -> dict[int, int]:
    """Bytes of its weights by where they lie: what parts share is there once."""
    tensors = (plain for each in (*part.parameters(), *part.buffers()) for plain in plain_tensors(each))
    return {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}


def _forget(opened: Opened) -> None:
    """Let go of what lies beside the model: it is made again when it is needed."""
    kept = opened.kept.pop(CONTROLNET, None)
    opened.kept.clear()
    if kept is not None:
        opened.kept[CONTROLNET] = kept


def _unavailable(model: str, why: str) -> Failure:
    return Failure(Fault.UNAVAILABLE, f"the local model {model!r} cannot be loaded: {why}")
