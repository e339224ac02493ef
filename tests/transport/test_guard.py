"""Where links may lead. No request may arrive where none is allowed to: counted at the server, not at the guard."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from providers.contract import Call, Fault, Fetch
from proxy.transport import Guard, Lease, LinkError, Room
from proxy.transport import guard as module
from proxy.transport.guard import is_public
from tests.pictures import png
from tests.transport.driving import driving, paying
from tests.transport.serving import Names, eventually, left, misbehaving, serving

PUBLIC = "127.0.0.1"
"""Stands for an address on the internet where `public` says so: the test's own server."""


@asynccontextmanager
async def guarding(*allow: str, limit: int = 1_000_000) -> AsyncIterator[Guard]:
    guard = Guard(allow, limit)
    try:
        yield guard
    finally:
        await guard.close()


def lease() -> Lease:
    return Lease(Room(1 << 30))


async def refusal(guard: Guard, url: str) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await guard.fetch(url, lease())
    return caught.value


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one address count as public, so that there is a public server: every other one is judged as it is."""
    real = is_public
    monkeypatch.setattr(module, "is_public", lambda address: address == PUBLIC or real(address))


async def _picture(_: web.BaseRequest) -> web.Response:
    return web.Response(body=png(), content_type="image/png")


def redirecting(to: str, status: int = 302) -> Callable[[web.BaseRequest], object]:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers={"location": to})

    return answer


# Addresses.


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
        *("172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *(
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "ff0e::1",
        ),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:7f00:1"),
        *("::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1", "2002:a9fe:a9fe::", "2001:0:4136:e378:8000:63bf::"),
        *("2001:db8::1", "100::1", "5f00::1", "4000::1"),
    ],
)
def test_an_address_that_is_not_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "9.255.255.255"),
        *("2606:4700:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
    ],
)
def test_an_address_of_the_public_internet(address: str) -> None:
    assert is_public(address)


def test_an_embedded_address_counts_as_itself_wherever_it_stands() -> None:
    for inner in ("127.0.0.1", "10.2.3.4", "169.254.169.254", "8.8.4.4"):
        number = int(ipaddress.IPv4Address(inner))
        for prefix, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80)):
            outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number << shift)
            assert is_public(str(outer)) is (inner == "8.8.4.4"), outer


# What is refused before or while connecting.

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "\uff11\uff12\uff17.0.0.1",  # full-width digits
    "\u2460\u2461\u2466.0.0.1",  # digits in circles
]


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_no_spelling_of_this_machine_is_connected_to(host: str, scheme: str) -> None:
    async with misbehaving(_never) as server, guarding() as guard:
        error = await refusal(guard, f"{scheme}://{host}:{server.port}/")
        await asyncio.sleep(0)
        assert server.connections == 0
        assert scheme == "https" or error.forbidden


async def _never(_: int, __: object) -> None:
    raise AssertionError


@pytest.mark.parametrize("address", ["127.0.0.2", "10.1.2.3", "169.254.169.254", "100.64.1.1", "::1", "fd00::1"])
async def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(names: Names, address: str) -> None:
    names.point("one.test", [(address, 443)])
    async with guarding() as guard:
        error = await refusal(guard, "https://one.test/")
        assert error.forbidden
        assert "private address" in str(error)
        assert names.asked == ["one.test"]


@pytest.mark.usefixtures("public")
async def test_a_private_address_among_public_ones_is_never_tried(names: Names) -> None:
    async with serving(_picture, tls=True) as server, guarding() as guard:
        names.point("one.test", [("127.0.0.2", server.port), (PUBLIC, server.port), ("127.0.0.3", server.port)])
        assert await guard.fetch("https://one.test/", lease()) == png()
        names.point("two.test", [("127.0.0.2", server.port), ("127.0.0.3", server.port)])
        assert (await refusal(guard, "https://two.test/")).forbidden
        assert len(server.seen) == 1


@pytest.mark.usefixtures("public")
async def test_a_name_that_resolves_anew_to_a_private_address_is_caught_when_connecting(names: Names) -> None:
    async def once(_: web.BaseRequest) -> web.Response:
        return web.Response(body=png(), headers={"connection": "close"})

    async with serving(once, tls=True) as server, guarding() as guard:
        names.point("one.test", [(PUBLIC, server.port)], [("127.0.0.2", server.port)])
        assert await guard.fetch("https://one.test/", lease()) == png()
        connector = guard.session_for("https://one.test/").connector
        connector.clear_dns_cache()  # type: ignore[union-attr]  # its minute is over
        assert (await refusal(guard, "https://one.test/")).forbidden
        assert names.asked == ["one.test", "one.test"]
        assert len(server.seen) == 1


@pytest.mark.usefixtures("public")
async def test_between_looking_and_connecting_a_name_is_not_resolved_twice(names: Names) -> None:
    """Who checks one answer and connects to the next can be lied to."""
    async with serving(_picture, tls=True) as server, guarding() as guard:
        names.point("one.test", [(PUBLIC, server.port)], [("127.0.0.2", server.port)])
        assert await guard.fetch("https://one.test/", lease()) == png()
        assert names.asked == ["one.test"]


@pytest.mark.parametrize(
    "url",
    [
        "http://one.test/",
        "ftp://one.test/",
        "file:///etc/passwd",
        "gopher://one.test/",
        "data:image/png;base64,AAAA",
        "//one.test/",
        "one.test",
        "",
        "https://",
        "https://user@one.test/",
        "https://user:pw@one.test/",
        "https://:@one.test/",
        "https://[one.test/",
        "https://one.test:99999/",
        "https://one.test:x/",
    ],
)
@pytest.mark.usefixtures("public")
async def test_what_is_no_plain_https_link_is_refused_unseen(names: Names, url: str) -> None:
    names.point("one.test", [(PUBLIC, 1)])
    async with guarding("one.test:444") as guard:
        assert (await refusal(guard, url)).forbidden
    assert names.asked == []


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "a..test", ".test", "one\x00.test", "one.test\\two.test", "%"])
async def test_a_host_name_that_cannot_be_one_is_a_bad_link_and_nothing_worse(host: str) -> None:
    async with guarding() as guard:
        await refusal(guard, f"https://{host}/")


async def test_an_allowed_host_may_be_private_and_plain_http_and_only_that_one() -> None:
    async with serving(_picture) as one, serving(_picture) as two, guarding(one.place.upper()) as guard:
        assert await guard.fetch(f"{one.origin}/", lease()) == png()
        assert (await refusal(guard, f"{two.origin}/")).forbidden
        assert two.seen == []


async def test_a_name_with_an_allowed_one_inside_is_not_allowed(names: Names) -> None:
    async with guarding("one.test") as guard:
        for url in (
            "http://one.test.evil.test/",
            "http://xone.test/",
            "http://evil.test/one.test",
            "http://evil.test#one.test",
        ):
            assert (await refusal(guard, url)).forbidden
    assert names.asked == []


# Redirects.


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.2/",
        "https://127.0.0.2/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://private.test/",
        "http://one.test/",
        "file:///etc/passwd",
        "https://user@one.test/",
        "//127.0.0.2/",
    ],
)
@pytest.mark.usefixtures("public")
async def test_a_redirect_is_checked_like_a_link(names: Names, to: str) -> None:
    names.point("private.test", [("10.0.0.1", 443)])
    async with serving(redirecting(to), tls=True) as server, guarding() as guard:  # type: ignore[arg-type]
        names.point("one.test", [(PUBLIC, server.port)])
        assert (await refusal(guard, "https://one.test/")).forbidden
        assert len(server.seen) == 1


async def test_an_allowed_host_cannot_lend_its_permission_by_a_redirect() -> None:
    async with serving(_picture) as secret:
        async with serving(redirecting(secret.origin)) as open_, guarding(open_.place) as guard:  # type: ignore[arg-type]
            assert (await refusal(guard, f"{open_.origin}/")).forbidden
            assert len(open_.seen) == 1
        assert secret.seen == []


@pytest.mark.parametrize("to", ["https://[", "https://[::1", "http://one.test:x/", "https://" + "a" * 70 + ".test/"])
async def test_a_redirect_to_nonsense_is_a_bad_link_and_nothing_worse(to: str) -> None:
    async with serving(redirecting(to)) as server, guarding(server.place) as guard:  # type: ignore[arg-type]
        await refusal(guard, f"{server.origin}/")


@pytest.mark.parametrize(("count", "arrives"), [(1, True), (5, True), (6, False)])
async def test_a_link_may_redirect_five_times(count: int, arrives: bool) -> None:
    async def on(request: web.BaseRequest) -> web.StreamResponse:
        left_over = int(request.path.strip("/"))
        if left_over:
            return web.Response(status=307, headers={"location": f"../{left_over - 1}"})  # relative, too
        return await _picture(request)

    async with serving(on) as server, guarding(server.place) as guard:
        if arrives:
            assert await guard.fetch(f"{server.origin}/{count}", lease()) == png()
        else:
            assert (await refusal(guard, f"{server.origin}/{count}")).forbidden
        assert len(server.seen) == min(count, 5) + 1


# Size and content.


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize(("size", "fits"), [(200_000, True), (200_001, False), (30_000_000, False)])
async def test_what_is_larger_than_allowed_is_not_taken(size: int, fits: bool, stated: bool) -> None:
    """A host that states no size is cut off while it sends."""
    written = 0

    async def send(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        if stated:
            response.content_length = size
        await response.prepare(request)
        block = bytes(50_000)
        while written < size:
            await response.write(block[: size - written])
            written += min(len(block), size - written)
        return response

    async with serving(send) as server, guarding(server.place, limit=200_000) as guard:
        if fits:
            assert len(await guard.fetch(f"{server.origin}/", lease())) == size
        else:
            error = await refusal(guard, f"{server.origin}/")
            assert error.forbidden
            assert "200000" in str(error)
    assert fits or written < 20_000_000


async def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000), mtime=0)

    async def send(_: web.BaseRequest) -> web.Response:
        return web.Response(body=bomb, headers={"content-encoding": "gzip"})

    async with serving(send) as server, guarding(server.place, limit=100_000) as guard:
        assert await guard.fetch(f"{server.origin}/", lease()) == bomb
        assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500, 503])
async def test_the_status_of_a_link_that_fails_is_told(status: int) -> None:
    async def send(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text="x" * 100)

    async with serving(send) as server, guarding(server.place) as guard:
        error = await refusal(guard, f"{server.origin}/")
        assert (error.status, error.forbidden) == (status, False)


async def test_a_link_that_breaks_off_is_no_picture() -> None:
    async def half(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + png()[:20])
        await writer.drain()
        writer.close()

    async with misbehaving(half) as server, guarding(server.place) as guard:
        assert not (await refusal(guard, f"{server.origin}/")).forbidden


# Through the driver: what becomes of a vendor's link.


@pytest.mark.parametrize(
    "body", [b"", b"<html>Sign in</html>", b"\x89PNG\r\n\x1a\n", gzip.compress(png(), mtime=0), b"GIF", png()[:20]]
)
async def test_a_link_to_something_else_than_a_picture_is_the_vendors_fault(body: bytes) -> None:
    async def send(_: web.BaseRequest) -> web.Response:
        return web.Response(body=body, content_type="image/png")

    async with serving(send) as server, driving("https://vendor.test", allow=[server.place]) as driver:
        assert (await driver.fault(Fetch(f"{server.origin}/"))).fault is Fault.MALFORMED


async def test_a_vendors_link_to_a_private_address_is_the_vendors_fault() -> None:
    async with misbehaving(_never) as server, driving("https://vendor.test") as driver:
        failure = await driver.fault(Fetch(f"https://{server.place}/"))
        assert failure.fault is Fault.MALFORMED
        assert "private" in failure.detail
        assert server.connections == 0


@pytest.mark.usefixtures("names")
async def test_a_polling_url_to_a_private_address_ends_the_conversation_at_once() -> None:
    """It is as forbidden as a link: asking again until the deadline would change nothing."""
    async with serving(_picture) as vendor, misbehaving(_never) as secret, driving(vendor.origin) as driver:
        for url in (f"https://{secret.place}/", f"http://{secret.place}/"):
            failure = await driver.fault(Call(url=url))
            assert failure.fault is Fault.MALFORMED
            failure = await driver.fault(paying(vendor.origin), Call(url=url), deadline=2)
            assert failure.fault is Fault.AMBIGUOUS
            assert "seconds" not in failure.detail
        assert secret.connections == 0


async def test_who_stops_waiting_for_a_link_closes_its_connection() -> None:
    gone = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.Response:
        await left(request)
        gone.set()
        return web.Response()

    async with serving(slow) as server, guarding(server.place) as guard:
        task = asyncio.create_task(guard.fetch(f"{server.origin}/", lease()))
        await eventually(lambda: server.seen)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)
