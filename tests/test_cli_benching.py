"""`darkroom bench-local`: a table and JSON of what was measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main

CONFIG = """
providers:
  local:
    models:
      - name: one
        load: {type: untrained, speed: {channels_last: true}}
        operations: [generate]
        sizes: {default: 64x64, step: 64, max_side: 768}
        price: {per: {type: second, usd: "0.0003", seconds: "20"}}
"""
SHORT = ("--steps", "2", "--rounds", "1", "--device", "cpu")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


def run(config: Path, *said: str) -> Result:
    return CliRunner().invoke(main, ["bench-local", "--config", str(config), *SHORT, *said])


@pytest.mark.slow
def test_json_of_all_figures(config: Path) -> None:
    done = run(config, "--batch", "2,1", "--options", "tf32", "--json")
    assert done.exit_code == 0, done.output
    lines = json.loads(done.stdout)
    options = ["diffusers", "engine", "as configured"]
    assert [(each["option"], each["batch"]) for each in lines] == [
        *((option, batch) for option in options for batch in (1, 2)),
        ("tf32", 1),
    ]
    assert {(each["model"], each["width"], each["height"], each["steps"]) for each in lines} == {("one", 64, 64, 2)}
    assert all(each["image_s"] > 0 for each in lines[:-1])
    assert "needs a CUDA device" in lines[-1]["refused"]


@pytest.mark.slow
def test_a_table(config: Path) -> None:
    done = run(config, "one", "--batch", "1", "--size", "64x96", "--options", "attention=flash3")
    assert done.exit_code == 0, done.output
    head, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert head[:5] == ["model", "size", "option", "batch", "images/s"]
    assert [row[:4] for row in rows] == [
        ["one", "64x96", option, "1"] for option in ("diffusers", "engine", "as configured", "attention=flash3")
    ]
    assert all(float(row[4]) > 0 for row in rows[:-1])
    assert {len(row) for row in rows} == {len(head)}
    assert rows[-1][4] == "-"
    assert "one, attention=flash3, batch 1: `attention: flash3`" in done.stderr


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("two",), "no local model is called 'two'; there are: one, sd-shaped, sdxl-shaped, sd3-shaped, flux-shaped"),
        (("--size", "64"), "'64' is no size such as 1024x1024"),
        (("--batch", "1,16"), "numbers of 1 to 8"),
        (("--options", "compile=all"), "--options 'compile=all': "),
        (("--options", "fp8"), "`fp8` needs `compile`"),
    ],
    ids=range(5),
)
def test_what_cannot_be_measured_is_told_before_anything_starts(config: Path, said: tuple[str, ...], why: str) -> None:
    done = run(config, *said)
    assert done.exit_code != 0
    assert why in done.stderr


def test_a_measuring_process_that_dies_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    done = run(config)
    assert done.exit_code == 1
    assert "measuring ended with status 1, after 0 figures" in done.stderr


def test_the_command_itself_needs_no_torch() -> None:
    said = "import sys, proxy.cli.benching; print(sorted({'torch', 'diffusers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, check=True).stdout == b"[]\n"
