"""Where what is sent is kept: names of regions, and which of them another one covers."""

from __future__ import annotations


def covers(region: str, other: str) -> bool:
    """Whether what is kept in `other` is kept in `region`: `eu` covers `eu-west`, and not the other way round."""
    return other == region or other.startswith(f"{region}-")


def kept_in(place: str | None, regions: frozenset[str] | None) -> bool:
    """Whether a place will do for who wants those regions; None for anywhere. One that nobody knows never will."""
    if regions is None:
        return True
    return place is not None and (place in regions or any(covers(region, place) for region in regions))
