"""Which files of a diffusers folder or repository are used, and what is refused before anything of it is read. Pure.

Weights are taken from safetensors files alone: what is pickled can run code when it is read. Parts are taken from the
libraries alone: no code that comes with a model is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

INDEX = "model_index.json"
"""What makes a folder a diffusers pipeline."""
LIBRARIES = frozenset({"diffusers", "transformers"})
"""What parts may be made of; a pipeline's own part is named by its module inside of diffusers."""
_OWN = frozenset({"stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3", "flux", "deepfloyd_if", "kandinsky"})
"""Those modules, of the pipelines there are in practice."""
_PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5")
_CONFIGURING = (".json", ".txt", ".model")
"""Configurations, vocabularies, sentencepiece models."""
_WEIGHTS = re.compile(
    r"(?:model|diffusion_pytorch_model)(?:\.(?P<before>\w+))?(?:-\d{5}-of-(?P<shards>\d{5}))?(?:\.(?P<after>\w+))?"
    r"\.safetensors"
)
_OF_WEIGHTS = re.compile(r".*\.(?:bin|safetensors|msgpack|h5)\.index(?:\.\w+)?\.json|.*\.index\.\w+\.json")


class ModelError(Exception):
    """Why a model's files cannot be used, for people."""


class Part(Struct, frozen=True):
    """A part of a pipeline."""

    name: str
    """Its folder: `unet`, `text_encoder` ..."""
    kind: str
    """Its class in its library."""
    weights: tuple[str, ...]
    """Its weights' files; none of a tokenizer or scheduler."""
    others: tuple[str, ...]
    """What else of it is read."""


class Chosen(Struct, frozen=True):
    """What is used of a folder or repository."""

    kind: str
    """The pipeline's class in diffusers."""
    parts: tuple[Part, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        """All files with weights."""
        return tuple(name for part in self.parts for name in part.weights)

    @property
    def files(self) -> tuple[str, ...]:
        """All files."""
        return (INDEX, *[name for part in self.parts for name in (*part.others, *part.weights)])


def choose(index: Mapping[str, Any], files: Collection[str], variant: str | None = None) -> Chosen:
    """What is used of a pipeline, by its `model_index.json` and the paths of all its files.

    Raises ModelError where it has code of its own, or weights that are not in safetensors files.
    """
    kind = index.get("_class_name")
    if not isinstance(kind, str):
        raise ModelError(f"its {INDEX} asks for a class of its own ({kind}); code from a model's folder is never run")
    parts = []
    for name, made in index.items():
        if name.startswith("_") or not isinstance(made, list) or len(made) != 2 or None in made:
            continue
        library, part = made
        if library not in LIBRARIES | _OWN or not isinstance(part, str):
            raise ModelError(
                f"its {name} is made by code of its own ({library}); code from a model's folder is never run"
            )
        parts.append(choose_part(name, part, files, variant))
    if not any(part.weights for part in parts):
        raise ModelError("it has no weights")
    if variant is not None and not any(_variant(file) == variant for part in parts for file in part.weights):
        raise ModelError(f"it has no weights of the variant {variant!r}")
    return Chosen(kind, tuple(parts))


def choose_part(name: str, kind: str, files: Collection[str], variant: str | None = None) -> Part:
    """What is used of one part, in the folder of its name, or of a model alone where the name is empty.

    Raises ModelError.
    """
    within = [file for file in files if file.rpartition("/")[0] == name]
    others = tuple(sorted(file for file in within if file.endswith(_CONFIGURING) and not _OF_WEIGHTS.match(file)))
    found = _of_variant([file for file in within if _WEIGHTS.fullmatch(_last(file))], variant)
    if not found and _joined(name, "config.json") in within:  # tokenizers and schedulers have no such file
        pickled = sorted(_last(file) for file in within if file.endswith(_PICKLED))
        called = name or kind
        if pickled:
            raise ModelError(
                f"its {called} has only pickled weights ({pickled[0]}), which can run code when they are read: "
                "convert them to safetensors"
            )
        raise ModelError(f"its {called} has no safetensors weights")
    indexes = [file for file in within if _OF_WEIGHTS.match(file) and ".safetensors.index" in file]
    of_shards = tuple(sorted(indexes)) if any("-of-" in file for file in found) else ()
    return Part(name, kind, tuple(sorted(found)), (*others, *of_shards))


def choose_file(files: Collection[str], wanted: str | None = None) -> str:
    """The one safetensors file of a LoRA's folder or repository. Raises ModelError where that is none, or not clear."""
    if wanted is not None:
        if wanted not in files:
            raise ModelError(f"it has no file {wanted}")
        if not wanted.endswith(".safetensors"):
            raise ModelError(f"{wanted} is no safetensors file; no other is read, for it could run code")
        return wanted
    found = sorted(file for file in files if file.endswith(".safetensors"))
    if not found:
        raise ModelError("it has no safetensors file; no other is read, for it could run code")
    if len(found) > 1:
        raise ModelError(f"it has several safetensors files; say which by `file`: {', '.join(found[:5])}")
    return found[0]


def _of_variant(found: Sequence[str], variant: str | None) -> list[str]:
    """Those of the variant where there are any, else the plain ones. Of whole and sharded weights, the whole ones."""
    of_it = [file for file in found if variant is not None and _variant(file) == variant]
    taken = of_it or [file for file in found if _variant(file) is None]
    whole = [file for file in taken if _shards(file) is None]
    if whole:
        return whole
    return _complete(taken)


def _complete(shards: list[str]) -> list[str]:
    of = {_shards(file) for file in shards}
    if shards and (len(of) > 1 or len(shards) != int(of.pop() or 0)):
        raise ModelError(f"some of its weights are missing: of {_last(shards[0])} and its like there are {len(shards)}")
    return shards


def _variant(file: str) -> str | None:
    named = _WEIGHTS.fullmatch(_last(file))
    return None if named is None else named["before"] or named["after"]


def _shards(file: str) -> str | None:
    named = _WEIGHTS.fullmatch(_last(file))
    return None if named is None else named["shards"]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _last(file: str) -> str:
    return file.rpartition("/")[2]
