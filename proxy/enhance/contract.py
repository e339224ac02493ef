"""What writes prompts out, whichever it is."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from providers.contract import ImageRequest
from proxy.transport import Lease

NAME = "enhancer"
"""The provider its costs stand under in the ledger."""


class Written(Struct, frozen=True):
    """A prompt in more detail, and what that did cost in micro-USD."""

    prompt: str
    micros: int


class Enhancer(Protocol):
    """Writes prompts out."""

    model: str
    """Who does it, for the ledger."""

    def prepared(self, request: ImageRequest) -> ImageRequest:
        """A request as it can be priced: written out already, or with room for what its prompt may grow to."""

    def quote(self, prompt: str) -> int:
        """The most it can cost, in micro-USD."""

    async def write(self, request: ImageRequest, lease: Lease) -> Written:
        """The prompt of a prepared request in more detail, never longer than was priced. Raises `Failure`."""
