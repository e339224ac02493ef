"""What safetensors files hold, from their headers alone: nothing of the weights is read. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from struct import Struct as Layout
from struct import error as BadLayout  # noqa: N812  what a length that is cut off comes to
from typing import Any

import msgspec

from proxy.renderer.models.choosing import ModelError

_LENGTH = Layout("<Q")
_MOST_BYTES = 100_000_000
"""Of a header, as the format's own reader has it."""
_BITS = {
    kind: bits
    for bits, kinds in {
        4: "F4",
        6: "F6_E2M3 F6_E3M2",
        8: "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
        16: "F16 BF16 I16 U16",
        32: "F32 I32 U32",
        64: "F64 C64 I64 U64",
    }.items()
    for kind in kinds.split()
}
_CONVERTED = frozenset({"F16", "BF16", "F32", "F64"})
"""What is turned into the precision that was asked for; anything else is meant to stay what it is."""
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}

Numbers = Mapping[str, int]
"""How many numbers there are of each type, by the format's names of them."""


def numbers_in(file: Path) -> Numbers:
    """How many numbers of which type a file holds. Raises ModelError where it is no whole safetensors file."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(0)
            (length,) = _LENGTH.unpack(opened.read(_LENGTH.size))
            return _counted(opened.read(min(length, _MOST_BYTES)), size - _LENGTH.size - length)
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from error
    except (BadLayout, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{file.name} is no whole safetensors file: it is cut off, or something else") from error


def _counted(header: bytes, behind: int) -> Numbers:
    """The numbers by a header, with that many bytes behind it. Raises whatever comes of a header that is none."""
    tensors: dict[str, dict[str, Any]] = msgspec.json.decode(header, type=dict[str, dict[str, Any]])
    tensors.pop("__metadata__", None)
    counted: Counter[str] = Counter()
    for tensor in tensors.values():
        counted[tensor["dtype"]] += prod(tensor["shape"])
    if unknown := counted.keys() - _BITS:
        raise ValueError(f"numbers of unknown types: {', '.join(sorted(unknown))}")
    if max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0) != behind:
        raise ValueError("more or less than the header says")
    return counted


def bytes_in(files: Iterable[Path], dtype: str | None = None) -> int:
    """What the weights take in memory, converted to `dtype` (`float32`, `bfloat16` ...) or, by default, as they lie.

    Raises ModelError.
    """
    bits = 0
    for file in files:
        for kind, count in numbers_in(file).items():
            bits += count * (8 * _BYTES[dtype] if dtype is not None and kind in _CONVERTED else _BITS[kind])
    return (bits + 7) // 8
