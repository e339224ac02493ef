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

PATH = "/v1/temp-images"
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

    def link(self, stored: Stored) -> str:
        """The path of a link that works from now on for as long as configured."""
        until = int(self._clock()) + self._live_s
        said = until.to_bytes(5, "big") + bytes.fromhex(stored.sha256)
        token = base64.urlsafe_b64encode(said + self._sign(said, stored.format)).decode().rstrip("=")
        return f"{PATH}/{token}.{stored.format.suffix}"

    def read(self, name: str) -> Stored | None:
        """The picture a link's last part stands for; None where it was not made here, was altered or has expired."""
        token, _, suffix = name.rpartition(".")
        found = next((each for each in Format if each.suffix == suffix), None)
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        said, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if found is None or len(said) != 37 or not hmac.compare_digest(signature, self._sign(said, found)):
            return None
        if int.from_bytes(said[:5], "big") <= self._clock():
            return None
        return Stored(said[5:].hex(), found)

    def _sign(self, said: bytes, encoded: Format) -> bytes:
        return hmac.digest(self._secret, said + encoded.encode(), "sha256")[:_SIGNATURE]
