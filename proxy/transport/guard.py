"""Links are followed only to where they may lead: https, public addresses, checked again for each redirect and against
the address that is really connected to. A host the operator allows may be private and plain http.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp

from providers.contract import Failure
from proxy.transport.memory import Lease, read_whole

REDIRECTS = 5
_NAT64 = ip_network("64:ff9b::/96")
_UNICAST = ip_network("2000::/3")
"""The only part of IPv6 that is given out to the internet."""


class ForbiddenError(OSError):
    """The link leads where it may not."""


class LinkError(Exception):
    """What is behind a link cannot be had."""

    def __init__(self, why: str, *, forbidden: bool = False, status: int | None = None) -> None:
        """`forbidden`: it leads where it may not; `status`: what the host answered, where it did."""
        super().__init__(why)
        self.forbidden = forbidden
        self.status = status


class Guard:
    """Follows links that come from callers and from vendors' replies. Signs nothing, keeps no cookie."""

    def __init__(self, allow: Iterable[str], limit: int) -> None:
        """`allow`: hosts, or host:port; `limit`: most bytes behind a link."""
        self.adopt(allow, limit)
        self._guarded = _session(socket_factory=_guarded_socket)
        self._trusting = _session()

    def adopt(self, allow: Iterable[str], limit: int) -> None:
        """Follow links by other rules from now on."""
        self._allow = frozenset(host.lower() for host in allow)
        self._limit = limit

    async def close(self) -> None:
        """Close the connections."""
        await self._guarded.close()
        await self._trusting.close()

    def session_for(self, url: str) -> aiohttp.ClientSession:
        """The session that may be used for one link. Raises ForbiddenError for a link that is none or leads astray."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as error:
            raise ForbiddenError("the link is not a URL") from error
        if parts.scheme not in ("http", "https") or not host:
            raise ForbiddenError("the link is not an https URL")
        if parts.username is not None or parts.password is not None:
            raise ForbiddenError("the link carries a user name")
        if host in self._allow or f"{host}:{port or (443 if parts.scheme == 'https' else 80)}" in self._allow:
            return self._trusting
        if parts.scheme != "https":
            raise ForbiddenError("the link is not an https URL")
        return self._guarded

    def check(self, url: str) -> None:
        """Raises LinkError for a link that may never be followed. Where a name leads is seen when it is followed."""
        with _told():
            host = urlsplit(url).hostname or ""
            if self.session_for(url) is self._guarded and _is_address(host) and not is_public(host):
                raise ForbiddenError("the link leads to a private address")

    async def fetch(self, url: str, lease: Lease) -> bytes:
        """What is behind a link. Raises LinkError."""
        with _told():
            return await self._follow(url, lease)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send JSON to a link and return the status; redirects are not followed. Raises LinkError."""
        with _told():
            sent = {"content-type": "application/json", **headers}
            session = self.session_for(url)
            async with session.post(url, data=body, headers=sent, allow_redirects=False) as response:
                return response.status

    async def _follow(self, url: str, lease: Lease) -> bytes:
        for _ in range(REDIRECTS + 1):
            session = self.session_for(url)
            async with session.get(url, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308) and "location" in response.headers:
                    url = urljoin(url, response.headers["location"])
                    continue
                response.raise_for_status()
                return bytes(await read_whole(response, self._limit, lease))
        raise ForbiddenError(f"the link redirects more than {REDIRECTS} times")


@contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong inside is a LinkError outside."""
    try:
        yield
    except ForbiddenError as error:
        raise LinkError(str(error), forbidden=True) from error
    except aiohttp.ClientConnectorError as error:
        forbidden = isinstance(error.os_error, ForbiddenError)
        raise LinkError(str(error.os_error) if forbidden else "nobody answers", forbidden=forbidden) from error
    except aiohttp.ClientResponseError as error:
        raise LinkError(f"its host answers {error.status}", status=error.status) from error
    except ValueError as error:  # a redirect to nonsense, or a host name that cannot be one
        raise LinkError("the link is not a URL", forbidden=True) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LinkError(f"its host does not answer as it should ({type(error).__name__})") from error
    except Failure as failure:  # larger than allowed
        raise LinkError(failure.detail, forbidden=True) from failure


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an address is on the public internet: an embedded IPv4 address counts as itself."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
        elif ip not in _UNICAST or ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast


def _guarded_socket(address: Any) -> socket.socket:
    """Called with the very address about to be connected to: a name that resolves anew, or lies, ends here."""
    family, kind, protocol, _, where = address
    if not is_public(where[0]):
        raise ForbiddenError("the link leads to a private address")
    return socket.socket(family, kind, protocol)


def _session(**connector: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=100, ttl_dns_cache=60, keepalive_timeout=15, **connector),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"accept-encoding": "identity", "user-agent": "darkroom"},
        auto_decompress=False,  # a picture needs none, and a bomb gets no chance
        trust_env=False,
    )
