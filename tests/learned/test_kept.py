"""The file of what was measured: whole at every moment, whoever else writes it, and however it comes to look."""

from __future__ import annotations

import logging
import multiprocessing
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.pace import KEPT, Sample
from proxy.learned.kept import FORGET_MS, LOADS, NOTHING, Drawn, Kept, Loaded, add, read
from tests.properties import MANY

NOW = 10**12


def drawn(*seconds: float, model: str = "m", at: int = NOW, pixels: int = 4096) -> Kept:
    samples = tuple(Sample(pixels, 8, each) for each in seconds)
    return Kept(drawn=(Drawn(model=model, made="x", engine="cpu", guided=False, at=at, samples=samples),))


def loaded(*seconds: float, at: int = NOW) -> Kept:
    return Kept(loaded=(Loaded(model="m", made="x", at=at, seconds=seconds),))


def took(kept: Kept) -> list[float]:
    return [sample.seconds for each in kept.drawn for sample in each.samples]


def test_what_is_added_comes_after_what_was_there_and_the_latest_stay(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    add(file, drawn(1.0, 2.0), NOW)
    assert took(add(file, drawn(3.0, at=NOW + 5), NOW + 5)) == [1.0, 2.0, 3.0]
    assert took(read(file)) == [1.0, 2.0, 3.0]
    many = add(file, drawn(*[9.0] * KEPT), NOW)
    assert took(many) == [9.0] * KEPT
    assert many.drawn[0].at == NOW + 5
    add(file, loaded(*range(LOADS)), NOW)
    assert add(file, loaded(70.0, 80.0), NOW).loaded[0].seconds == (*range(2, LOADS), 70.0, 80.0)
    assert took(read(file)) == [9.0] * KEPT  # the one does not touch the other
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []


def test_sizes_and_models_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    for news in (drawn(1.0), drawn(2.0, pixels=8192), drawn(3.0, model="n")):
        add(file, news, NOW)
    assert len(read(file).drawn) == 3


def test_what_nobody_measured_for_long_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    add(file, drawn(1.0, at=NOW).then(loaded(1.0)), NOW)
    assert add(file, drawn(2.0, model="n", at=NOW + FORGET_MS), NOW + FORGET_MS).loaded
    left = add(file, NOTHING, NOW + FORGET_MS + 1)
    assert ([each.model for each in left.drawn], left.loaded) == (["n"], ())


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 2}', b'{"version": 1, "drawn": [{"model": 3}]}', b"\x00" * 5000],
)
def test_a_file_that_is_none_of_ours_is_begun_anew_and_said(
    text: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "f.json"
    file.write_bytes(text)
    with caplog.at_level(logging.WARNING):
        assert read(file) == NOTHING
    assert "is begun anew" in caplog.text
    assert took(add(file, drawn(1.0), NOW)) == [1.0]
    assert took(read(file)) == [1.0]


def test_what_cannot_have_been_measured_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    good = drawn(1.0).then(loaded(2.0))
    bad = [drawn(0.0, model="a"), drawn(-1.0, model="b"), drawn(model="c"), drawn(1.0, model="d", pixels=0)]
    odd = Kept(drawn=(*good.drawn, *[kept.drawn[0] for kept in bad]), loaded=(*good.loaded, loaded().loaded[0]))
    file.write_bytes(msgspec.json.encode(odd))
    assert read(file) == good


times = st.lists(st.integers(1, 999).map(float), min_size=1, max_size=40)


@MANY
@given(times, times, times)
def test_it_does_not_matter_how_what_is_new_was_put_together(
    one: list[float], two: list[float], three: list[float]
) -> None:
    a, b, c = drawn(*one), drawn(*two), drawn(*three)
    assert a.then(b).then(c) == a.then(b.then(c))
    assert a.then(NOTHING) == a
    assert NOTHING.then(a) == a


def _write(file: Path, model: str, times: int) -> None:
    for number in range(times):
        add(file, drawn(float(number + 1), model=model), NOW + number)


def test_several_servers_write_one_file_and_nothing_is_lost_or_torn(tmp_path: Path) -> None:
    file, times = tmp_path / "f.json", 25
    over, torn = Event(), []

    def look() -> None:
        while not over.is_set():
            if file.exists():
                try:
                    msgspec.json.decode(file.read_bytes(), type=Kept)
                except msgspec.DecodeError as error:
                    torn.append(error)

    watching = Thread(target=look)
    context = multiprocessing.get_context("fork")
    servers = [context.Process(target=_write, args=(file, f"m{n % 2}", times)) for n in range(3)]
    for each in servers:  # before there is a second thread, which would not be in them
        each.start()
    watching.start()
    for each in servers:
        each.join(60)
    over.set()
    watching.join()
    assert torn == []
    assert [each.exitcode for each in servers] == [0, 0, 0]
    alone, shared = sorted(read(file).drawn, key=lambda each: len(each.samples))
    assert [each.seconds for each in alone.samples] == [float(n + 1) for n in range(times)]
    assert len(shared.samples) == KEPT  # of twice as many
