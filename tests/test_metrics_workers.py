"""Metrics of several workers: what they counted is added up, what they show is one figure for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from proxy.events import AccountMeasured, BalanceRead, BreakerTurned, Event, Forgotten, OfferMeasured
from proxy.metrics import Metrics, workers
from tests.happenings import REQUEST, SETTLED

Crew = Callable[[int], Metrics]


@pytest.fixture
def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crew:
    """The metrics of a worker by its number, as its process would have them."""
    monkeypatch.setenv(workers.FOLDER, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)

    def hire(worker: int) -> Metrics:
        workers.join(worker)
        return Metrics()

    return hire


def shown(folder: Path) -> dict[str, float]:
    """Every sample with its labels, without the prefix."""
    return {
        sample.name.removeprefix("darkroom_")
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(workers.expose(folder).decode())
        for sample in family.samples
    }


def turned(state: str) -> Event:
    return BreakerTurned(offer="stub/photo", state=state, why="")


SPEND = "spend_usd_total model=photo provider=stub team=acme"


def test_what_workers_count_is_added_up_and_histograms_with_it(crew: Crew, tmp_path: Path) -> None:
    crew(0).hear([SETTLED, REQUEST])
    alone = shown(tmp_path)
    crew(1).hear([SETTLED, REQUEST])
    both = shown(tmp_path)
    assert alone[SPEND] > 0
    counted = [name for name in alone if name.startswith(("spend", "request_seconds_")) and alone[name]]
    assert any("_bucket" in name for name in counted)
    assert {name: both[name] for name in counted} == {name: 2 * alone[name] for name in counted}
    assert {name.split(" ")[0] for name in both if "pid" in name} == set()


def test_what_a_dead_worker_counted_stays_and_the_next_one_of_its_number_counts_on(crew: Crew, tmp_path: Path) -> None:
    crew(0).hear([SETTLED, turned("open")])
    once = shown(tmp_path)[SPEND]
    workers.gone(tmp_path, 0)
    assert shown(tmp_path)[SPEND] == once
    assert "breaker_state model=photo provider=stub" not in shown(tmp_path)  # nobody is there whose breaker that is
    crew(0).hear([SETTLED])
    assert shown(tmp_path)[SPEND] == 2 * once
    assert len(list(tmp_path.glob("counter_*"))) == 1


def test_of_several_present_states_the_worst_is_shown_and_what_is_busy_is_added_up(crew: Crew, tmp_path: Path) -> None:
    crew(0).hear([turned("open"), AccountMeasured(provider="stub", account="", in_flight=2, waiting=1)])
    crew(1).hear([turned("closed"), AccountMeasured(provider="stub", account="", in_flight=3, waiting=0)])
    found = shown(tmp_path)
    assert found["breaker_state model=photo provider=stub"] == 2
    assert found["account_in_flight account= provider=stub"] == 5
    assert found["account_waiting provider=stub"] == 1


@pytest.mark.parametrize("knows", [0, 1])
def test_a_worker_that_knows_nothing_of_an_offer_does_not_hide_what_another_knows(
    knows: int, crew: Crew, tmp_path: Path
) -> None:
    measured = {"provider": "stub", "model": "photo"}
    for worker in (0, 1):
        p50 = 2.5 if worker == knows else None
        crew(worker).hear([OfferMeasured(**measured, error_rate=None, p50=p50, p95=None, p99=None)])
    found = shown(tmp_path)
    assert found["offer_seconds model=photo provider=stub quantile=0.5"] == 2.5
    assert "offer_seconds model=photo provider=stub quantile=0.95" not in found


def test_what_is_forgotten_is_not_shown_any_more(crew: Crew, tmp_path: Path) -> None:
    worker = crew(0)
    worker.hear([turned("open"), BalanceRead(provider="stub", account="a", micros=5_000_000, low=False, hours=3.0)])
    assert "balance_usd account=a provider=stub" in shown(tmp_path)
    worker.hear([Forgotten(provider="stub", model=None, account=None)])
    assert not [name for name in shown(tmp_path) if "provider=stub" in name]
    worker.hear([turned("half_open")])
    assert shown(tmp_path)["breaker_state model=photo provider=stub"] == 1
