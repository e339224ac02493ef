"""What a key may ask for, where that is not everything."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import Struct

from pricing import from_micros
from providers.contract import ControlKind, EditKind, UpscaleKind

Names = tuple[str, ...]

OPERATIONS = (
    *("generate", "edit", "upscale", "control"),
    "generate.reference",
    *(f"edit.{kind}" for kind in EditKind),
    *(f"upscale.{kind}" for kind in UpscaleKind),
    *(f"control.{kind}" for kind in ControlKind),
)
"""What a key can be for: a whole kind of operation, or one of them alone."""


class May(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a key is for. None stands for anything, each time."""

    dialects: Names | None = None
    models: Names | None = None
    """Names as they are asked for, before they are resolved: `gpt-image-2`, `auto`; `flux-*` for all that begin so."""
    operations: Names | None = None
    """Of OPERATIONS: `edit` for every one of its kind, `edit.inpaint` for that alone."""
    most_micros: int | None = None
    """The most one picture may cost, in micro-USD."""

    @property
    def most_usd(self) -> Decimal | None:
        """The most one picture may cost."""
        return None if self.most_micros is None else from_micros(self.most_micros)

    def speak(self, dialect: str) -> bool:
        """Whether the key may use a dialect."""
        return self.dialects is None or dialect in self.dialects

    def name(self, model: str) -> bool:
        """Whether the key may ask for a model by this name."""
        return self.models is None or _matches(self.models, model)

    def do(self, operation: str) -> bool:
        """Whether the key may ask for this operation."""
        kind = operation.partition(".")[0]
        return self.operations is None or operation in self.operations or kind in self.operations


ANYTHING = May()


@lru_cache(maxsize=4096)
def _matches(patterns: Names, model: str) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), model, re.DOTALL) for pattern in patterns)


def read(text: str) -> May:
    """As it is kept."""
    return msgspec.json.decode(text, type=May) if text else ANYTHING


def written(may: May) -> str:
    """How it is kept: nothing for anything."""
    return "" if may == ANYTHING else msgspec.json.encode(may).decode()
