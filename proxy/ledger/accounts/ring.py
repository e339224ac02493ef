"""The ring of keys that a server holds in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.ledger.accounts.reading import Reading
from proxy.ledger.accounts.records import Key, digest


class KeyRing:
    """The keys in memory, by hash: asking whose a secret is costs a hash and a look-up. Reloaded when they changed."""

    def __init__(self, accounts: Reading) -> None:
        self._accounts = accounts
        self.version = -1
        """Of the accounts, as they were last read."""
        self._changed: Callable[[], None] | None = None
        self._keys: dict[bytes, Key] = {}
        self.origins: frozenset[str] = frozenset()
        """Every web page that some key names."""

    def refresh(self) -> bool:
        """Reload if anything changed since; blocking, for a thread. Returns whether it did."""
        version = self._accounts.version()
        if version == self.version:
            return False
        self._keys = self._accounts.keys()
        self.origins = frozenset(origin for key in self._keys.values() for origin in key.origins)
        self.version = version
        if self._changed is not None:
            self._changed()
        return True

    def listen(self, changed: Callable[[], None]) -> None:
        """Call that whenever they were read anew; in the thread that read them."""
        self._changed = changed

    def find(self, secret: str) -> Key | None:
        """The key with that secret, working or not; None where there is none.

        How long a look-up takes tells nothing of any secret: what is compared, byte by byte or in a table, are SHA-256
        hashes, and whoever guesses cannot choose how those of two guesses differ.
        """
        return self._keys.get(digest(secret))


class Used:
    """When secrets were used, until somebody writes it down: noting it is one assignment."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}

    def note(self, key: Key, now: int) -> None:
        """A key was presented, at a moment (ms)."""
        self._at[key.row or key.key] = now

    def take(self) -> Mapping[str, int]:
        """The latest of each since the last time, by the row its secret is kept in."""
        taken, self._at = self._at, {}
        return taken
