"""`darkroom plan` and `estimate` by the terms a request may set: its policy, ceilings, providers and regions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from proxy.cli import main


def server(usd: str, **row: Any) -> dict[str, Any]:
    price = {"per": {"type": "image", "rows": [{"price": usd}]}}
    return {
        "speaks": "openai",
        "base": "http://127.0.0.1:9/v1",
        "key": "k",
        "models": [{"name": "photo", "price": price}],
        **row,
    }


CONFIG = {
    "providers": {
        "sandbox": {},
        "dear": server("0.08", region="eu-west", seconds={"photo": 3}),
        "cheap": server("0.04", region="us", seconds={"photo": 30}),
    },
    "default_model": "photo",
    "models": {"auto": {"to": ["sandbox", "photo"]}},
    "policy": {"default": "cheapest"},
    "policies": {"night": ["configured", "capable", "allowed", "priced", "within_ceiling", "fastest"]},
    "classes": {"art": {"models": ["photo"], "policy": "fastest"}},
}


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(CONFIG))
    return str(file)


def run(command: str, config: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [command, "--config", config, "--model", "photo", *arguments])


def planned(config: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The offers in their order, and the rule that left each other out."""
    told = json.loads(run("plan", config, "--json", *arguments).stdout)
    return [each["offer"] for each in told["choices"]], {each["offer"]: each["rule"] for each in told["left_out"]}


Planned = tuple[list[str], dict[str, str]]
CHEAP_FIRST: Planned = (["cheap/photo", "dear/photo"], {})
DEAR_FIRST: Planned = (["dear/photo", "cheap/photo"], {})


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        ([], CHEAP_FIRST),
        (["--policy", "cheapest"], CHEAP_FIRST),
        (["--policy", "fastest"], DEAR_FIRST),
        (["--policy", "night"], DEAR_FIRST),
        (["--model", "art"], DEAR_FIRST),  # its class says
        (["--model", "art", "--policy", "cheapest"], CHEAP_FIRST),
        (["--max-cost", "0.04"], (["cheap/photo"], {"dear/photo": "within_ceiling"})),
        (["--max-cost", "0.16", "-n", "2"], CHEAP_FIRST),
        (["--max-seconds", "3"], (["dear/photo"], {"cheap/photo": "max_seconds"})),
        (["--providers", "dear, sandbox"], (["dear/photo"], {"cheap/photo": "providers"})),
        (["--region", "eu,ch"], (["dear/photo"], {"cheap/photo": "region"})),
        (["--model", "auto", "--providers", "cheap"], (["cheap/photo"], {"dear/photo": "providers"})),
    ],
)
def test_a_term_does_what_its_header_does(terms: list[str], found: Planned, config: str) -> None:
    assert planned(config, *terms) == found


def test_the_plan_says_who_decided_in_every_form(config: str) -> None:
    assert json.loads(run("plan", config, "--json", "--policy", "night").stdout)["policy"] == "night"
    assert run("plan", config).stderr == "policy: cheapest\n"
    explained = run("check", config, "--explain", "a boat", "--policy", "fastest", "--max-cost", "0.05")
    assert explained.stderr == "policy: fastest\n"
    assert [line.split("\t")[:2] for line in explained.stdout.splitlines()[1:]] == [
        ["1", "cheap/photo"],
        ["out", "dear/photo"],
    ]


def test_a_plan_of_which_nothing_is_left_says_why_and_fails(config: str) -> None:
    told = run("plan", config, "--max-cost", "0.01")
    assert told.exit_code == 1
    assert told.stdout.count("within_ceiling: ") == 2


def test_an_estimate_tells_every_offer_in_the_policys_order_and_why_one_is_left_out(config: str) -> None:
    told = json.loads(run("estimate", config, "--policy", "fastest", "--max-cost", "0.05", "--json").stdout)
    assert [(each["offer"], each["usd"]) for each in told] == [("cheap/photo", "0.04"), ("dear/photo", "0.08")]
    assert told[0]["left_out"] is None
    assert told[1]["left_out"].startswith("within_ceiling: ")
    lines = run("estimate", config, "--policy", "fastest").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["offer", "dear/photo", "cheap/photo"]


def test_strictness_leaves_out_what_would_drop_a_wish(config: str) -> None:
    loose, strict = planned(config, "--quality", "max"), planned(config, "--quality", "max", "--strict")
    assert loose == CHEAP_FIRST
    assert strict == ([], {"cheap/photo": "capable", "dear/photo": "capable"})


@pytest.mark.parametrize("command", ["plan", "estimate"])
@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (["--policy", "dearest"], "there is no policy 'dearest'; there are balanced, best, cheapest, fastest, house, "),
        (["--policy", ""], "there is no policy ''"),
        (["--providers", "cheap,nobody"], "there is no provider 'nobody'; there are cheap, dear, sandbox"),
        (["--providers", " , "], "write names with commas between them"),
        (["--region", ""], "write names with commas between them"),
        *[
            (["--max-cost", said], f"{said!r} is no amount in USD")
            for said in ("", "cheap", "-0.01", "nan", "Infinity")
        ],
        *[
            (["--max-seconds", said], f"{said!r} is no number of seconds")
            for said in ("", "soon", "0", "-1", "nan", "inf")
        ],
    ],
)
def test_a_term_that_means_nothing_is_refused_in_plain_words(
    command: str, terms: list[str], says: str, config: str
) -> None:
    told = run(command, config, *terms)
    assert (told.exit_code, told.stdout) == (2, "")
    assert says in told.stderr
    assert f"Invalid value for '{terms[0]}'" in told.stderr.replace(f"for {terms[0]}", f"for '{terms[0]}'")
