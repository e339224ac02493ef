"""What settings of many sections are held to."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

MEBIBYTE = 1_048_576

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


def check_url(name: str, url: str | None) -> None:
    """Raises ValueError. Empty is as if it were left out: the variable it names is not set."""
    if url and not url.startswith(("http://", "https://")):
        raise ValueError(f"`{name}` is {url!r}: write it with https:// or http://")
