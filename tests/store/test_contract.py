"""What every store does, a folder and an object store alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.store import DiskStore, ObjectStore, Store
from tests.servers import Buckets

KINDS = ("folder", "objects")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One of each kind, with nothing in it."""
    made: Store = DiskStore(tmp_path / "deep" / "store")
    if request.param == "objects":
        made.close()
        buckets: Buckets = request.getfixturevalue("buckets")
        made = ObjectStore(f"{buckets.fresh()}/some/prefix", buckets.options, lambda _: None)
    yield made
    made.close()


async def names(store: Store, folder: str) -> list[str]:
    """All there is below a folder."""
    return [entry.name async for page in store.listed(folder) for entry in page]


async def test_bytes_come_back_as_they_were_under_their_name_alone(store: Store) -> None:
    body = bytes(range(256)) * 64
    await store.put("a/b/c.bin", body)
    assert await store.get("a/b/c.bin") == body
    assert await store.has("a/b/c.bin")
    for other in ("a/b/c", "a/b/c.bin2", "b/c.bin", "c.bin"):
        assert (await store.get(other), await store.has(other)) == (None, False)


async def test_what_is_put_again_is_written_over(store: Store) -> None:
    await store.put("a/b", b"first, and longer")
    await store.put("a/b", b"second")
    assert await store.get("a/b") == b"second"


async def test_nothing_is_something(store: Store) -> None:
    await store.put("a/empty", b"")
    assert (await store.get("a/empty"), await store.has("a/empty")) == (b"", True)


async def test_of_many_who_put_something_new_one_is_told_that_it_did(store: Store) -> None:
    found = await asyncio.gather(*(store.put_new("a/b", str(each).encode()) for each in range(12)))
    assert sum(found) == 1
    assert await store.get("a/b") == str(found.index(True)).encode()
    assert await names(store, "a") == ["a/b"]


async def test_what_is_dropped_is_gone_and_may_be_new_again(store: Store) -> None:
    for name in ("a/1", "a/2", "a/3"):
        await store.put(name, b"x")
    await store.drop("a/1", "a/3", "a/never")
    await store.drop("a/never")
    await store.drop()
    assert await names(store, "a") == ["a/2"]
    assert await store.put_new("a/1", b"again")


async def test_keeping_what_is_there_writes_the_claim_alone(store: Store) -> None:
    await store.keep("a/hash.png", b"picture", kind="image/png", claim="a/hash.png.req_1")
    await store.keep("a/hash.png", b"never written", claim="a/hash.png.req_2")
    await store.keep("a/hash.png", b"never written")
    assert await store.get("a/hash.png") == b"picture"
    assert await names(store, "a") == ["a/hash.png", "a/hash.png.req_1", "a/hash.png.req_2"]
    assert await store.get("a/hash.png.req_2") == b""


async def test_a_listing_tells_name_and_size_of_all_below_a_folder_and_nothing_else(store: Store) -> None:
    sizes = {f"a/{place}/{each}.x": each for place in ("k", "l/m") for each in range(3)}
    for name, size in sizes.items():
        await store.put(name, b"x" * size)
    await store.put("ab/other", b"")
    found = [entry async for page in store.listed("a") for entry in page]
    assert {entry.name: entry.size for entry in found} == sizes
    assert len({entry.at for entry in found} | {0.0}) > 1
    assert await names(store, "nowhere") == []


async def test_a_listing_of_many_has_each_once(store: Store) -> None:
    many = {f"a/{each % 7}/{each:04}" for each in range(40)}
    await asyncio.gather(*(store.put(name, b"") for name in many))
    assert sorted(many) == sorted(await names(store, "a"))


async def test_what_begins_with_a_stem_is_found_in_that_folder_alone(store: Store) -> None:
    for name in ("a/hash.png", "a/hash.png.r1", "a/hash.png.r2", "a/hash2.png", "a/hasg.png", "a/has", "a/hash.p/ng"):
        await store.put(name, b"")
    found = [entry.name for entry in await store.begins("a", "hash.p")]
    assert found == ["a/hash.png", "a/hash.png.r1", "a/hash.png.r2"]
    assert list(await store.begins("a", "i")) == []
    assert list(await store.begins("b", "hash")) == []


async def test_the_event_loop_goes_on_meanwhile(store: Store) -> None:
    """A picture of some megabytes is written and read, and nobody else waits for more than a moment."""
    longest, over = 0.0, False

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not over:
            began = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - began)

    watching = asyncio.create_task(watch())
    body = bytes(16_000_000)
    await store.put("a/large", body)
    assert await store.get("a/large") == body
    over = True
    await watching
    assert longest < 0.5
