"""`darkroom explain`: of a request that was really served, from the ledger it was written to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from proxy.cli import main
from tests.edge.house import house
from tests.edge.town import town_config
from tests.walk.vendors import OpenAIVendor, at, serving


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


def test_a_request_is_explained_from_the_ledger(tmp_path: Path) -> None:
    ill, well = OpenAIVendor(), OpenAIVendor()
    ill.fails["photo"] = (503, {}, {"error": {"message": "down"}})
    with serving(ill), serving(well):
        dear = {"per": {"type": "image", "rows": [{"price": "0.07"}]}}
        config = {"providers": {"ill": at(ill), "well": at(well, price=dear)}, "default_model": "photo"}
        data, request = asyncio.run(_served(tmp_path, config))
    told = explain(request, "--data", str(data))
    assert told.exit_code == 0, told.output
    plan, attempts = told.stdout.split("offer\toutcome")
    assert [line.split("\t")[:3] for line in plan.splitlines()[1:]] == [
        ["1", "ill/photo", "0.04"],
        ["2", "well/photo", "0.07"],
    ]
    failed, paid = [line.split("\t") for line in attempts.splitlines()[1:]]
    assert failed[:5] == ["ill/photo", "released: unavailable", "0", "0.04", "0"]
    assert (paid[:5], paid[6]) == (["well/photo", "paid", "1", "0.07", "0.07"], "vendor-1")
    assert "the default model for acme" in told.stderr
    assert "0.07 USD" in told.stderr
    found = json.loads(explain(request, "--json", "--data", str(data)).stdout)
    assert (found["id"], found["team"], found["charged_usd"]) == (request, "acme", "0.07")
    assert [each["offer"] for each in found["plan"]["choices"]] == ["ill/photo", "well/photo"]
    assert explain(request, "--team", "acme", "--data", str(data)).exit_code == 0
    for arguments in ((request, "--team", "other"), ("req_never",)):
        refused = explain(*arguments, "--data", str(data))
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "there is no request" in refused.stderr


def test_what_makes_its_pictures_larger_is_explained_too(tmp_path: Path) -> None:
    data, request = asyncio.run(_served(tmp_path, town_config(), style="upscaled", aspect_ratio="square"))
    told = explain(request, "--data", str(data))
    assert told.exit_code == 0, told.output
    assert told.stdout.count("place\toffer") == 2
    assert told.stdout.count("\tpaid\t") == 2


async def _served(folder: Path, config: dict[str, Any], **more: str) -> tuple[Path, str]:
    async with house(folder, config) as home:
        answer = await home.post(home.key("acme", "10/total"), json.dumps({"prompt": "A boat", **more}).encode())
        assert answer.status_code == 200, answer.text
        return home.data, answer.headers["x-request-id"]
