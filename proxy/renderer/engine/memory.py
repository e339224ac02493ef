"""A device's memory: how much there is for models, and what is done when it runs out all the same.

Worker side only: imports torch. Which step follows which is `ladder`'s; here they are carried out.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import torch

from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.ladder import Rung, Trouble, next_rung
from proxy.renderer.engine.shelf import Keeper, Shelf
from proxy.renderer.wire import Shelved, Strained

_GPU_SHARE = 0.8
_CPU_SHARE = 0.5
_WORK_BYTES = 2 * 1024**3
"""Left to the work itself (activations, workspaces), besides that share, where there is so much."""
_CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Memory:
    """One device's models, and the ladder. For the engine's thread."""

    def __init__(
        self,
        keeper: Keeper[Opened],
        budget_bytes: int,
        *,
        park_bytes: int = 0,
        tell: Callable[[Shelved | Strained], None] = lambda _: None,
    ) -> None:
        """As of `Shelf`; `tell` hears of shortages, too."""
        self._tell = tell
        self._shelf = Shelf(keeper, budget_bytes, park_bytes=park_bytes, tell=tell)

    def open(self, model: str, busy: Collection[str] = ()) -> Opened | None:
        """The model, loaded where it was not. Others may be let go of for that, but never one that is `busy`.

        None where it fits only once one of the busy is done, or where another model waited long enough. Raises
        UNAVAILABLE where it is unknown, cannot be loaded, or could never fit.
        """
        return self._shelf.open(model, busy)

    def preload(self, models: Iterable[str]) -> tuple[str, ...]:
        """Load them ahead of any request; why some could not be."""
        return self._shelf.preload(models)

    def resident(self) -> tuple[tuple[str, ...], int]:
        """Names of the models in memory, the latest used last, and the bytes they use."""
        return self._shelf.models, self._shelf.used_bytes

    def relieve(self, opened: Opened, busy: Collection[str] = (), *, coding: bool = True) -> str | None:
        """Make room for work that `opened` just failed to do for lack of memory, by the next rung of the ladder.

        `coding` is whether that was encoding or decoding pictures, not a denoising step. What was done, in words; None
        where nothing is left to do. Call it outside of the handler of what was raised: its traceback keeps tensors.
        """
        release()
        busy = {*busy, opened.model}
        trouble = Trouble(
            coding=coding,
            tiles=can_tile(opened),
            idle=any(each not in busy for each in self._shelf.models),
            offloads=can_offload(opened),
        )
        rung = next_rung(trouble)
        self._tell(Strained(opened.model, "fail" if rung is None else str(rung)))
        match rung:
            case Rung.TILE:
                tile(opened)
                return f"the autoencoder of {opened.model!r} works in tiles from now on"
            case Rung.EVICT:
                gone = [each for each in self._shelf.models if each not in busy]
                self._shelf.evict_idle(busy)
                release()
                return f"made room by evicting {', '.join(map(repr, gone))}"
            case Rung.OFFLOAD:
                offload(opened)
                self._shelf.reweigh(opened.model)
                release()
                return f"the idle parts of {opened.model!r} are off the device from now on"
        return None

    def clear(self) -> None:
        """Let go of all models: the engine ends."""
        self._shelf.clear()
        release()


def is_shortage(error: BaseException) -> bool:
    """Whether it is a lack of memory. On a CPU, and in some libraries of the GPU, torch says so in words only."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    )


def release() -> None:
    """Give back to the device what nothing refers to any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def can_tile(opened: Opened) -> bool:
    """Whether its autoencoder could work in tiles, and does not."""
    autoencoder = getattr(opened.pipeline, "vae", None)
    return hasattr(autoencoder, "enable_tiling") and not getattr(autoencoder, "use_tiling", False)


def tile(opened: Opened) -> None:
    """Its autoencoder works in tiles from now on, and picture by picture."""
    autoencoder = opened.pipeline.vae
    autoencoder.enable_tiling()
    if hasattr(autoencoder, "enable_slicing"):
        autoencoder.enable_slicing()


def can_offload(opened: Opened) -> bool:
    """Whether its idle parts could be in another memory, and are not."""
    able = opened.device.type == "cuda" and hasattr(opened.pipeline, "enable_model_cpu_offload")
    return able and not is_offloaded(opened)


def is_offloaded(opened: Opened) -> bool:
    """Whether only the part at work is on the device."""
    return bool(getattr(opened.pipeline, "_all_hooks", ()))


def offload(opened: Opened) -> None:
    """Only the part at work is on the device from now on; the library's hooks move them."""
    opened.pipeline.enable_model_cpu_offload(device=opened.device)


def budget_bytes(device: str) -> int:
    """Bytes of the device's memory that models may take; what is left is for the work."""
    kind = torch.device(device)
    if kind.type == "cuda":
        return _left_for_models(torch.cuda.mem_get_info(kind)[1], _GPU_SHARE)
    if kind.type == "mps":
        return _left_for_models(torch.mps.recommended_max_memory(), _GPU_SHARE)
    return _left_for_models(machine_bytes(), _CPU_SHARE)


def park_bytes(device: str) -> int:
    """Bytes of the machine's memory that keep models which are evicted from the device."""
    return int(machine_bytes() * _CPU_SHARE) if torch.device(device).type == "cuda" else 0


def machine_bytes() -> int:
    """The machine's memory, or what this container may have of it."""
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CGROUP:
        if file.is_file() and (said := file.read_text().strip()).isdecimal():
            have = min(have, int(said))
    return have


def _left_for_models(have: int, share: float) -> int:
    return max(int(have * share) - _WORK_BYTES, have // 2)
