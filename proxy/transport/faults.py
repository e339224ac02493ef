"""Two tables: what a vendor's status means, and what an error of the client library means. And when to come again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite

import aiohttp

from providers.contract import Failure, Fault
from proxy.transport.guard import ForbiddenError

BY_STATUS: dict[int, Fault] = {
    400: Fault.REJECTED,
    401: Fault.CREDENTIAL,
    402: Fault.CREDENTIAL,
    403: Fault.CREDENTIAL,
    404: Fault.UNAVAILABLE,  # the catalogue promised the route and the model: not the caller's doing
    408: Fault.AMBIGUOUS,
    409: Fault.THROTTLED,
    413: Fault.REJECTED,
    415: Fault.REJECTED,
    422: Fault.REJECTED,
    425: Fault.THROTTLED,
    429: Fault.THROTTLED,
    500: Fault.UNAVAILABLE,
    502: Fault.UNAVAILABLE,
    503: Fault.UNAVAILABLE,
    504: Fault.AMBIGUOUS,  # a gateway gave up on a request the vendor may still be working on
    522: Fault.UNAVAILABLE,
    524: Fault.AMBIGUOUS,
    529: Fault.UNAVAILABLE,
}

UNSENT = (
    aiohttp.ClientConnectorError,  # DNS and TLS trouble too
    aiohttp.ConnectionTimeoutError,
)
"""Errors before a byte of the request was sent: the answer is definite."""

ASTRAY = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
"""What a reply named is no URL: nothing was sent, and asking again changes nothing."""


def by_status(status: int, retry_after: float | None) -> Failure:
    """The failure an error status stands for, before the vendor's own words refine it."""
    fault = BY_STATUS.get(status, Fault.UNAVAILABLE if status >= 500 else Fault.MALFORMED)
    return Failure(fault, f"the vendor answered {status}", retry_after=retry_after)


def by_error(error: Exception, *, pays: bool) -> Failure:
    """The failure an error of the connection stands for. Once a paying request may have been sent, it is AMBIGUOUS."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ForbiddenError):
        return Failure(Fault.MALFORMED, f"the vendor's reply leads astray: {error.os_error}")
    if isinstance(error, ASTRAY):
        return Failure(Fault.MALFORMED, "the vendor's reply leads to what is no URL")
    if isinstance(error, UNSENT):
        return Failure(Fault.UNAVAILABLE, f"the vendor cannot be reached ({type(error).__name__})")
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerConnectionError | aiohttp.ClientOSError):
        detail = "the connection to the vendor broke off"
    elif isinstance(error, TimeoutError):
        detail = "the vendor did not answer in time"
    else:
        detail = f"the vendor's answer cannot be read ({type(error).__name__})"
    return Failure(Fault.AMBIGUOUS if pays else Fault.UNAVAILABLE, detail)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a vendor asks to be left alone: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = _until(headers["retry-after"])
    except (KeyError, ValueError, OverflowError):
        return None
    return max(0.0, seconds) if isfinite(seconds) else None


def _until(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        return parsedate_to_datetime(said).timestamp() - time.time()
