"""What may be given again at all, and what it costs to look for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from providers.contract import Note
from proxy.job import Answer
from proxy.ledger.engine import open_ledger
from proxy.ledger.tables import jobs
from proxy.twins import may_share
from proxy.twins.reuse import whole
from tests.twins.asking import job, request


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({}, True),
        ({"notes": (Note("seed", "the model takes none"),)}, True),
        ({"notes": (Note("n", "said by its dialect"),), "asked": 1}, True),
        ({"missing": 1}, False),
        ({"asked": None}, False),
        ({"notes": (Note("upscale", "failed, the picture is as it was drawn"),)}, False),
        ({"notes": (Note("n", "2 of 3 pictures were made"),)}, False),
    ],
    ids=str,
)
def test_what_went_wrong_once_is_given_to_nobody_else(change: dict[str, Any], shared: bool) -> None:
    answer = Answer(job="req_1", created=1, model="photo", offer="stub/photo", pictures=(), asked=0)
    assert whole(replace(answer, **change)) is shared


@pytest.mark.parametrize("seed", [None, -1])
@pytest.mark.parametrize("cache", [None, "off"])
def test_a_seed_below_zero_is_any_seed(seed: int | None, cache: Any) -> None:
    assert not may_share(job(request(seed=seed), cache=cache))
    assert may_share(job(request(seed=seed), cache="allow"))
    assert may_share(job(request(seed=0)))


# What it costs to look.


def test_looking_for_a_twin_reads_no_other_jobs(tmp_path: Path) -> None:
    with open_ledger(tmp_path).connect() as connection:
        same = jobs.c.twin.in_([b"1" * 32, b"2" * 32]) & (jobs.c.team == "acme") & (jobs.c.created >= 0)
        query = select(jobs.c.job).where(same).order_by(jobs.c.created.desc()).limit(4)
        compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
        plan = connection.exec_driver_sql(f"explain query plan {compiled}", tuple(compiled.params.values())).all()
    assert "USING INDEX ix_jobs_twin (twin=? AND created>?)" in plan[0].detail
