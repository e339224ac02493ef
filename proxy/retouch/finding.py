"""Where the subject of a picture is, by edges, skin and saturation.

Imported only when something is looked for: it brings numpy along, tens of megabytes that most servers never need.
"""

from __future__ import annotations

from typing import Any

from PIL import Image as Pillow
from PIL import ImageOps
from smartcrop import SmartCrop

LIKE = 1e-3
"""Share by which scores may differ that count as the same."""
NO_EDGE = 1
"""What the edge filter makes of a plain area."""


class _Finder(SmartCrop):  # type: ignore[misc]
    """The filter leaves the outermost pixels as they were, which would count as a bright frame round every picture."""

    def detect_edge(self, cie_image: Pillow.Image) -> Pillow.Image:
        edges: Pillow.Image = super().detect_edge(cie_image)
        return ImageOps.expand(ImageOps.crop(edges, 1), 1, NO_EDGE)


def found(picture: Pillow.Image, window: tuple[int, int]) -> tuple[float, float] | None:
    """The middle of the window of that size that is worth most; None where none is worth more than the others."""
    looked: dict[str, Any] = _Finder().analyse(picture, *window, min_scale=1, num_scale_steps=1)
    best = looked["top_crop"]["score"]
    like = [crop for crop in looked["crops"] if best - crop["score"] <= LIKE * abs(best)]
    if len(like) == len(looked["crops"]):
        return None
    middles = [(crop["x"] + window[0] / 2, crop["y"] + window[1] / 2) for crop in like]
    return min(middles, key=lambda at: abs(at[0] - picture.width / 2) + abs(at[1] - picture.height / 2))
