"""A month of 100,000 requests planned again, from the command line: how long it takes, and in how much memory.

`make bench` prints the figures. It is held against a tenth of it: memory that grew with the past would show.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pricing import from_micros
from proxy.explain import usd
from tests.ledger.posted import rows
from tests.replay.month import CONFIG, Month, config_of, fill, some

pytestmark = pytest.mark.bench

REQUESTS = 100_000
WITHIN_S = 60.0
MIB = 1_048_576
GROWTH = 32 * MIB
"""What ten times the requests may take more: plans of unlike requests are remembered, up to a number."""


CHILD = """
import re, sys
from pathlib import Path
from proxy.cli import main
main(standalone_mode=False)
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
"""The command, and then the most memory it had, in KiB: what `wait4` says begins with that of whoever started it."""


def replayed(data: Path) -> tuple[dict[str, Any], float, int]:
    """What a whole process says of a data folder, its seconds from start to end, and the most memory it had."""
    arguments = ["replay", "--since", "2026-10-01", "--until", "2026-11-01", "--json", "--data", str(data)]
    command = [sys.executable, "-c", CHILD, *arguments, "--config", str(data / "config.yaml")]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), time.perf_counter() - began, int(done.stderr.split()[-1]) * 1024


def bought(data: Path, requests: int) -> Path:
    """A month of so many."""
    month = Month(data, config_of())
    fill(month, some(requests), 64)
    month.close()
    (data / "config.yaml").write_bytes(msgspec.json.encode(CONFIG))
    return data


def test_a_month_is_planned_again_within_a_minute_and_in_bounded_memory(tmp_path: Path) -> None:
    _, _, little = replayed(bought(tmp_path / "tenth", REQUESTS // 10))
    told, seconds, much = replayed(bought(tmp_path / "whole", REQUESTS))
    print(
        f"\n{REQUESTS} requests replayed in {seconds:.1f} s, {told['requests']['recorded'] / told['seconds']:,.0f} a "
        f"second, {told['planned']} plans; {much / MIB:.0f} MiB, {little / MIB:.0f} MiB for a tenth of them"
    )
    (paid,) = rows(tmp_path / "whole" / "ledger.sqlite3", "SELECT SUM(micros) AS m FROM entries WHERE kind = 'settle'")
    assert told["requests"]["replayed"] == REQUESTS
    assert told["replayed"]["usd"] == told["replayed"]["quoted_usd"] == usd(from_micros(paid["m"]))
    assert seconds < WITHIN_S
    assert much - little < GROWTH
