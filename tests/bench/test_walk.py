"""The walk beside a bare aiohttp pass-through, both before the same stub vendor, in turns within one run.

`make bench` prints the figures. Machines differ and are busy; what counts is the ratio. All governance is on: keys,
budgets, a durable hold and settlement each, policy, pricing, health, metrics, logs.
"""

from __future__ import annotations

import json
import re
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec import Struct

from tests.walk.running import Running, running

pytestmark = pytest.mark.bench

ROUNDS = 5
MIB = 1_048_576
IMAGE = {"type": "image", "rows": [{"price": "0.04"}]}


class Round(Struct, frozen=True):
    """What one load measured of one server."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Of the server and its ledger, for each request."""


class Bench(Struct, frozen=True):
    """A vendor, a pass-through to it, and a server before it."""

    passing: str
    passing_pid: int
    server: Running
    key: str

    def turns(self, model: str, concurrency: int, requests: int) -> tuple[list[Round], list[Round]]:
        """Rounds of both, in turns."""
        walk = f"{self.server.base}/images/generations"
        ours: list[Round] = []
        theirs: list[Round] = []
        for url, pid in ((self.passing, self.passing_pid), (walk, self.server.pid)):
            self._load(url, pid, model, concurrency, requests // 4)  # warm both
        for _ in range(ROUNDS):
            theirs.append(self._load(self.passing, self.passing_pid, model, concurrency, requests))
            ours.append(self._load(walk, self.server.pid, model, concurrency, requests))
        return theirs, ours

    def _load(self, url: str, pid: int, model: str, concurrency: int, requests: int) -> Round:
        before = _cpu(pid)
        command = [sys.executable, "-m", "tests.bench.load", url, self.key, model, str(concurrency), str(requests)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
        return Round(**found, cpu_us=(_cpu(pid) - before) / requests * 1e6)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        vendor_port, passing_port = _free_port(), _free_port()
        stack.enter_context(_started("tests.bench.vendor", vendor_port))
        passing = stack.enter_context(_started("tests.bench.pass_through", passing_port, vendor_port))
        server = stack.enter_context(running(tmp_path, _config(vendor_port)))
        yield Bench(
            passing=f"http://127.0.0.1:{passing_port}/v1/images/generations",
            passing_pid=passing.pid,
            server=server,
            key=server.key("bench", "1000000/month"),
        )


@pytest.mark.parametrize(
    ("model", "says", "requests", "target"), [("small", "1 KB", 4000, 0.4), ("large", "2 MB", 600, 0.5)]
)
def test_requests_beside_a_bare_pass_through(bench: Bench, model: str, says: str, requests: int, target: float) -> None:
    theirs, ours = bench.turns(model, 32, requests)
    ratio = statistics.median([our.per_second / their.per_second for our, their in zip(ours, theirs, strict=True)])
    print(f"\n{says} replies, 32 at once, {ROUNDS} rounds of {requests} in turns, medians")
    _show("pass-through", theirs)
    _show("darkroom", ours)
    print(f"  ratio of requests/s {ratio:.2f} (target {target}: {'met' if ratio >= target else 'MISSED'})")
    assert ratio > target * 0.75  # below that it is no noise any more
    settled, held = bench.server.spent("bench")
    assert (settled, held) == (40_000 * (requests * ROUNDS + requests // 4), 0)


def test_memory_with_64_replies_of_2_mb_in_flight(bench: Bench) -> None:
    began = _peaks(bench.server.pid)
    bench._load(f"{bench.server.base}/images/generations", bench.server.pid, "large", 64, 1000)
    peaks = _peaks(bench.server.pid)
    print("\n2 MB replies, 64 at once: peak resident memory")
    print(
        f"  server {peaks[0]:.0f} MiB ({began[0]:.0f} before), ledger's process {sum(peaks[1:]):.0f} MiB (target 200)"
    )
    assert peaks[0] < 200


def _show(name: str, rounds: list[Round]) -> None:
    def median(field: str) -> float:
        values: list[float] = [getattr(each, field) for each in rounds]
        return statistics.median(values)

    print(
        f"  {name:<13}{median('per_second'):>7.0f}/s  {median('cpu_us'):>6.0f} µs CPU each  "
        f"p50 {median('p50_ms'):.1f} ms  p99 {median('p99_ms'):.1f} ms"
    )


def _config(vendor_port: int) -> dict[str, Any]:
    return {
        "providers": {
            "stub": {
                "speaks": "openai",
                "base": f"http://127.0.0.1:{vendor_port}/v1",
                "key": "stub-key",
                "models": [{"name": name, "price": {"per": IMAGE}} for name in ("small", "large")],
            }
        },
        "default_model": "small",
    }


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process and its children have used."""
    seconds = 0.0
    for each in _family(pid):
        used = each.cpu_times()
        seconds += used.user + used.system
    return seconds


def _peaks(pid: int) -> list[float]:
    """Peak resident MiB of a process and of each child."""
    return [_peak(each.pid) for each in _family(pid)]


def _peak(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024 / MIB


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _started(module: str, *arguments: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, *[str(argument) for argument in arguments]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        try:
            yield process
        finally:
            process.kill()
