"""What a request's headers say about its route: by which policy, how soon, by whom, and where it may be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.written import names_in, seconds_in

MOST_S = 86_400.0
"""More seconds than a day are no limit."""
LONGEST_USER = 120
"""Characters of an end user's name."""
LONGEST = 1024
"""Characters of a list."""


class Terms(Struct, frozen=True):
    """None where nothing is said."""

    policy: str | None
    max_seconds: float | None
    providers: frozenset[str] | None
    regions: frozenset[str] | None


def terms(headers: Mapping[str, str], known: Collection[str], asked: Sequence[str]) -> Terms:
    """Read them. `known`: the providers there are; `asked`: those the body names. Raises REJECTED."""
    providers = _listed(headers.get("x-darkroom-providers"), "X-Darkroom-Providers", "provider")
    if unknown := (providers or frozenset()) - frozenset(known):
        detail = f"There is no provider '{min(unknown)[:40]}' here."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="provider")
    if asked:
        providers = frozenset(asked) if providers is None else providers & frozenset(asked)
    policy = headers.get("x-darkroom-policy")
    return Terms(
        policy=None if policy is None else policy.strip(),
        max_seconds=_seconds(headers.get("x-darkroom-max-seconds")),
        providers=providers,
        regions=_listed(headers.get("x-darkroom-region"), "X-Darkroom-Region", "region"),
    )


def end_user(named: str | None, headers: Mapping[str, str]) -> str:
    """Whom a caller makes pictures for: as its body says, else its headers; empty where neither does.

    A name that is too long, or that no database takes, is known by its hash.
    """
    user = (named or headers.get("x-darkroom-user") or "").strip()
    if len(user) <= LONGEST_USER and user.isprintable():
        return user
    return f"sha256:{hashlib.sha256(user.encode(errors='surrogatepass')).hexdigest()}"


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    seconds = seconds_in(text)
    if seconds is None or seconds > MOST_S:
        detail = f"X-Darkroom-Max-Seconds is a number of seconds, at most a day, not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="max_seconds")
    return seconds


def _listed(text: str | None, header: str, field: str) -> frozenset[str] | None:
    """Names with commas between them."""
    if text is None:
        return None
    names = names_in(text[:LONGEST])
    if not names or len(text) > LONGEST:
        detail = f"{header} takes names with commas between them, not '{text[:40]}'."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field=field)
    return names
