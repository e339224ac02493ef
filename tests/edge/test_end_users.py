"""Limits of end users, whom only the body of a request names."""

from __future__ import annotations

from pathlib import Path

from proxy.ledger.accounts import Accounts, Budget
from tests.edge.house import BODY, house
from tests.edge.vendors import FickleVendor
from tests.walk.vendors import at, serving


async def test_an_end_user_is_held_to_its_limits_and_others_are_not(tmp_path: Path) -> None:
    vendor = FickleVendor()
    with serving(vendor):
        async with house(tmp_path, {"providers": {"stub": at(vendor)}, "default_model": "photo"}) as home:
            key = home.key("acme", "1/total")
            accounts = Accounts(home.app.premises.engine)
            accounts.set_limits("user:*", (Budget("requests", "minute", 1),))
            accounts.set_limits("user:acme/jo", (Budget("requests", "minute", 2),))
            home.app.premises.ring.refresh()

            async def asks(user: str | None) -> int:
                return (await home.post(key, BODY if user is None else {**BODY, "user": user})).status_code

            assert [await asks(user) for user in ("jo", "jo", "jo", "al", "al")] == [200, 200, 429, 200, 429]
            assert [await asks(None) for _ in range(3)] == [200] * 3
