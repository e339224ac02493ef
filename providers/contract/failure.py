"""How a request may fail: one exception, a handful of faults, and notes for what was not done as asked."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from pricing import Usage


class Fault(StrEnum):
    """Whose fault it is, which decides what happens next."""

    REJECTED = "rejected"
    """The caller's request cannot be served as it stands: never tried elsewhere."""
    MODERATED = "moderated"
    """Refused for its content: never tried elsewhere."""
    CREDENTIAL = "credential"
    """Our key or our credit at the vendor: that account is taken out, the next candidate is tried."""
    THROTTLED = "throttled"
    """Too many requests for the vendor: left alone for a while, the next candidate is tried."""
    UNAVAILABLE = "unavailable"
    """The vendor answered that it could not: the next candidate is tried."""
    MALFORMED = "malformed"
    """The vendor broke its own contract: the next candidate is tried."""
    AMBIGUOUS = "ambiguous"
    """The request was sent and no answer came. It may have been paid for: nothing else is tried, the hold stays."""
    QUOTA = "quota"
    """The caller's own budget or limit; only the proxy says so."""


class Code(StrEnum):
    """What exactly was wrong, where a dialect has its own word for it."""

    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    UNKNOWN_ROUTE = "unknown_route"
    WRONG_METHOD = "wrong_method"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_FIELD = "unknown_field"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    INVALID = "invalid"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    BODY_TOO_LARGE = "body_too_large"
    NOT_AN_IMAGE = "not_an_image"
    NOT_JSON = "not_json"
    UNREACHABLE_LINK = "unreachable_link"
    UNKNOWN_ASSET = "unknown_asset"
    NOT_CACHED = "not_cached"
    CONFLICT = "conflict"
    PENDING = "pending"
    BUDGET = "budget"
    RATE = "rate"
    BUSY = "busy"
    INTERNAL = "internal"


class Failure(Exception):  # noqa: N818  a failure is the domain's word, and the only exception there is
    """The one exception a provider, a dialect or the proxy raises for a request."""

    def __init__(
        self,
        fault: Fault,
        detail: str,
        *,
        code: Code | None = None,
        field: str | None = None,
        retry_after: float | None = None,
        charged: bool = False,
        usage: Usage | None = None,
        vendor_id: str | None = None,
    ) -> None:
        """`field` is the request field at fault, in this contract's words; `retry_after` is in seconds.

        `charged`: the vendor took the request and may have charged for it, though nothing came of it.
        `usage`: what the vendor does charge for it, though nothing came of it: that is settled.
        `vendor_id`: the vendor's own id of the request, for a support case.
        """
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail
        self.code = code
        self.field = field
        self.retry_after = retry_after
        self.charged = charged
        self.usage = usage
        self.vendor_id = vendor_id


class Note(Struct, frozen=True):
    """Something asked for that was not done as asked. Nothing is dropped, clamped or replaced without one."""

    field: str
    detail: str
    lossy: bool = True
    """False where the caller loses nothing by it; a strict request is refused only for lossy notes."""
