"""How a caller would rather be answered: `Prefer` (RFC 7240), and whom to tell afterwards.

What is not understood of `Prefer` is passed over, as the RFC has it; an address that could never be called is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from providers.contract import Code, Failure, Fault
from proxy.transport import Guard, LinkError

WEBHOOK = "x-darkroom-webhook"
LONGEST = 2048
"""Characters of an address."""
WAIT_MOST_S = 600.0


class Preference(Struct, frozen=True, kw_only=True):
    """Answered before its pictures are there."""

    wait: float | None = None
    """Unless they are there within so many seconds of its arrival."""

    @property
    def applied(self) -> str:
        """As `Preference-Applied` says it."""
        return "respond-async" if self.wait is None else f"respond-async, wait={self.wait:g}"


def preferred(headers: Mapping[str, str]) -> Preference | None:
    """What `Prefer` asks for; None where it asks for nothing known here.

    `wait` alone means what it means beside `respond-async`: after so long, an answer without the pictures.
    """
    said = headers.get("prefer")
    if said is None:
        return None
    told: dict[str, str] = {}
    for each in said.split(","):
        name, _, value = each.partition(";")[0].partition("=")
        told.setdefault(name.strip().lower(), value.strip().strip('"'))
    wait = told.get("wait", "")
    if wait.isascii() and wait.isdecimal() and len(wait) <= 9:
        return Preference(wait=min(float(wait), WAIT_MOST_S))
    return Preference() if "respond-async" in told else None


def check_address(url: str, guard: Guard, *, later: bool) -> None:
    """Raises REJECTED for an address of a caller's own that may not be called, or never would be.

    `later`: whether the request may be answered before its pictures are there.
    """
    if not later:
        detail = "X-Darkroom-Webhook is for requests that are answered early: add Prefer: respond-async."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="webhook")
    if len(url) > LONGEST:
        detail = f"X-Darkroom-Webhook has at most {LONGEST} characters."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="webhook")
    try:
        guard.check(url)
    except LinkError as error:
        detail = f"X-Darkroom-Webhook cannot be called: {error}."
        raise Failure(Fault.REJECTED, detail, code=Code.INVALID, field="webhook") from error
