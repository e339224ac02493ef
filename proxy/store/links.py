"""Links to stored pictures. A link is its own permission: it says which picture, until when, and is signed."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import time
from collections.abc import Callable

from providers.contract import Format
from proxy.store.pictures import Stored

_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP, Format.GIF, Format.SVG)
"""By the number a token has for them: new ones go to the end."""
_SIGNATURE = 16


class Links:
    """Makes and reads links. Nothing is kept for them: they outlive a restart and need no look-up."""

    def __init__(self, secret: bytes, live_s: int, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._live_s = live_s
        self._clock = clock

    def token(self, stored: Stored) -> str:
        """What makes a link that works from now on for as long as configured."""
        until = int(self._clock()) + self._live_s
        said = until.to_bytes(5, "big") + bytes([_FORMATS.index(stored.format)]) + bytes.fromhex(stored.sha256)
        return base64.urlsafe_b64encode(said + self._sign(said)).decode().rstrip("=")

    def read(self, name: str) -> Stored | None:
        """The picture a link's last part stands for: a token, whatever ending it has.

        None where it was not made here, was altered or has expired.
        """
        found = self.lives(name)
        return None if found is None else found[0]

    def lives(self, name: str) -> tuple[Stored, int] | None:
        """The picture, and for how many more seconds the link works: one at least."""
        token, _, _ = name.partition(".")
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        said, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if len(said) != 38 or not hmac.compare_digest(signature, self._sign(said)):
            return None
        left = int.from_bytes(said[:5], "big") - self._clock()
        return (Stored(said[6:].hex(), _FORMATS[said[5]]), math.ceil(left)) if left > 0 else None

    def _sign(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")[:_SIGNATURE]
