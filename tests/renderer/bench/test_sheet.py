"""What options are written as, and what figures are made of rounds."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.renderer.bench.sheet import ENGINE, PLAIN, Line, Round, options_of, summed_up
from proxy.renderer.loads import Speed


def test_options_as_they_are_written() -> None:
    assert options_of("compile=blocks+attention=flash3") == Speed(compile="blocks", attention="flash3")
    assert options_of("tf32") == Speed(tf32=True)
    assert options_of("channels_last=false") == Speed(channels_last=False)
    assert options_of("first_block_cache=0.08") == Speed(first_block_cache=0.08)


@pytest.mark.parametrize("written", ["", "nosuch=1", "attention=nosuch", "cuda_graphs", "first_block_cache=much"])
def test_no_others(written: str) -> None:
    with pytest.raises(ValueError, match=f"^'{written}'"):
        options_of(written)


def line(option: str, batch: int) -> Line:
    return Line(model="m", device="cuda:0", width=64, height=64, steps=2, option=option, batch=batch)


def rounds(*seconds: float, cpu: float = 0.0, peak: int | None = None) -> list[Round]:
    return [Round(each, cpu, (each / 4, each / 2), peak) for each in seconds]


DRAWN: dict[Any, list[Round]] = {
    (PLAIN, 1): rounds(2.0, 3.0, 50.0, cpu=4.0),
    (PLAIN, 4): rounds(8.0, 8.0, 8.0, cpu=8.0),
    (ENGINE, 1): rounds(1.0, 9.0, 1.5, cpu=2.0, peak=7),
    (ENGINE, 4): [*rounds(4.0, 4.0, cpu=4.0, peak=9), *rounds(4.0, cpu=4.0, peak=8)],
}


def test_figures_are_medians_held_against_plain_diffusers_and_against_one_by_one() -> None:
    one, four = (summed_up(line(ENGINE, batch), DRAWN, on_cpu=False) for batch in (1, 4))
    assert (one.image_s, one.cpu_s, one.peak_bytes, one.against, one.scaling) == (1.5, 2.0, 7, 2.0, 1.0)
    assert (four.image_s, four.cpu_s, four.peak_bytes, four.against, four.scaling) == (1.0, 1.0, 9, 2.0, 1.5)
    assert four.step_s == 1.5
    plain = summed_up(line(PLAIN, 1), DRAWN, on_cpu=False)
    assert (plain.image_s, plain.against, plain.scaling, plain.peak_bytes) == (3.0, 1.0, 1.0, None)


def test_on_a_cpu_its_own_time_is_compared() -> None:
    four = summed_up(line(ENGINE, 4), DRAWN, on_cpu=True)
    assert (four.image_s, four.against, four.scaling) == (1.0, 2.0, 2.0)


def test_what_was_not_drawn_has_no_figures() -> None:
    assert summed_up(line("tf32", 1), DRAWN, on_cpu=False) == line("tf32", 1)
    assert summed_up(line(ENGINE, 2), DRAWN | {(ENGINE, 2): []}, on_cpu=False) == line(ENGINE, 2)
