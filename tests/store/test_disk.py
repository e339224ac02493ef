"""Pictures on disk: one file for the same bytes, whole or not there, swept when nobody put them for a while."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Format, Image
from proxy.events import Event, PicturesSwept
from proxy.store import DiskStore, Stored
from tests.pictures import gif, jpeg, png, svg, webp
from tests.properties import FEW

PICTURES = {Format.PNG: png(), Format.JPEG: jpeg(), Format.WEBP: webp(), Format.GIF: gif(), Format.SVG: svg()}


class Shelf:
    """A store and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Event] = []
        self.store = DiskStore(folder, self.told.append)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def age(self, stored: Stored, seconds: float) -> None:
        at = time.time() - seconds
        os.utime(self.store.path(stored), (at, at))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "deep" / "pictures")
    yield made
    made.store.close()


@pytest.mark.parametrize("kind", PICTURES)
async def test_a_picture_lies_under_the_hash_of_its_bytes_and_comes_back_as_it_was(shelf: Shelf, kind: Format) -> None:
    body = PICTURES[kind]
    stored = await shelf.store.put(Image(body))
    assert stored == Stored(hashlib.sha256(body).hexdigest(), kind)
    assert await shelf.store.get(stored) == body
    [file] = shelf.files()
    assert file.read_bytes() == body
    assert file.stem == stored.sha256


async def test_a_picture_that_came_as_base64_is_kept_as_the_bytes_it_stands_for(shelf: Shelf) -> None:
    stored = await shelf.store.put(Image.from_base64(pybase64.b64encode(png())))
    assert await shelf.store.get(stored) == png()


async def test_base64_that_breaks_off_later_on_leaves_nothing_behind(shelf: Shelf) -> None:
    broken = Image.from_base64(pybase64.b64encode(png(300, 300)[:300]) + b"A" * 8_000 + b"!!!")
    with pytest.raises(ValueError, match="base64"):
        await shelf.store.put(broken)
    assert shelf.files() == []


async def test_the_same_picture_is_one_file_however_often_and_at_once_it_is_put(shelf: Shelf) -> None:
    body = png(400, 400)
    found = await asyncio.gather(*(shelf.store.put(Image(body)) for _ in range(40)))
    assert len(set(found)) == 1
    assert [file.read_bytes() for file in shelf.files()] == [body]


async def test_what_is_not_there_is_none(shelf: Shelf) -> None:
    stored = await shelf.store.put(Image(png()))
    assert await shelf.store.get(Stored(stored.sha256, Format.JPEG)) is None
    assert await shelf.store.get(Stored("00" * 32, Format.PNG)) is None


async def test_a_store_opened_again_knows_its_pictures(shelf: Shelf) -> None:
    stored = await shelf.store.put(Image(png()))
    again = Shelf(shelf.folder)
    assert await again.store.get(stored) == png()
    again.store.close()


async def test_a_picture_being_written_cannot_be_read_half(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last moment before it is there: the file is complete, under another name."""
    seen: list[tuple[bool, bool]] = []
    real = Path.rename

    def looked_at(path: Path, target: Path) -> Path:
        seen.append((Path(target).exists(), path.read_bytes() == png()))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", looked_at)
    await shelf.store.put(Image(png()))
    assert seen == [(False, True)]


async def test_a_disk_that_does_not_take_it_says_so(shelf: Shelf) -> None:
    sha = hashlib.sha256(png()).hexdigest()
    (shelf.folder / sha[:2]).write_text("in the way")
    with pytest.raises(NotADirectoryError):
        await shelf.store.put(Image(png()))


async def test_the_janitor_removes_exactly_what_nobody_put_for_so_long(shelf: Shelf) -> None:
    old, young, again = [await shelf.store.put(Image(png(color=color))) for color in ("red", "green", "blue")]
    shelf.age(old, 101)
    shelf.age(young, 99)
    shelf.age(again, 5000)
    await shelf.store.put(Image(png(color="blue")))  # which makes it young
    await shelf.store.sweep(100)
    assert await shelf.store.get(old) is None
    assert await shelf.store.get(young) == png(color="green")
    assert await shelf.store.get(again) == png(color="blue")
    size = len(png(color="green")) + len(png(color="blue"))
    assert shelf.told == [PicturesSwept(removed=1, kept=2, kept_bytes=size)]


async def test_the_janitor_clears_away_what_a_crash_left_half_written_and_not_what_is_being_written(
    shelf: Shelf,
) -> None:
    stored = await shelf.store.put(Image(png()))
    folder = shelf.store.path(stored).parent
    left, fresh = folder / ".tmpleft", folder / ".tmpfresh"
    for file in (left, fresh):
        file.write_bytes(b"half")
    os.utime(left, (0, 0))
    await shelf.store.sweep(100)
    assert shelf.files() == sorted([fresh, shelf.store.path(stored)])


async def test_the_janitor_finds_nothing_in_an_empty_store_and_leaves_what_is_not_a_picture(shelf: Shelf) -> None:
    await shelf.store.sweep(0)
    readme = shelf.folder / "README"
    readme.write_text("do not touch")
    os.utime(readme, (0, 0))
    await shelf.store.sweep(0)
    assert readme.exists()
    assert shelf.told == [PicturesSwept(removed=0, kept=0, kept_bytes=0)] * 2


@FEW
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1000)), max_size=12), st.floats(1, 999))
def test_after_a_sweep_the_rest_is_what_was_put_since(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[int, float]], older: float
) -> None:
    async def play() -> None:
        shelf = Shelf(tmp_path_factory.mktemp("store"))
        ages: dict[Stored, float] = {}
        for width, age in puts:
            stored = await shelf.store.put(Image(png(width + 1, 1)))
            shelf.age(stored, age)
            ages[stored] = age
        await shelf.store.sweep(older)
        for stored, age in ages.items():
            if abs(age - older) > 1:
                assert (await shelf.store.get(stored) is None) is (age > older)
        shelf.store.close()

    asyncio.run(play())
