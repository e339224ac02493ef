"""What a load is made of: folders and files on this machine, and what it needs of the hub. No torch, no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from proxy.renderer.loads import ControlNet, Folder, Hub, Load, Lora, Tiny, Untrained
from proxy.renderer.models.choosing import INDEX, Chosen, ModelError, Part, choose, choose_file, choose_part
from proxy.renderer.models.pulled import cache_folder, damage, folder_of, record_of
from proxy.renderer.models.weights import bytes_in

TINY = Path(__file__).parents[1] / "tiny"
"""Where the model that comes with Darkroom lies."""
UNTRAINED_BYTES = 16_000_000
"""What an untrained model takes, about: it has no files to tell."""
REAL_PARAMETERS = {"sd": 948_756_216, "sdxl": 2_672_882_309, "sd3": 2_326_813_693, "flux": 12_126_497_712}
"""What one of real scale has, text encoders too."""

What = Literal["pipeline", "lora", "controlnet"]


class Source(Struct, frozen=True):
    """Something of the hub that a load needs."""

    what: What
    repo: str
    revision: str
    variant: str | None = None
    """Of a pipeline's weights."""
    file: str | None = None
    """Of a LoRA's repository."""

    def __str__(self) -> str:
        return self.repo if self.revision == "main" else f"{self.repo}@{self.revision}"


class Lacks(ModelError):  # noqa: N818  a state, told as a reason
    """It was not pulled, or what was pulled is damaged."""


def sources_of(load: Load) -> Iterator[Source]:
    """All that a load needs of the hub."""
    if isinstance(load, Hub):
        yield Source("pipeline", load.repo, load.revision, load.variant)
    for lora in load.loras:
        if lora.repo is not None:
            yield Source("lora", lora.repo, lora.revision, file=lora.file)
    if load.controlnet is not None and load.controlnet.repo is not None:
        yield Source("controlnet", load.controlnet.repo, load.controlnet.revision)


def lacking(load: Load) -> str | None:
    """What has to be pulled or repaired before the load can be opened, in words; None where it is all here."""
    for source in sources_of(load):
        try:
            found(source)
        except Lacks as lacks:
            return str(lacks)
    return None


def found(source: Source) -> Path:
    """The folder of what was pulled. Raises Lacks."""
    cache = cache_folder()
    pulled = record_of(source.repo, source.revision, cache)
    if pulled is None:
        raise Lacks(f"{source} was not pulled: run `darkroom models pull`")
    if harm := damage(pulled, cache, whole=False):
        raise Lacks(f"of {source}, {harm[0]}: run `darkroom models pull`")
    return folder_of(pulled, cache)


def folder_for(load: Folder | Hub | Tiny) -> Path:
    """The folder of the load's pipeline. Raises ModelError where it is not there."""
    match load:
        case Hub():
            return found(Source("pipeline", load.repo, load.revision, load.variant))
        case Folder():
            folder = Path(load.path).expanduser()
        case Tiny():
            folder = TINY
    if not (folder / INDEX).is_file():
        raise ModelError(f"{folder} is no diffusers folder: it has no {INDEX}")
    return folder


def pipeline_in(load: Folder | Hub | Tiny) -> tuple[Path, Chosen]:
    """The folder of the load's pipeline, and what is used of it. Raises ModelError."""
    folder = folder_for(load)
    variant = None if isinstance(load, Tiny) else load.variant
    return folder, choose(_json(folder / INDEX), _files(folder), variant)


def lora_file(lora: Lora) -> Path:
    """The one file of a LoRA. Raises ModelError."""
    if lora.repo is not None:
        place = found(Source("lora", lora.repo, lora.revision, file=lora.file))
    else:
        assert lora.path is not None
        place = Path(lora.path).expanduser()
    if place.is_dir():
        return place / choose_file(_files(place), lora.file)
    if not place.is_file():
        raise ModelError(f"there is no LoRA at {place}")
    return place.parent / choose_file([place.name], place.name)


def controlnet_in(controlnet: ControlNet) -> tuple[Path, Part]:
    """The folder of a ControlNet, and what is used of it; the part's kind is its class. Raises ModelError."""
    if controlnet.repo is not None:
        folder = found(Source("controlnet", controlnet.repo, controlnet.revision))
    else:
        assert controlnet.path is not None
        folder = Path(controlnet.path).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} is no ControlNet: it has no config.json")
    kind = _json(folder / "config.json").get("_class_name")
    return folder, choose_part("", str(kind), _files(folder))


def bytes_of(load: Load, dtype: str | None = None) -> int:
    """What all weights of a load take in memory, text encoders too: in `dtype` or, by default, as they lie.

    Read from the files' headers alone. Raises ModelError.
    """
    if isinstance(load, Untrained):
        total = UNTRAINED_BYTES if load.scale == "tiny" else _real_bytes(load.family, dtype)
    else:
        folder, chosen = pipeline_in(load)
        total = bytes_in([folder / name for name in chosen.weights], dtype)
    total += bytes_in([lora_file(lora) for lora in load.loras], dtype)
    if load.controlnet is not None:
        folder, part = controlnet_in(load.controlnet)
        total += bytes_in([folder / name for name in part.weights], dtype)
    return total


def kind_of(load: Load) -> str:
    """The class of a load's pipeline, or an untrained one's family. Raises ModelError."""
    return load.family if isinstance(load, Untrained) else pipeline_in(load)[1].kind


def _real_bytes(family: str, dtype: str | None) -> int:
    return REAL_PARAMETERS[family] * (4 if dtype == "float32" else 2)


def _json(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error


def _files(folder: Path) -> list[str]:
    return [each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()]
