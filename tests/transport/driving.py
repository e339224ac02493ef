"""Conversations for the driver, written down as lists of steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from providers.contract import Account, Call, Conversation, Failure, Image, Provider, Reply, Result, Secret, Step
from proxy.renderer import Renderer
from proxy.transport import Guard, Lease, Room, Transport

KEY = "sk-secret-of-the-vendor"
LIMIT = 4_000_000


def never(*_: Any) -> Conversation:
    """No test asks the provider itself to speak."""
    raise AssertionError


VENDOR = Provider(title="Vendor", run=never)


def explained(reply: Reply, failure: Failure) -> Failure:
    """What a vendor's own words make of a status: here, the name of a fault in the body."""
    said = bytes(reply.body).decode()
    return Failure(type(failure.fault)(said), "in its own words", retry_after=failure.retry_after) if said else failure


EXPLAINING = replace(VENDOR, explain=explained)


class Watched:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.tickets: list[str] = []
        self.previews: list[tuple[Image, int]] = []

    async def ticket(self, text: str) -> None:
        self.tickets.append(text)

    async def preview(self, image: Image, index: int) -> None:
        self.previews.append((image, index))


class Driver:
    """A transport, and the one thing tests do with it."""

    def __init__(self, transport: Transport, account: Account) -> None:
        self.transport = transport
        self.account = account
        self.watched = Watched()

    async def ask(
        self,
        *steps: Step,
        deadline: float = 10,
        lease: Lease | None = None,
        paid: bool = False,
        provider: Provider = VENDOR,
    ) -> list[Any]:
        """Hold a conversation of these steps to its end; the answers to them."""
        answers: list[Any] = []

        def conversation() -> Conversation:
            for step in steps:
                answers.append((yield step))
            return Result(pictures=())

        await self.hold(conversation(), deadline=deadline, lease=lease, paid=paid, provider=provider)
        return answers

    async def hold(
        self,
        conversation: Conversation,
        *,
        deadline: float = 10,
        lease: Lease | None = None,
        paid: bool = False,
        provider: Provider = VENDOR,
    ) -> Result:
        """Hold a conversation to its end."""
        return await self.transport.hold(
            conversation,
            provider,
            self.account,
            self.watched,
            deadline=deadline,
            lease=lease or Lease(Room(1 << 30)),
            paid=paid,
        )

    async def fault(self, *steps: Step, **options: Any) -> Failure:
        """The failure a conversation of these steps ends with."""
        try:
            answers = await self.ask(*steps, **options)
        except Failure as failure:
            return failure
        raise AssertionError(f"it was answered: {answers}")


@asynccontextmanager
async def driving(
    base: str,
    *,
    realm: str = "",
    allow: Iterable[str] = (),
    limit: int = LIMIT,
    renderers: Mapping[str, Renderer] | None = None,
) -> AsyncIterator[Driver]:
    """A driver for a vendor at `base`, closed at the end."""
    guard = Guard(allow, limit)
    transport = Transport(guard, renderers or {}, limit)
    try:
        yield Driver(transport, Account(base=base, key=Secret(KEY), realm=realm))
    finally:
        await transport.close()
        await guard.close()


def paying(server: str, **more: Any) -> Call:
    """A call that may be charged for."""
    return Call(method="POST", url=f"{server}/submit", json={"prompt": "A boat"}, pays=True, **more)
