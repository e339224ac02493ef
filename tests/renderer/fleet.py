"""A Ray on this machine, and homes with the stub engine in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from msgspec.structs import replace

from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.homes.contract import Hear
from proxy.renderer.homes.ray import RayHome
from proxy.renderer.wire import Setup, write
from tests.renderer.stub import until
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
ENVOY = (sys.executable, "-m", "tests.renderer.stub_envoy")
SMALL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
}
START_S = 180.0


@contextmanager
def cluster_at(folder: Path) -> Iterator[str]:
    """Start a Ray with two cores that keeps everything in the folder, and end it."""
    address = f"127.0.0.1:{free_port()}"
    ray = str(Path(sys.executable).with_name("ray"))
    command = [
        ray,
        "start",
        "--head",
        "--block",
        f"--port={address.rpartition(':')[2]}",
        "--num-cpus=2",
        "--num-gpus=0",
    ]
    command += ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
    command += [
        "--node-ip-address=127.0.0.1",
        "--object-store-memory=200000000",
        f"--ray-client-server-port={free_port()}",
    ]
    command += ["--min-worker-port=0", "--max-worker-port=0", f"--dashboard-agent-listen-port={free_port()}"]
    with (folder / "start.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | SMALL, stdout=log, stderr=log, start_new_session=True)
    try:
        until_started(process, folder / "start.log")
        yield address
    finally:
        started = psutil.Process(process.pid)
        for each in [*started.children(recursive=True), started]:
            with suppress(psutil.NoSuchProcess):
                each.kill()  # told to end, it would first wait half a minute for its work to end
        process.wait()


def until_started(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while "Ray runtime started" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


class StubFleet(RayHome):
    """A home of which a replica is up when it has started. Those with the same options share their application, as
    servers do: to begin another one takes longer than any test.
    """

    def __init__(self, setup: Setup, address: str, **options: Any) -> None:
        alike = hashlib.blake2b(write(setup) + repr(sorted(options.items())).encode(), digest_size=6).hexdigest()
        given = {"address": address, "application": f"stub-{alike}", "gpus": 0, "cpus": 0.01, **options}
        super().__init__(replace(setup, fleet=FleetOptions(**given)), command=ENVOY)
        self.counted = 0

    async def start(self, hear: Hear) -> None:
        await super().start(hear)
        if self._joining is not None:
            await self._joining
        await until(lambda: self._running, within=START_S)

    @property
    def _running(self) -> bool:
        return self._counted > 0
