"""The ways vendors charge: each bounds a request before the call and reads the vendor's meter after it.

`bound` returns the most a request can cost, line by line, or `Unpriced`. `metered` returns what the vendor's own
figures come to, or None where the usage does not carry this kind's meter.
"""

from __future__ import annotations

from pricing.kinds.lines import Line, Lines, Unpriced
from pricing.kinds.megapixels import PerMegapixel
from pricing.kinds.plain import Free, Unpublished
from pricing.kinds.seconds import Owned, PerSecond
from pricing.kinds.tables import PerCredit, PerImage, Row, pick
from pricing.kinds.tokens import (
    MILLION,
    AreaTokens,
    FlatInput,
    PerToken,
    TableTokens,
    Tier,
    TierTokens,
    TileInput,
)

__all__ = [
    "MILLION",
    "AreaTokens",
    "FlatInput",
    "Free",
    "Kind",
    "Line",
    "Lines",
    "Owned",
    "PerCredit",
    "PerImage",
    "PerMegapixel",
    "PerSecond",
    "PerToken",
    "Row",
    "TableTokens",
    "Tier",
    "TierTokens",
    "TileInput",
    "Unpriced",
    "Unpublished",
    "pick",
]

Kind = PerImage | PerCredit | PerMegapixel | PerToken | PerSecond | Owned | Free | Unpublished
