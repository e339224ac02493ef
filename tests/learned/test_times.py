"""`darkroom models times`: what was measured, and what a picture is held at for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from proxy.cli import main
from proxy.events import ModelsShelved
from proxy.learned import NAME, Learned
from proxy.renderer import Untrained
from tests.learned.drawn import LOADS, measured

PER = {"type": "second", "usd": "0.001", "seconds": "4"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which some was measured, and a configuration beside it."""
    learned = Learned(tmp_path / NAME, LOADS | {"dear": Untrained(steps=10), "changed": Untrained()})
    learned.hear([measured(steps=steps, seconds=0.5 + 0.1 * steps) for steps in (4, 8, 12, 20, 30)])
    learned.hear([measured(guided=True, seconds=4.5)] * 2)
    learned.hear([measured(model="dear", guided=True, steps=10, seconds=8.0, width=512, height=512)] * 5)
    learned.hear([measured(model="changed")] * 5)
    learned.hear([ModelsShelved(engine="cuda:0", models=(), used_bytes=0, loaded={"sketch": 7.5})])
    asyncio.run(learned.save())
    sizes = {"default": "1024x1024", "step": 64, "min_side": 256, "max_side": 2048}
    models = [
        {
            "name": "sketch",
            "sizes": sizes,
            "load": {"type": "untrained", "steps": 20, "guidance": 1.0},
            "price": {"per": PER},
        },
        {"name": "dear", "load": {"type": "untrained", "steps": 10}, "price": {"per": PER}},
        {"name": "changed", "load": {"type": "untrained", "dtype": "bfloat16"}},
        {"name": "new", "load": {"type": "untrained"}},
    ]
    config = {"providers": {"sandbox": {}, "local": {"models": models}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def run(folder: Path, *more: str) -> Any:
    command = ["models", "times", "--data", str(folder), "--config", str(folder / "config.yaml"), *more]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return done


def test_every_size_is_told_with_its_line_and_its_quote(folder: Path) -> None:
    dear, sketch, guided = json.loads(run(folder, "--json").stdout)
    assert {name: sketch[name] for name in ("model", "engine", "side", "guided", "steps", "pictures")} == {
        "model": "sketch", "engine": "cuda:0", "side": 1024, "guided": False, "steps": 20, "pictures": 5
    }  # fmt: skip
    assert (sketch["fixed_s"], sketch["step_s"], sketch["expected_s"]) == (0.5, 0.1, 2.5)
    assert (sketch["held_s"], sketch["quote_usd"], sketch["note"]) == ("3.13", "0.00313", "")
    assert (guided["held_s"], guided["quote_usd"]) == ("4", "0.004")
    assert guided["note"] == "counts from 5 pictures on"
    assert (dear["held_s"], dear["side"]) == ("4", 512)
    assert dear["note"] == "may take 10 s: more than `seconds` of its price"


def test_a_table_says_the_same_and_how_long_loading_took(folder: Path) -> None:
    done = run(folder)
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[2].split("\t") == [
        "sketch", "cuda:0", "1024x1024", "no", "20", "5", "0.1 s", "2.5 s", "3.13 s", "0.00313", ""
    ]  # fmt: skip
    assert done.stderr == "loading sketch took 7.5 s\n"


def test_nothing_was_measured_where_nothing_was(folder: Path) -> None:
    (folder / NAME).unlink()
    assert json.loads(run(folder, "--json").stdout) == []


def test_a_plan_on_the_command_line_is_quoted_by_what_the_server_has_measured(folder: Path) -> None:
    command = ["plan", "--model", "sketch", "--size", "1024x1024", "--config", str(folder / "config.yaml"), "--json"]

    def quoted(data: Path) -> str:
        done = CliRunner().invoke(main, [*command, "--data", str(data)])
        usd: str = json.loads(done.stdout)["estimated_cost_usd"]
        return usd

    assert quoted(folder) == "0.00313"
    assert quoted(folder / "another") == "0.004"
