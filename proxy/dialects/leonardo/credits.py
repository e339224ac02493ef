"""What a request costs in this API's words: whole credits, and a price written as text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from providers.contract import Code, Failure, Fault

CREDIT_USD = "0.001495"
"""A credit in USD where the configuration says nothing else: what those who pay as they go are charged.

https://docs.leonardo.ai/docs/plan-with-the-pricing-calculator
"""
CENTS = Decimal("0.0001")
UNLIMITED = 1_000_000_000
"""Credits of a team that has no budget, so that clients which look first go on."""


def rate(options: Mapping[str, Any]) -> Decimal:
    """A credit in USD, by `dialects.leonardo.credit_usd`. Raises UNAVAILABLE where that is no price."""
    told = options.get("credit_usd", CREDIT_USD)
    try:
        found = Decimal(str(told))
    except InvalidOperation:
        found = Decimal(0)
    if not (found.is_finite() and found > 0):
        detail = f"dialects.leonardo.credit_usd is no price: {told!r}"
        raise Failure(Fault.UNAVAILABLE, detail, code=Code.INTERNAL)
    return found


def credits_for(usd: Decimal, credit: Decimal) -> int:
    """Credits that cover a price."""
    return int((usd / credit).to_integral_value(ROUND_CEILING))


def credits_left(usd: Decimal | None, credit: Decimal) -> int:
    """Credits that a sum buys; a great many where there is no limit."""
    return UNLIMITED if usd is None else max(0, int((usd / credit).to_integral_value(ROUND_FLOOR)))


def cost(usd: Decimal) -> dict[str, str]:
    """A price with its unit. The amount is text: official clients lose it where it is a number."""
    return {"amount": f"{usd.quantize(CENTS, ROUND_CEILING)}", "unit": "DOLLARS"}
