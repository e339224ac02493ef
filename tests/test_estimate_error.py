"""How far estimates are off is observed where the money is settled, for every provider, by the vendor's own figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.edge.house import BODY, House, house
from tests.walk.vendors import OpenAIVendor, at, serving

TOKENS = {
    "type": "token",
    "text_in": "0",
    "image_in": "0",
    "image_out": "30",
    "output": {"type": "table", "tokens": {"high": {"64x64": 1000}}},
}


async def ratios(home: House) -> dict[str, tuple[float, float]]:
    """By provider: how many settlements were compared with their quote, and the sum of what came out."""
    text = (await home.http.get("http://darkroom.test/metrics")).text
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("darkroom_estimate_error_ratio_") and "le" not in sample.labels:
                found.setdefault(sample.labels["provider"], {})[sample.name.rpartition("_")[2]] = sample.value
    return {provider: (seen["count"], round(seen["sum"], 6)) for provider, seen in found.items()}


def by_tokens(vendor: OpenAIVendor, model: str, **more: Any) -> dict[str, Any]:
    """A row of the configuration, for a vendor that counts tokens."""
    row = at(vendor, price={"per": TOKENS}, **more)
    row["models"][0]["name"] = model
    return row


async def test_every_settlement_is_compared_with_its_quote_at_its_own_provider(tmp_path: Path) -> None:
    half, twice, plain = OpenAIVendor(), OpenAIVendor(), OpenAIVendor()
    half.usage = {"input_tokens": 0, "output_tokens": 500, "total_tokens": 500}
    twice.usage = {"input_tokens": 0, "output_tokens": 2000, "total_tokens": 2000}
    with serving(half), serving(twice), serving(plain):
        providers = {"half": by_tokens(half, "a"), "twice": by_tokens(twice, "b"), "plain": at(plain)}
        async with house(tmp_path, {"providers": providers, "default_model": "photo"}) as home:
            key = home.key("acme", "10/total")
            for model in ("a", "a", "b", "photo"):
                assert (await home.post(key, {**BODY, "model": model})).status_code == 200
            assert await ratios(home) == {"half": (2, 1.0), "twice": (1, 2.0), "plain": (1, 1.0)}


async def test_what_failed_and_what_was_free_is_compared_with_nothing(tmp_path: Path) -> None:
    free = OpenAIVendor()
    with serving(free):
        rows = {"free": at(free, price={"per": {"type": "free"}}), "sandbox": {}}
        async with house(tmp_path, {"providers": rows, "default_model": "photo"}) as home:
            key = home.key("acme", "10/total")
            assert (await home.post(key)).status_code == 200
            assert (await home.post(key, {**BODY, "model": "sandbox/unavailable"})).status_code == 503
            assert await ratios(home) == {}
