"""Cross-origin requests, as a browser makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.house import BODY, GENERATIONS, house
from tests.walk.vendors import OpenAIVendor, at, serving

PAGE = "https://studio.example.com"
ASKS = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-darkroom-dry-run",
}


@pytest.mark.parametrize(
    ("origins", "allowed"), [([PAGE], True), (["*"], True), (["https://other.example.com"], False), ([], False)]
)
async def test_a_page_may_ask_where_its_origin_is_allowed(origins: list[str], allowed: bool, tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {"providers": {"stub": at(vendor)}, "default_model": "photo", "cors": {"origins": origins}}
        async with house(tmp_path, config) as home:
            key = home.key("acme", "1/total")
            asked = await home.http.options(GENERATIONS, headers=ASKS)
            answer = await home.post(key, BODY, origin=PAGE)
            refused = await home.post("dk_live_no", BODY, origin=PAGE)
            live = await home.http.get("/health/live", headers={"origin": PAGE})
    for told in (asked, answer, refused, live):
        assert told.headers.get("access-control-allow-origin") == (PAGE if allowed else None)
    assert answer.status_code == 200
    assert ("x-darkroom-cost" in answer.headers.get("access-control-expose-headers", "")) is allowed
    if allowed:
        assert asked.status_code == 204
        assert "x-darkroom-dry-run" in asked.headers["access-control-allow-headers"]
        assert "POST" in asked.headers["access-control-allow-methods"]
        assert asked.headers["vary"] == "origin"


async def test_who_is_no_browser_is_told_nothing_of_it(tmp_path: Path) -> None:
    vendor = OpenAIVendor()
    with serving(vendor):
        config = {"providers": {"stub": at(vendor)}, "default_model": "photo", "cors": {"origins": ["*"]}}
        async with house(tmp_path, config) as home:
            answer = await home.post(home.key("acme", "1/total"), BODY)
    assert not [name for name in answer.headers if name.startswith("access-control")]
