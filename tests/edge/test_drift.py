"""A vendor that charges something else than listed: seen in the metrics, in the log, and once."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.edge.house import BODY, House, house
from tests.test_estimate_error import by_tokens
from tests.walk.vendors import OpenAIVendor, serving


async def gauges(home: House) -> dict[str, float]:
    """The figures of drift there are, by their names."""
    text = (await home.http.get("http://darkroom.test/metrics")).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("darkroom_price_drift")
    }


def usage(tokens: int) -> dict[str, int]:
    return {"input_tokens": 0, "output_tokens": tokens, "total_tokens": tokens}


async def test_a_drift_is_measured_and_logged_once_until_it_has_recovered(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        rows = {"providers": {"stub": by_tokens(vendor, "a")}, "default_model": "a", "drift": {"samples": 3}}
        async with house(tmp_path, rows) as home:
            key = home.key("acme", "10/total")

            async def asked(tokens: int, times: int, shown: dict[str, float]) -> None:
                vendor.usage = usage(tokens)
                for _ in range(times):
                    assert (await home.post(key, {**BODY, "model": "a"})).status_code == 200
                ends = time.monotonic() + 10
                while await gauges(home) != shown:  # what is judged is told a moment after it was heard
                    assert time.monotonic() < ends, await gauges(home)
                    await asyncio.sleep(0.02)

            await asked(1250, 2, {})
            await asked(1250, 3, {"darkroom_price_drift_ratio": 1.25, "darkroom_price_drifted": 1})
            await asked(1000, 3, {"darkroom_price_drift_ratio": 1, "darkroom_price_drifted": 0})
            await asked(500, 3, {"darkroom_price_drift_ratio": 1, "darkroom_price_drifted": 0})  # within a bound
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines() if b"PriceDrifted" in line]
    assert [(line["state"], line["level"], line["ratio"]) for line in lines] == [
        ("drifted", "warning", 1.25),
        ("recovered", "warning", 1.0),
    ]
    assert lines[0]["expected"] == 90_000
    assert lines[0]["cost"] == 112_500
