"""Where an account is at home: only there may what is sent be signed with its key."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from providers.contract import Account


def at_home(url: str, account: Account) -> bool:
    """Whether a URL is the account's own origin, or an https host inside its realm."""
    return _at_home(url, account.base, account.realm)


@lru_cache(maxsize=1024)
def _at_home(url: str, base: str, realm: str) -> bool:
    try:
        there, home = urlsplit(url), urlsplit(base)
        host = (there.hostname or "").lower()
        if there.username is not None or there.password is not None:
            return False
        if (there.scheme, host, there.port) == (home.scheme, (home.hostname or "").lower(), home.port):
            return True
    except ValueError:
        return False
    return (
        there.scheme == "https"
        and there.port in (None, 443)
        and bool(realm)
        and (host == realm or host.endswith(f".{realm}"))
    )
