"""What a step comes to: its answer, or the one exception it may raise. Every other exception is a failing test."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from providers.contract import Failure

P = ParamSpec("P")
T = TypeVar("T")


def outcome(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Failure:
    """The step's answer, or its `Failure`."""
    try:
        return step(*args, **kwargs)
    except Failure as failure:
        return failure
