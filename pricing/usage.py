"""What is priced before the call (`Billable`) and what the vendor metered during it (`Usage`)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class Billable(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The few facts about a request that a price can depend on. No prompt, no picture: safe to keep for years."""

    operation: str = "generate"
    """What is done: `generate`, `edit.inpaint`, `upscale.fast` ..."""
    n: int = 1
    """Pictures asked for."""
    width: int | None = None
    """Pixels across; None where the vendor chooses the size."""
    height: int | None = None
    quality: str | None = None
    """None where the vendor chooses the quality."""
    fidelity: str | None = None
    prompt_bytes: int = 0
    """UTF-8 length of the prompt: no tokenizer makes more tokens than bytes."""
    inputs: tuple[tuple[int, int], ...] = ()
    """Width and height of every picture sent along, the mask included."""
    previews: int = 0
    """Unfinished pictures asked for while streaming."""
    background: str | None = None
    seconds: Decimal | None = None
    """Of GPU that one picture takes at most, where it is drawn here and such pictures were measured."""


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the vendor says was used. Absent is None, never 0."""

    images: int = 0
    """Pictures delivered."""
    usd: Decimal | None = None
    """The vendor's own charge in USD, where it states one."""
    credits: Decimal | None = None
    """The vendor's own charge in its credits."""
    units: Decimal | None = None
    """So many of whatever the price is for, where the vendor counts them: megapixels, for a price per megapixel."""
    seconds: Decimal | None = None
    """Seconds of GPU."""
    text_in: int | None = None
    """Tokens of text read; likewise below, of pictures and of what was written."""
    image_in: int | None = None
    text_out: int | None = None
    image_out: int | None = None
