"""Where orders are posted: one connection, one group of orders after the other, each group a transaction.

`python -m proxy.ledger.clerk FILE DESCRIPTOR` does that for a server at the other end of a socket. Only the closing of
the socket ends it, so that it finishes what it has begun.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from proxy.ledger.engine import connect
from proxy.ledger.orders import Answer, Failed, Order
from proxy.ledger.posting import Memory, Posting, StaleError
from proxy.ledger.statements import Statements

LENGTH = struct.Struct("!I")
"""What goes before every frame: its length."""


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Clerk:
    """Posts orders on a connection of its own. Synchronous."""

    def __init__(self, file: Path, clock: Callable[[], int] = now_ms) -> None:
        """Raises SQLAlchemyError where the file cannot be opened."""
        self._engine = connect(file)
        self._connection = self._engine.connect().execution_options(own_transactions=True)
        driver = self._connection.connection.driver_connection
        assert driver is not None
        self._driver = driver
        self._statements = Statements(self._engine.dialect)
        self._memory = Memory()
        self._seen = -1
        self._clock = clock

    def post(self, orders: Sequence[Order]) -> list[Answer]:
        """Carry out orders, durably. One bad order does not take its group with it: they are then posted one by one."""
        try:
            return self._transact(orders)
        except (SQLAlchemyError, self._driver.Error, OverflowError, StaleError) as error:
            if len(orders) > 1:
                return [answer for order in orders for answer in self.post([order])]
            if isinstance(error, StaleError):
                return self.post(orders)  # the memory that misled it is gone
            return [Failed(f"{type(error).__name__}: {error}"[:300])]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def _transact(self, orders: Sequence[Order]) -> list[Answer]:
        self._driver.execute("BEGIN IMMEDIATE")
        try:
            (seen,) = self._driver.execute("PRAGMA data_version").fetchone()
            if seen != self._seen:  # another connection wrote since: nothing remembered may be trusted
                self._memory, self._seen = Memory(), seen
            answers = Posting(self._connection, self._statements, self._memory, self._clock()).post(orders)
            self._driver.execute("COMMIT")
        except BaseException:
            self._memory = Memory()  # it says what was not committed
            self._driver.execute("ROLLBACK")
            raise
        return answers


def main(file: Path, descriptor: int) -> None:
    """Read a group, post it, answer; until the socket is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the server is told to stop, and closes the socket when it has
    clerk = Clerk(file)
    decoder = msgspec.msgpack.Decoder(list[Order])
    encoder = msgspec.msgpack.Encoder()
    with socket.socket(fileno=descriptor) as pipe, pipe.makefile("rb") as stream:
        while head := stream.read(LENGTH.size):
            (length,) = LENGTH.unpack(head)
            answers = encoder.encode(clerk.post(decoder.decode(stream.read(length))))
            pipe.sendall(LENGTH.pack(len(answers)) + answers)
    clerk.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
