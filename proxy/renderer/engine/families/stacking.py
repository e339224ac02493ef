"""Several calls of a denoiser as one: which may be put together, how, and how the answer is taken apart.

A call is a dict of arguments. What is a tensor of one row for each picture (two for a guided one) is stacked; all else
must be alike. Rows are padded up to a bucket by repeating the first picture's, so that a call's shape depends on the
bucket alone.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import torch
from msgspec import Struct

Arguments = Mapping[str, Any]


class Form(Struct, frozen=True):
    """Facts about a denoiser's arguments."""

    lead: str
    """The one whose rows are counted: the latents."""
    clock: str = "timestep"
    """The one that says where in the schedule each row is: a number for all rows, or one for each."""
    shared: Collection[str] = ()
    """Tensors that are the same for every picture of a shape, and have no rows."""
    patch: int = 1
    """Latent pixels along the side of one token."""


def rows_of(call: Arguments, form: Form) -> int:
    """How many rows the call has."""
    return int(call[form.lead].shape[0])


def tokens_of(call: Arguments, form: Form) -> int:
    """Work of the call: its rows times the tokens of one."""
    lead = call[form.lead]
    pixels = lead[0, 0].numel() if lead.ndim > 3 else lead.shape[1]
    return max(1, int(rows_of(call, form) * pixels // form.patch**2))


def kind_of(call: Arguments, form: Form) -> Hashable:
    """Calls of equal kinds can be put together."""
    return tuple(
        (name, _kind(call[name], rows_of(call, form), name in form.shared))
        for name in sorted(call)
        if name != form.clock
    )


def _kind(value: Any, rows: int, shared: bool) -> Hashable:
    if isinstance(value, torch.Tensor):
        return "shared" if shared else rows, tuple(value.shape), value.dtype
    if isinstance(value, Mapping):
        return tuple((name, _kind(value[name], rows, shared)) for name in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(_kind(each, rows, shared) for each in value)
    try:
        hash(value)
    except TypeError:
        return id(value)
    other: Hashable = value
    return other


class Stacker:
    """Stacks calls. It remembers its last stack of every argument, because most do not change from step to step."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._last: dict[str, tuple[tuple[torch.Tensor, ...], torch.Tensor]] = {}

    def stacked(self, calls: Sequence[Arguments], bucket: int) -> dict[str, Any]:
        """The arguments of one call for all of them, padded to `bucket`. They are of one kind."""
        form, first = self._form, calls[0]
        padded = [*calls, *[first] * (bucket - len(calls))]
        told = {
            name: value if name in form.shared else self._put_together(name, [call[name] for call in padded])
            for name, value in first.items()
            if name != form.clock
        }
        return told | {form.clock: self._clock(padded)}

    def _put_together(self, path: str, values: Sequence[Any]) -> Any:
        first = values[0]
        if isinstance(first, torch.Tensor):
            return self._rows(path, tuple(values))
        if isinstance(first, Mapping):
            return {name: self._put_together(f"{path}.{name}", [value[name] for value in values]) for name in first}
        if isinstance(first, list | tuple):
            return [
                self._put_together(f"{path}.{place}", parts) for place, parts in enumerate(zip(*values, strict=True))
            ]
        return first

    def _rows(self, path: str, parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
        if len(parts) == 1:
            return parts[0]
        before, stack = self._last.get(path, ((), None))
        if stack is not None and len(before) == len(parts) and all(map(_same, before, parts)):
            return stack
        stack = torch.cat(parts)
        self._last[path] = parts, stack
        return stack

    def _clock(self, calls: Sequence[Arguments]) -> torch.Tensor:
        """Every row's place in the schedule: pictures of one call need not be at the same."""
        places = []
        for call in calls:
            lead, place = call[self._form.lead], torch.as_tensor(call[self._form.clock])
            floating = place if place.is_floating_point() else place.float()  # exact: schedules count to a thousand
            places.append(floating.to(lead.device).expand(lead.shape[0]))
        return torch.cat(places)


def taken_apart(output: torch.Tensor, calls: Sequence[Arguments], form: Form) -> list[torch.Tensor]:
    """Each call's rows of the answer, without those of the padding."""
    rows = [rows_of(call, form) for call in calls]
    return list(torch.split(output[: sum(rows)], rows))


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one is other
