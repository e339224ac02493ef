"""Pictures in a store: the same bytes are kept once, whole or not there, and go with the last that refers to them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Format, Image
from proxy.events import Event, PicturesSwept
from proxy.store import DiskStore, Entry, ObjectStore, Pictures, Store, Stored
from tests.pictures import gif, jpeg, png, svg, webp
from tests.properties import FEW
from tests.servers import Buckets

PICTURES = {Format.PNG: png(), Format.JPEG: jpeg(), Format.WEBP: webp(), Format.GIF: gif(), Format.SVG: svg()}


class Shelf:
    """Pictures, what was told of them, and a clock that is put forward."""

    def __init__(self, store: Store) -> None:
        self.told: list[Event] = []
        self.store = store
        self.ahead_s = 0.0
        self.pictures = Pictures(store, "pictures", self.told.append, lambda: time.time() + self.ahead_s)

    async def names(self) -> list[str]:
        """All there is, without its folders."""
        return [entry.name.rpartition("/")[2] async for page in self.store.listed("pictures") for entry in page]

    async def sweep(self, older_s: float, **own: float) -> None:
        """As `own` says of jobs, and else what is older."""

        async def keeps(jobs: Sequence[str]) -> Mapping[str, float]:
            return {job: own[job] for job in jobs if job in own}

        await self.pictures.sweep(older_s, keeps)


@pytest.fixture(params=["folder", "objects"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    store: Store = DiskStore(tmp_path)
    if request.param == "objects":
        store.close()
        buckets: Buckets = request.getfixturevalue("buckets")
        store = ObjectStore(f"{buckets.fresh()}/prefix", buckets.options, lambda _: None)
    yield Shelf(store)
    store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Shelf]:
    """In a folder, where the age of a file is whatever a test says."""
    store = DiskStore(tmp_path)
    yield Shelf(store)
    store.close()


def age(shelf: Shelf, name: str, seconds: float) -> None:
    """Make a file so old."""
    assert isinstance(shelf.store, DiskStore)
    at = time.time() - seconds
    os.utime(shelf.store.path(f"pictures/{name[:2]}/{name}"), (at, at))


def named(stored: Stored) -> str:
    return f"{stored.sha256}.{stored.format.suffix}"


@pytest.mark.parametrize("kind", PICTURES)
async def test_a_picture_lies_under_the_hash_of_its_bytes_and_comes_back_as_it_was(shelf: Shelf, kind: Format) -> None:
    body = PICTURES[kind]
    stored = await shelf.pictures.put(Image(body), "req_1")
    assert stored == Stored(hashlib.sha256(body).hexdigest(), kind)
    assert await shelf.pictures.get(stored) == body
    assert await shelf.store.get(f"pictures/{stored.sha256[:2]}/{named(stored)}") == body


async def test_a_picture_that_came_as_base64_is_kept_as_the_bytes_it_stands_for(shelf: Shelf) -> None:
    stored = await shelf.pictures.put(Image.from_base64(pybase64.b64encode(png())))
    assert await shelf.pictures.get(stored) == png()


async def test_base64_that_breaks_off_later_on_leaves_nothing_behind(shelf: Shelf) -> None:
    broken = Image.from_base64(pybase64.b64encode(png(300, 300)[:300]) + b"A" * 8_000 + b"!!!")
    with pytest.raises(ValueError, match="base64"):
        await shelf.pictures.put(broken, "req_1")
    assert await shelf.names() == []


async def test_the_same_picture_is_kept_once_however_often_and_at_once_it_is_put(shelf: Shelf) -> None:
    body = png(400, 400)
    found = await asyncio.gather(*(shelf.pictures.put(Image(body)) for _ in range(20)))
    assert len(set(found)) == 1
    assert await shelf.names() == [named(found[0])]


async def test_what_is_not_there_is_none(shelf: Shelf) -> None:
    stored = await shelf.pictures.put(Image(png()))
    assert await shelf.pictures.get(Stored(stored.sha256, Format.JPEG)) is None
    assert await shelf.pictures.get(Stored("00" * 32, Format.PNG)) is None


async def test_another_server_knows_the_pictures(shelf: Shelf) -> None:
    stored = await shelf.pictures.put(Image(png()))
    assert await Shelf(shelf.store).pictures.get(stored) == png()


async def test_a_picture_goes_with_the_last_request_that_has_it(shelf: Shelf) -> None:
    for job in ("req_1", "req_2"):
        stored = await shelf.pictures.put(Image(png()), job)
    assert await shelf.pictures.release(stored, "req_1") is False
    assert await shelf.pictures.get(stored) == png()
    assert await shelf.pictures.release(stored, "req_1") is False  # it has given it up already
    assert await shelf.pictures.get(stored) == png()
    assert await shelf.pictures.release(stored, "req_2") is True
    assert await shelf.pictures.get(stored) is None
    assert await shelf.names() == []


async def test_who_has_another_picture_has_no_say(shelf: Shelf) -> None:
    """One whose name begins alike, and one of the same hash by another ending, among them."""
    stored = await shelf.pictures.put(Image(png()), "req_1")
    await shelf.pictures.put(Image(png(color="blue")), "req_2")
    await shelf.store.put(f"pictures/{stored.sha256[:2]}/{stored.sha256}.jpg.req_3", b"")
    assert await shelf.pictures.release(stored, "req_1") is True
    assert await shelf.pictures.get(stored) is None


async def test_the_janitor_removes_exactly_what_nobody_put_for_so_long(shelf: Shelf) -> None:
    """Vendors tell the age to a second: whatever is less apart than two is not looked at."""
    old = await shelf.pictures.put(Image(png(color="red")), "req_1")
    await shelf.sweep(100)
    assert await shelf.pictures.get(old) is not None
    shelf.ahead_s = 98
    await shelf.sweep(100)
    assert await shelf.pictures.get(old) is not None
    shelf.ahead_s = 102
    await shelf.sweep(100)
    assert await shelf.pictures.get(old) is None
    assert await shelf.names() == []
    size = len(png(color="red"))
    assert shelf.told == [
        *[PicturesSwept(removed=0, kept=1, kept_bytes=size)] * 2,
        PicturesSwept(removed=1, kept=0, kept_bytes=0),
    ]


async def test_a_picture_is_kept_for_as_long_as_the_one_wants_it_that_wants_it_longest(shelf: Shelf) -> None:
    for job in ("req_1", "req_2", "req_3"):
        both = await shelf.pictures.put(Image(png(color="red")), job)
    short = await shelf.pictures.put(Image(png(color="green")), "req_1")
    own = {"req_1": 10.0, "req_2": 1000.0}
    shelf.ahead_s = 50
    await shelf.sweep(100, **own)
    assert (await shelf.pictures.get(short), await shelf.pictures.get(both)) == (None, png(color="red"))
    shelf.ahead_s = 990
    await shelf.sweep(100, **own)
    assert await shelf.pictures.get(both) is not None
    shelf.ahead_s = 1010
    await shelf.sweep(100, **own)
    assert await shelf.names() == []


async def test_what_was_put_while_the_janitor_was_looking_stays(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await shelf.pictures.put(Image(png()), "req_1")
    shelf.ahead_s = 1000
    real = shelf.store.begins

    async def late(folder: str, stem: str) -> Sequence[Entry]:
        shelf.ahead_s = 0  # as if it were written now
        return await real(folder, stem)

    real_listed = shelf.store.listed

    async def listed(folder: str) -> AsyncIterator[Sequence[Entry]]:
        async for page in real_listed(folder):
            yield [Entry(entry.name, entry.at - 2000, entry.size) for entry in page]

    monkeypatch.setattr(shelf.store, "begins", late)
    monkeypatch.setattr(shelf.store, "listed", listed)
    shelf.ahead_s = 0
    await shelf.sweep(100)
    assert await shelf.pictures.get(stored) == png()


async def test_pages_of_a_listing_may_part_a_picture_from_its_claims(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in ("req_1", "req_2"):
        await shelf.pictures.put(Image(png()), job)
    real = shelf.store.listed

    async def one_by_one(folder: str) -> AsyncIterator[Sequence[Entry]]:
        async for page in real(folder):
            for entry in page:
                yield [entry]

    monkeypatch.setattr(shelf.store, "listed", one_by_one)
    shelf.ahead_s = 50
    await shelf.sweep(10, req_2=100.0)
    assert shelf.told == [PicturesSwept(removed=0, kept=1, kept_bytes=len(png()))]
    shelf.ahead_s = 150
    await shelf.sweep(10, req_2=100.0)
    assert await shelf.names() == []


async def test_a_disk_that_does_not_take_it_says_so(disk: Shelf, tmp_path: Path) -> None:
    sha = hashlib.sha256(png()).hexdigest()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / sha[:2]).write_text("in the way")
    with pytest.raises(OSError, match=r"exists|directory"):
        await disk.pictures.put(Image(png()), "req_1")


async def test_a_picture_being_written_cannot_be_read_half(disk: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last moment before it is there: the file is complete, under another name."""
    seen: list[tuple[bool, bool]] = []
    real = Path.rename

    def looked_at(path: Path, target: Path) -> Path:
        seen.append((Path(target).exists(), path.read_bytes() == png()))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", looked_at)
    await disk.pictures.put(Image(png()))
    assert seen == [(False, True)]


async def test_files_are_their_owners_alone(disk: Shelf, tmp_path: Path) -> None:
    await disk.pictures.put(Image(png()), "req_1")
    await disk.store.put_new("letters/x", b"secret")
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o600}


async def test_one_from_before_there_were_claims_is_as_old_as_its_latest_put(disk: Shelf) -> None:
    old, young = [await disk.pictures.put(Image(png(color=color))) for color in ("red", "green")]
    age(disk, named(old), 101)
    age(disk, named(young), 99)
    await disk.pictures.put(Image(png(color="blue")))
    age(disk, named(again := await disk.pictures.put(Image(png(color="blue")))), 5000)
    await disk.pictures.put(Image(png(color="blue")))  # which makes it young
    await disk.sweep(100)
    assert [await disk.pictures.get(each) is not None for each in (old, young, again)] == [False, True, True]


async def test_the_janitor_clears_away_what_a_crash_left_half_written_and_not_what_is_being_written(
    disk: Shelf,
) -> None:
    stored = await disk.pictures.put(Image(png()))
    assert isinstance(disk.store, DiskStore)
    folder = disk.store.path(f"pictures/{stored.sha256[:2]}")
    left, fresh = folder / ".tmpleft", folder / ".tmpfresh"
    for file in (left, fresh):
        file.write_bytes(b"half")
    os.utime(left, (0, 0))
    await disk.sweep(100)
    assert sorted(await disk.names()) == sorted([".tmpfresh", named(stored)])


async def test_the_janitor_finds_nothing_in_an_empty_store_and_leaves_what_is_not_a_picture(
    disk: Shelf, tmp_path: Path
) -> None:
    await disk.sweep(0)
    readme = tmp_path / "pictures" / "README"
    readme.parent.mkdir(exist_ok=True)
    readme.write_text("do not touch")
    os.utime(readme, (0, 0))
    await disk.sweep(0)
    assert readme.exists()
    assert disk.told == [PicturesSwept(removed=0, kept=0, kept_bytes=0)] * 2


@FEW
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.floats(0, 1000)), max_size=14),
    st.lists(st.none() | st.floats(1, 999), min_size=4, max_size=4),
    st.floats(1, 999),
)
def test_after_a_sweep_the_rest_is_what_somebody_still_wants(
    tmp_path_factory: pytest.TempPathFactory,
    puts: list[tuple[int, int, float]],
    keeps: list[float | None],
    older: float,
) -> None:
    """Any requests, with any ages, of teams with any retention, over any pictures."""

    async def play() -> None:
        store = DiskStore(tmp_path_factory.mktemp("store"))
        shelf = Shelf(store)
        own = {f"r{place}": keep for place, keep in enumerate(keeps) if keep is not None}
        left: dict[Stored, dict[str, float]] = {}
        for width, job, old in puts:
            stored = await shelf.pictures.put(Image(png(width + 1, 1)), f"r{job}")
            age(shelf, f"{named(stored)}.r{job}", old)
            left.setdefault(stored, {})[f"r{job}"] = own.get(f"r{job}", older) - old
        await shelf.sweep(older, **own)
        for stored, claims in left.items():
            if all(abs(more) > 1 for more in claims.values()):
                assert (await shelf.pictures.get(stored) is not None) is (max(claims.values()) > 0)
        store.close()

    asyncio.run(play())
