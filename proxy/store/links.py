"""Links to stored pictures. A link is its own permission: it says which picture, until when, and is signed."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from providers.contract import Format
from proxy.store.disk import Stored

_FORMATS = (Format.PNG, Format.JPEG, Format.WEBP, Format.GIF, Format.SVG)
"""By the number a token has for them: new ones go to the end."""
_SIGNATURE = 16
_SECRET = 32


class Links:
    """Makes and reads links. Nothing is kept for them: they outlive a restart and need no look-up."""

    def __init__(self, secret: bytes, live_s: int, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._live_s = live_s
        self._clock = clock

    @classmethod
    def with_secret_in(cls, folder: Path, live_s: int) -> Links:
        """Links signed with a secret of the data folder, made at first use and readable by its owner alone."""
        file = folder / "links.secret"
        secret = file.read_bytes() if file.exists() else b""
        if len(secret) < _SECRET:
            secret = secrets.token_bytes(_SECRET)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".links", delete=False) as made:
                made.write(secret)
            Path(made.name).rename(file)  # whole or not at all: with half a secret, links could be guessed
        return cls(secret, live_s)

    def token(self, stored: Stored) -> str:
        """What makes a link that works from now on for as long as configured."""
        until = int(self._clock()) + self._live_s
        said = until.to_bytes(5, "big") + bytes([_FORMATS.index(stored.format)]) + bytes.fromhex(stored.sha256)
        return base64.urlsafe_b64encode(said + self._sign(said)).decode().rstrip("=")

    def read(self, name: str) -> Stored | None:
        """The picture a link's last part stands for: a token, whatever ending it has.

        None where it was not made here, was altered or has expired.
        """
        token, _, _ = name.partition(".")
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        said, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if len(said) != 38 or not hmac.compare_digest(signature, self._sign(said)):
            return None
        if int.from_bytes(said[:5], "big") <= self._clock():
            return None
        return Stored(said[6:].hex(), _FORMATS[said[5]])

    def _sign(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")[:_SIGNATURE]
