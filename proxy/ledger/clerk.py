"""Where orders are posted: one connection, one group of orders after the other, each group a transaction.

`python -m proxy.ledger.clerk PLACE DESCRIPTOR` does that for a server at the other end of a socket. Only the closing of
the socket ends it, so that it finishes what it has begun; or a database that stays away, which its server then says.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from proxy.ledger.clock import now_ms
from proxy.ledger.engine import Place
from proxy.ledger.orders import Answer, Failed, Note, Order, Posted, Reply
from proxy.ledger.posting import Posting
from proxy.ledger.transactions import TURNS, UnreachableError, transactions_on

LENGTH = struct.Struct("!I")
"""What goes before every frame: its length."""


class Clerk:
    """Posts orders on a connection of its own. Synchronous."""

    def __init__(
        self, place: Place, clock: Callable[[], int] = now_ms, tell: Callable[[Note], None] = lambda _: None
    ) -> None:
        """`tell` hears of a database that went away and came back. Raises SQLAlchemyError where a file cannot be
        opened, UnreachableError where a server does not answer.
        """
        self._transactions = transactions_on(place, tell)
        self._clock = clock

    def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Carry out orders, durably. One bad order does not take its group with it: they are then posted one by one.

        Raises UnreachableError where the database stays away: whether the orders were carried out is then open.
        """
        turn = 0
        while True:
            try:
                return self._transact(orders)
            except self._transactions.failures as error:
                if turn < TURNS and self._transactions.again(error, turn):
                    turn += 1
                    continue
                failure = error
            if len(orders) > 1:
                return [answer for order in orders for answer in self.post([order])]
            if (plain := _without_nul(orders[0])) != orders[0]:
                return self.post([plain])
            return [Failed(f"{type(failure).__name__}: {failure}"[:300])]

    def close(self) -> None:
        """Close the connection."""
        self._transactions.close()

    def _transact(self, orders: Sequence[Order]) -> list[Answer]:
        transactions = self._transactions
        try:
            memory = transactions.begin()
            posting = Posting(transactions.connection, transactions.statements, memory, self._clock())
            answers = posting.post(orders)
            transactions.commit()
        except BaseException:
            transactions.rollback()
            raise
        return answers


def _without_nul(order: Order) -> Order:
    """As it was, without a character that PostgreSQL keeps in no text, wherever a vendor or a caller put it."""
    tree = msgspec.to_builtins(order, builtin_types=(bytes,))
    plain: Order = msgspec.convert(_cleaned(tree), Order)
    return plain


def _cleaned(tree: Any) -> Any:
    if isinstance(tree, list | tuple):
        return [_cleaned(each) for each in tree]
    return tree.replace("\x00", "") if isinstance(tree, str) else tree


def main(place: Place, descriptor: int) -> None:
    """Read a group, post it, answer; until the socket is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the server is told to stop, and closes the socket when it has
    decoder = msgspec.msgpack.Decoder(list[Order])
    encoder = msgspec.msgpack.Encoder()
    with socket.socket(fileno=descriptor) as pipe, pipe.makefile("rb") as stream:

        def say(reply: Reply) -> None:
            frame = encoder.encode(reply)
            pipe.sendall(LENGTH.pack(len(frame)) + frame)

        clerk = Clerk(place, tell=say)
        while head := stream.read(LENGTH.size):
            (length,) = LENGTH.unpack(head)
            say(Posted(tuple(clerk.post(decoder.decode(stream.read(length))))))
        clerk.close()


if __name__ == "__main__":
    try:
        main(sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1]), int(sys.argv[2]))
    except UnreachableError as error:
        sys.exit(f"darkroom: {error}")
