"""How large a picture is to be, by what was said of it: a size, a side, a shape, a template."""

from __future__ import annotations

import re
from typing import Any

from providers.contract import Code, Failure
from proxy.dialects.alwrity.catalogue import Ratio
from proxy.dialects.fields import integer, rejected, wrong_type

SIDE_LEAST, SIDE_MOST = 16, 8192
PIXELS_MOST = 4096 * 4096
LONG = 1920
"""The long side of a picture of which only the shape is said."""
RATIO = re.compile(r"(\d{1,5}(?:\.\d{1,4})?):(\d{1,5}(?:\.\d{1,4})?)")
RATIO_MOST = 20.0
"""Long side over short side."""
SIDE = integer(SIDE_LEAST, SIDE_MOST)


def ratio(name: str, value: Any) -> float:
    """A shape such as `16:9` or `1.91:1`, as width over height; a reader for tables of fields."""
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    match = RATIO.fullmatch(value.strip())
    across, down = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    if not (across and down and max(across, down) <= RATIO_MOST * min(across, down)):
        detail = f"Invalid {name}: '{value[:40]}'. It is written as '16:9', and no side is over 20 times the other."
        raise rejected(detail, Code.INVALID, name)
    return across / down


def dimensions(
    width: int | None, height: int | None, shape: float | None, template: Ratio | None
) -> tuple[int, int] | None:
    """Width and height in pixels; None where nothing was said. Raises REJECTED for what does not go together.

    What the request says goes before its template: a side takes the shape said beside it, or the template's.
    """
    if width and height:
        if shape is not None and not 0.98 < width / height / shape < 1.02:
            raise rejected(f"{width}x{height} does not have the aspect_ratio asked for.", Code.INVALID, "aspect_ratio")
        return _bounded(width, height)
    if shape is None and template is not None:
        if not width and not height:
            return template.width, template.height
        shape = template.width / template.height
    if shape is None:
        if width or height:
            raise _half("height" if width else "width")
        return None
    if width:
        return _bounded(width, _side(width / shape))
    if height:
        return _bounded(_side(height * shape), height)
    return of_shape(shape, LONG if template is None else max(template.width, template.height))


def of_shape(shape: float, long: int) -> tuple[int, int]:
    """The size of a shape whose long side is `long`."""
    return (long, _side(long / shape)) if shape >= 1 else (_side(long * shape), long)


def _bounded(width: int, height: int) -> tuple[int, int]:
    if width * height > PIXELS_MOST:
        detail = f"A picture of {width}x{height} is not drawn here: at most {PIXELS_MOST} pixels are."
        raise rejected(detail, Code.ABOVE_MAXIMUM, "width")
    return width, height


def _side(length: float) -> int:
    side = round(length)
    if not SIDE_LEAST <= side <= SIDE_MOST:
        raise rejected(f"A side of {side} pixels is not drawn here.", Code.INVALID, "aspect_ratio")
    return side


def _half(missing: str) -> Failure:
    detail = f"Missing '{missing}': send width and height together, or one of them with aspect_ratio."
    return rejected(detail, Code.MISSING, missing)
