"""A text encoder that remembers what it read: campaigns repeat their words, and almost every request its negative."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import torch

MOST_BYTES = 256 * 2**20
"""Of all encodings one encoder remembers."""


class Remembered:
    """Calls the encoder, but for words it was called with lately."""

    def __init__(self, encoder: Any, most_bytes: int = MOST_BYTES) -> None:
        self._encoder = encoder
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the encoder makes of it. Nobody may change it: others are given the very same."""
        key = _key((arguments, named))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        made = self._encoder(*arguments, **named)
        size = _bytes(made)
        self._kept[key] = made, size
        self._bytes += size
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed
        return made

    def forget(self) -> None:
        """Give all of it back: memory is short."""
        self._kept.clear()
        self._bytes = 0


def _key(value: Any) -> Hashable:
    """The words' numbers themselves, and every option."""
    if isinstance(value, torch.Tensor):
        return value.dtype, tuple(value.shape), value.cpu().numpy().tobytes()
    if isinstance(value, dict):
        return tuple((name, _key(value[name])) for name in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(_key(each) for each in value)
    other: Hashable = value
    return other


def _bytes(made: Any) -> int:
    """Of all tensors in an encoder's answer; those that appear twice are counted twice, to be on the safe side."""
    if isinstance(made, torch.Tensor):
        return made.nbytes
    if isinstance(made, dict):
        return sum(map(_bytes, made.values()))
    if isinstance(made, list | tuple):
        return sum(map(_bytes, made))
    return 0
