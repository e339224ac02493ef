"""Running out of memory, and what there is of it: on a CPU, by raising what torch raises."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proxy.renderer.engine import memory
from proxy.renderer.engine.families.contract import Opened
from proxy.renderer.engine.memory import Memory, is_shortage
from proxy.renderer.loads import Untrained
from proxy.renderer.wire import Strained


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """How often memory was given back: really doing it takes long where so much is imported."""
    times: list[None] = []
    monkeypatch.setattr(memory, "release", lambda: times.append(None))
    return times


class Autoencoder:
    use_tiling = False
    slicing = False

    def enable_tiling(self) -> None:
        self.use_tiling = True

    def enable_slicing(self) -> None:
        self.slicing = True


class Pipeline(SimpleNamespace):
    """As far as memory goes."""

    _all_hooks: list[str]

    def enable_model_cpu_offload(self, device: torch.device) -> None:
        self._all_hooks = [str(device)]


class Keeper:
    """Opens such pipelines, ten bytes each; offloaded, three."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self.dropped: list[str] = []

    def needs(self, model: str) -> int:
        return 10

    def open(self, model: str) -> Opened:
        pipeline = Pipeline(vae=Autoencoder(), _all_hooks=[])
        family: Any = None
        return Opened(model=model, load=Untrained(), pipeline=pipeline, family=family, device=self.device)

    def weigh(self, opened: Opened) -> int:
        return 3 if opened.pipeline._all_hooks else 10

    def park(self, opened: Opened) -> None:
        raise AssertionError

    def fetch(self, opened: Opened) -> None:
        raise AssertionError

    def drop(self, opened: Opened) -> None:
        self.dropped.append(opened.model)


def climb(made: Memory, opened: Opened, busy: set[str], *, coding: bool) -> list[str]:
    said = []
    while (words := made.relieve(opened, busy, coding=coding)) is not None:
        said.append(words)
        assert len(said) < 5
    return said


def test_the_whole_ladder_on_a_gpu(released: list[None]) -> None:
    keeper = Keeper("cuda")
    told: list[object] = []
    made = Memory(keeper, 40, tell=told.append)
    for model in ("idle", "busy", "mine"):
        assert made.open(model, ())
    mine = made.open("mine", ())
    assert mine is not None
    assert climb(made, mine, {"busy", "mine"}, coding=True) == [
        "the autoencoder of 'mine' works in tiles from now on",
        "made room by evicting 'idle'",
        "the idle parts of 'mine' are off the device from now on",
    ]
    assert (mine.pipeline.vae.use_tiling, mine.pipeline.vae.slicing) == (True, True)
    assert keeper.dropped == ["idle"]
    assert [each.rung for each in told if isinstance(each, Strained)] == ["tile", "evict", "offload", "fail"]
    assert made.resident() == (("busy", "mine"), 13)
    assert len(released) == 4 + 2, "before every rung, and after what was moved"


def test_on_a_cpu_there_is_nowhere_to_move_parts_to() -> None:
    made = Memory(Keeper("cpu"), 40)
    made.open("idle", ())
    mine = made.open("mine", ())
    assert mine is not None
    assert climb(made, mine, set(), coding=False) == ["made room by evicting 'idle'"], "its own model never goes"
    assert not mine.pipeline.vae.use_tiling, "tiles do not help a step"
    assert made.resident() == (("mine",), 10)


def test_what_is_a_lack_of_memory() -> None:
    assert is_shortage(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_shortage(MemoryError())
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_shortage(caught.value), "what a CPU's allocator raises"
    assert is_shortage(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_shortage(ValueError("DefaultCPUAllocator"))


def test_there_is_room_for_models_and_for_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    have = memory.machine_bytes()
    assert 2**28 < have < 2**50
    assert have // 2 <= memory.budget_bytes("cpu") < have
    assert memory.park_bytes("cpu") == 0
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1, 80 * 2**30))
    assert memory.budget_bytes("cuda:1") == 62 * 2**30
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1, 4 * 2**30))
    assert memory.budget_bytes("cuda") == 2 * 2**30
    assert memory.park_bytes("cuda") == have // 2


def test_a_container_has_no_more_than_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "max").write_text("1073741824\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "_CGROUP", (tmp_path / "none", tmp_path / "max", tmp_path / "missing"))
    assert memory.machine_bytes() == 2**30
