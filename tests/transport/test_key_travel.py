"""Where the vendor's key travels: to the account's own origin and into its realm over https, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from providers.contract import Account, Call, Fault, Fetch
from proxy.transport.guard import ForbiddenError, Guard
from proxy.transport.home import at_home
from tests.pictures import png
from tests.properties import MANY
from tests.transport.driving import KEY, Driver, driving
from tests.transport.serving import Names, Seen, Server, serving

BASE = "https://api.vendor.test"
REALM = "vendor.test"
STRANGERS = ("evil.test", "evilvendor.test", "api.vendor.test.evil.test", "other.test")
HOSTS = (*STRANGERS, "vendor.test", "api.vendor.test", "eu.api.vendor.test")


async def _picture(_: web.BaseRequest) -> web.Response:
    return web.Response(body=png(), content_type="image/png", headers={"set-cookie": "session=1; Path=/"})


class World:
    """A vendor whose every host, friend or stranger, is one server with a certificate for all of them."""

    def __init__(self, driver: Driver, secure: Server, plain: Server) -> None:
        self.driver = driver
        self.secure = secure
        self.plain = plain

    @property
    def arrived(self) -> list[Seen]:
        return self.secure.seen + self.plain.seen

    def leaks(self) -> list[Seen]:
        """Requests that carried the key, anywhere."""
        return [seen for seen in self.arrived if KEY in f"{seen.path} {seen.headers} {seen.body!r}"]


@asynccontextmanager
async def world(names: Names, *, realm: str = REALM, answer: object = _picture) -> AsyncIterator[World]:
    """Strangers are allowed by the operator, so that a request that goes to them arrives and can be looked at."""
    async with serving(answer, tls=True) as secure, serving(answer) as plain:  # type: ignore[arg-type]
        for host in HOSTS:
            names.point(host, [("127.0.0.1", secure.port)])
            names.point(f"{host}:80", [("127.0.0.1", plain.port)])
        async with driving(BASE, realm=realm, allow=HOSTS) as driver:
            yield World(driver, secure, plain)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.vendor.test/poll/1",
        "https://api.vendor.test:443/poll/1",
        "https://API.Vendor.Test/poll/1",
        "HTTPS://api.vendor.test/poll/1",
        "https://eu.api.vendor.test/poll/1",
        "https://vendor.test/poll/1",
    ],
)
async def test_the_key_travels_within_the_vendors_domain(names: Names, url: str) -> None:
    async with world(names) as it:
        await it.driver.ask(Call(url=url))
        assert [seen.headers["authorization"] for seen in it.arrived] == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/poll/1",
        "https://evilvendor.test/poll/1",
        "https://api.vendor.test.evil.test/poll/1",
        "https://evil.test/api.vendor.test",
        "https://evil.test?host=api.vendor.test",
        "https://evil.test?@api.vendor.test",
        "https://evil.test#@api.vendor.test",
        "https://evil.test/@api.vendor.test",
        "https://evil.test\t/.vendor.test",
        "https://api.vendor.test:8443/poll/1",
        "https://vendor.test:80/",
        "http://api.vendor.test/poll/1",
        "http://api.vendor.test:443/poll/1",
        "http://vendor.test/poll/1",
        "http://eu.api.vendor.test/",
    ],
)
async def test_a_call_that_leaves_the_domain_carries_no_key(names: Names, url: str) -> None:
    async with world(names) as it:
        if url in ("https://vendor.test:80/", "http://api.vendor.test:443/poll/1"):  # the wrong protocol for the port
            assert (await it.driver.fault(Call(url=url))).fault is Fault.UNAVAILABLE
        else:
            await it.driver.ask(Call(url=url))
            assert len(it.arrived) == 1
        assert it.leaks() == []


@pytest.mark.parametrize(
    "url",
    [
        "https://api.vendor.test@evil.test/",
        "https://api.vendor.test:443@evil.test/",
        "https://user:password@api.vendor.test/",
        "https://@api.vendor.test/",
        "https://api.vendor.test\\@evil.test/",
        "https://evil.test\\.vendor.test/",
        "https://evil.test\\@api.vendor.test/",
        "//api.vendor.test/poll/1",
        "/poll/1",
        "",
        "ftp://api.vendor.test/poll/1",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://api.vendor.test:99999/",
        "https://[api.vendor.test/",
        "https:///api.vendor.test/",
        "https://evil.test\uff0f.vendor.test/",
    ],
)
async def test_what_is_no_plain_link_is_not_followed_at_all(names: Names, url: str) -> None:
    async with world(names) as it:
        failure = await it.driver.fault(Call(url=url))
        assert failure.fault in (Fault.MALFORMED, Fault.UNAVAILABLE)
        assert KEY not in failure.detail
        assert it.arrived == []


async def test_without_a_realm_the_key_stays_at_the_very_origin(names: Names) -> None:
    async with world(names, realm="") as it:
        await it.driver.ask(Call(url="https://api.vendor.test/"))
        await it.driver.ask(Call(url="https://eu.api.vendor.test/"))
        await it.driver.ask(Call(url="https://vendor.test/"))
        assert [seen.host for seen in it.leaks()] == ["api.vendor.test"]
        assert len(it.arrived) == 3


async def test_the_key_goes_to_a_plain_http_vendor_only_where_the_operator_put_it() -> None:
    async with serving(_picture) as vendor, serving(_picture) as other:
        async with driving(vendor.origin, allow=("127.0.0.1",)) as driver:
            await driver.ask(Call(url=f"{vendor.origin}/"), Call(url=f"{other.origin}/"))
        assert "authorization" in vendor.seen[0].headers
        assert "authorization" not in other.seen[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_call_is_not_followed(names: Names, status: int) -> None:
    async def astray(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers={"location": "https://evil.test/"})

    async with world(names, answer=astray) as it:
        failure = await it.driver.fault(Call(url=f"{BASE}/poll/1"))
        assert failure.fault is Fault.MALFORMED
        assert [seen.host for seen in it.arrived] == ["api.vendor.test"]


async def test_a_link_is_fetched_unsigned_even_from_the_vendor_itself(names: Names) -> None:
    async with world(names) as it:
        [image] = await it.driver.ask(Fetch(f"{BASE}/picture.png"))
        assert image.body == png()
        assert len(it.arrived) == 1
        assert it.leaks() == []


async def test_a_link_that_redirects_to_the_vendor_is_not_signed_on_the_way(names: Names) -> None:
    async def bounce(request: web.BaseRequest) -> web.StreamResponse:
        if request.host == "evil.test":
            return web.Response(status=302, headers={"location": f"{BASE}/picture.png"})
        return await _picture(request)

    async with world(names, answer=bounce) as it:
        await it.driver.ask(Fetch("https://evil.test/"))
        assert [seen.host for seen in it.arrived] == ["evil.test", "api.vendor.test"]
        assert it.leaks() == []


async def test_cookies_a_vendor_sets_are_not_sent_back(names: Names) -> None:
    async with world(names) as it:
        await it.driver.ask(Call(url=f"{BASE}/"), Call(url=f"{BASE}/"), Fetch(f"{BASE}/"), Fetch(f"{BASE}/"))
        assert len(it.arrived) == 4
        assert not any("cookie" in seen.headers for seen in it.arrived)


PIECES = st.sampled_from(
    [
        *("https://", "http://", "HTTPS://", "//", "/", "\\", "?", "#", "@", ":", ".", "443", "80", "0", "%2f", "%40"),
        *("api.vendor.test", "vendor.test", "evil.test", "API.VENDOR.TEST", "[::1]", "127.0.0.1", "allowed.test"),
        *("\t", "\n", " ", "\x00", "\u3002", "\uff0f", "\uff20", "x", "xn--", "[", "]", "%", ";", "&"),
    ]
)
LINKS = st.lists(PIECES, max_size=8).map("".join) | st.lists(PIECES, max_size=8).map(
    lambda pieces: "https://" + "".join(pieces)
)


def _read(url: str) -> URL | None:
    """The URL as the client library will read it; None where it will not have it."""
    try:
        found = URL(url)
        return found if found.host else None
    except (ValueError, IndexError):  # yarl trips over `https://[::1]@`, which gets nowhere near it
        return None


@MANY
@given(LINKS)
def test_no_spelling_signs_a_call_to_another_host(url: str) -> None:
    account = Account(base=BASE, realm=REALM)
    found = _read(url)
    if found is None or not at_home(url, account):
        return
    host = (found.host or "").lower()
    assert found.scheme == "https"
    assert found.port == 443
    assert host == REALM or host.endswith(f".{REALM}")


@MANY
@given(LINKS)
async def test_no_spelling_passes_for_an_allowed_host(url: str) -> None:
    guard = Guard(("allowed.test", "127.0.0.1:80"), 1)
    try:
        free = guard.session_for("http://allowed.test/")
        found = _read(url)
        try:
            session = guard.session_for(url)
        except ForbiddenError:
            return
        if found is None or session is not free:
            assert found is None or found.scheme == "https"
            return
        assert found.host == "allowed.test" or (found.host, found.port) == ("127.0.0.1", 80)
    finally:
        await guard.close()
