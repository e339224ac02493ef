"""What a request leaves open, filled in: the size of its pictures and their seeds. Both renderers agree on it here.

Pure but for the random seed. Nothing is decoded or drawn here.
"""

from __future__ import annotations

import secrets

from providers.contract import Edit, ImageRequest, Upscale

DEFAULT_SIDE = 1024
"""Pixels, where neither the request nor a picture sent along says."""
DEFAULT_FACTOR = 2.0
"""How much larger an upscale makes a picture where the request does not say."""


def size_of(request: ImageRequest) -> tuple[int, int]:
    """Width and height in pixels: as asked, else as the picture sent along implies, else a square of `DEFAULT_SIDE`."""
    if request.width is not None and request.height is not None:
        return request.width, request.height
    first = next(iter(request.images), None)
    if first is None or not first.width:  # an SVG has no size of its own
        return DEFAULT_SIDE, DEFAULT_SIDE
    if isinstance(request, Upscale):
        factor = DEFAULT_FACTOR if request.factor is None else request.factor
        return round(first.width * factor), round(first.height * factor)
    if isinstance(request, Edit):
        return first.width + request.left + request.right, first.height + request.up + request.down
    return first.width, first.height


def seeds_of(request: ImageRequest) -> tuple[int, ...]:
    """One seed for each picture, counting on from the request's own, or from a random one where it has none."""
    first = secrets.randbelow(2**31) if request.seed is None else request.seed
    return tuple(range(first, first + request.n))
