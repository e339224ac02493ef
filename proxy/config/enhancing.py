"""The row about prompts that are written out."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from providers.contract import Secret


class EnhancerRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chat model that writes prompts out where a caller asks for that, at a server with OpenAI's chat completions."""

    base: str
    """Origin and path prefix, e.g. `https://api.openai.com/v1`."""
    model: str
    """As the server calls it."""
    key: Secret = Secret("")
    """None for a server that asks for none."""
    text_in: Decimal
    """USD per million tokens read."""
    text_out: Decimal
    """USD per million tokens written."""
    tokens: Annotated[int, Meta(ge=16, le=4000)] = 200
    """Most it may write."""
    limit_field: str = "max_completion_tokens"
    """How the server wants that to be said; older ones know `max_tokens`."""
    deadline_s: Annotated[float, Meta(gt=0)] = 20.0
    """Seconds it may take; the prompt stays as it was sent where it takes longer."""

    def __post_init__(self) -> None:
        for name, rate in (("text_in", self.text_in), ("text_out", self.text_out)):
            if not (rate.is_finite() and rate >= 0):
                raise ValueError(f"{name} is an amount in USD, not {rate}")
