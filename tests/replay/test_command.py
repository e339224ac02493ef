"""`darkroom replay`: what it reads, what it prints, what it says of mistakes; and a month that a real server served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from providers.contract import Generate
from proxy.cli import main
from tests.edge.house import BODY, House, house
from tests.replay.month import CONFIG, FIRST, Month, config_of
from tests.walk.vendors import OpenAIVendor, at, serving

MONTH = ("--since", "2026-10-01", "--until", "2026-11-01")
BOAT = Generate(model="photo", prompt="a boat")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments])


def written(path: Path, tree: Mapping[str, Any]) -> str:
    path.write_bytes(msgspec.json.encode(tree))
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    """A month of little, and where it lies."""
    month = Month(tmp_path / "data", config_of())
    month.buy([("acme", BOAT), ("globex", Generate(model="sketch", prompt="a boat"))], FIRST)
    month.buy([("acme", BOAT)], FIRST + 20 * 86_400_000)
    month.close()
    return ["--data", str(tmp_path / "data"), "--config", written(tmp_path / "config.yaml", CONFIG)]


def shown(*arguments: str) -> dict[str, Any]:
    told = run(*arguments, "--json")
    assert told.exit_code == 0, told.output
    read: dict[str, Any] = json.loads(told.stdout)
    return read


def test_as_json_it_says_what_was_asked_and_what_came_of_it(data: list[str]) -> None:
    told = shown(*MONTH, *data)
    assert (told["since"], told["until"]) == ("2026-10-01T00:00:00+00:00", "2026-11-01T00:00:00+00:00")
    assert (told["policy"], told["prices"], told["team"]) == (None, None, None)
    assert (told["happened"]["usd"], told["replayed"]["usd"]) == ("0.090003", "0.090003")
    assert told["seconds"] > 0
    assert shown("--since", "2026-10-15", "--until", "2026-11-01", *data)["requests"]["recorded"] == 1
    assert shown("--since", "1h", *data)["requests"]["recorded"] == 0
    assert shown(*MONTH, "--team", "globex", *data)["requests"]["recorded"] == 1


def test_for_people_it_prints_tables_and_says_how_fast_it_was(data: list[str], tmp_path: Path) -> None:
    without = {**CONFIG, "providers": {name: CONFIG["providers"][name] for name in ("far", "swift")}}
    told = run(*MONTH, "--policy", written(tmp_path / "other.yaml", without), *data)
    assert told.exit_code == 0, told.output
    lines = [line.split("\t") for line in told.stdout.splitlines()]
    assert ["all", "0.080002", "0.1", "0.019998", "+25.0%"] in lines
    assert ["acme", "photo", "near/photo", "far/photo", "2", "0.080002", "0.1", "0.019998", "+25.0%"] in lines
    assert ["far", "0", "2", "0", "2", "0", "0.1"] in lines
    assert any(line[:2] == ["globex", "sketch"] and line[3:] == ["1", "0.010001"] for line in lines)
    assert "3 requests in " in told.stderr
    assert "0.090003 USD" in told.stderr


def test_nothing_recorded_is_no_mistake(data: list[str]) -> None:
    told = run("--since", "2020-01-01", "--until", "2020-02-01", *data)
    assert told.exit_code == 0, told.output
    assert "0 requests in " in told.stderr
    assert ["all", "0", "0", "0", ""] in [line.split("\t") for line in told.stdout.splitlines()]


def test_a_file_without_providers_says_only_what_is_to_be_otherwise(data: list[str], tmp_path: Path) -> None:
    file = written(tmp_path / "other.yaml", {"teams": {"acme": {"bans": ["near"]}}})
    told = shown(*MONTH, "--policy", file, *data)
    assert [(each["team"], each["after"]) for each in told["movers"]] == [("acme", "far/photo")]
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert shown(*MONTH, "--policy", str(empty), *data)["movers"] == []


def test_a_policy_of_the_configuration_goes_by_its_name(data: list[str]) -> None:
    assert shown(*MONTH, "--policy", "cheapest", *data)["policy"] == "cheapest"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--policy", "none"), "there is no policy 'none'"),
        (("--policy", "none.yaml"), "No such file"),
        (("--team", "nobody"), "there is no team 'nobody'"),
        (("--since", "yesterday"), "write hours or days"),
        (("--until", "2026-13-01"), "write hours or days"),
        (("--prices", "then"), "write a day"),
    ],
)
def test_a_mistake_is_one_sentence(data: list[str], wrong: tuple[str, str], says: str) -> None:
    told = run(*wrong, *data)
    assert told.exit_code != 0
    assert says in told.output
    assert "Traceback" not in told.output


async def test_what_a_server_bought_is_planned_again_to_the_micro_dollar(tmp_path: Path) -> None:
    """Real requests, real vendors, real holds: every figure against what the teams were charged."""
    cheap, dear = OpenAIVendor(), OpenAIVendor()
    dearer = {"price": {"per": {"type": "image", "rows": [{"price": "0.07"}]}}}
    with serving(cheap), serving(dear):
        config: dict[str, Any] = {
            "providers": {"dear": at(dear, **dearer), "cheap": at(cheap)},
            "default_model": "photo",
            "log": {"level": "error"},
        }
        async with house(tmp_path, config) as home:
            charged = await _month_of(home, cheap)
        file = str(tmp_path / "config.yaml")
        (tmp_path / "without.yaml").write_text(
            json.dumps({**config, "providers": {"dear": config["providers"]["dear"]}})
        )
    data = ("--data", str(home.data), "--config", file)
    told = shown("--since", "1h", *data)
    assert told["happened"]["usd"] == told["replayed"]["usd"] == charged
    assert told["requests"]["replayed"] == 4
    assert told["requests"]["failed"] == 1
    assert told["requests"]["moved"] == 0
    other = shown("--since", "1h", "--policy", str(tmp_path / "without.yaml"), *data)
    assert other["compared"]["difference_usd"] == "0.21"  # seven pictures, three cents more each


async def _month_of(home: House, vendor: OpenAIVendor) -> str:
    """Seven pictures in four requests, one of them two at a call; and one that came to nothing."""
    key = home.key("acme", "100/total")
    for body in ({"n": 4}, {"size": "128x64"}, {"quality": "low", "prompt": "ein längerer Satz"}, {}):
        assert (await home.post(key, {**BODY, **body})).status_code == 200
    refusal = {"error": {"message": "no", "code": "moderation_blocked", "type": "image_generation_user_error"}}
    vendor.fail_next = [(400, {}, refusal)]
    assert (await home.post(key)).status_code == 400
    return f"{home.spent('acme')[0] / 1_000_000:g}"
