"""`darkroom serve --workers N`: one process that listens, and N servers that accept what comes to it.

The parent serves nothing. It starts the workers, starts one again that has ended, passes on what it is told, and ends
when they have. They have the listening socket of it, so that a connection that no worker has accepted yet waits for
one, whichever dies; and the reading end of a pipe that says by its end that the parent is gone, however that came.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import start_http_server

from proxy.events import ServerChanged, Tell
from proxy.metrics import workers

PAUSE_S = 0.5
"""Before a worker that has ended is started again; twice as long every time, until it has lived for a while."""
PAUSE_MOST_S = 30.0
SOUND_S = 60.0
"""A worker that lived so long is no part of a row of failures."""


class Crew:
    """N workers, and who starts them again."""

    def __init__(self, command: Sequence[str], listening: socket.socket, count: int, tell: Tell) -> None:
        """`command`: what starts one worker, to which its number and its socket are added."""
        self._command = command
        self._listening = listening
        self._count = count
        self._tell = tell
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._ending = asyncio.Event()
        self._status = 0

    async def run(self, metrics: str | None = None) -> int:
        """Serve until told to stop; returns the exit status. `metrics`: where to show what all of them count."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        with tempfile.TemporaryDirectory(prefix="darkroom-metrics-") as folder:
            ready: list[asyncio.Future[bool]] = [loop.create_future() for _ in range(self._count)]
            working = [
                asyncio.create_task(self._keep(worker, Path(folder), ready[worker])) for worker in range(self._count)
            ]
            if all(await asyncio.gather(*ready)):
                if metrics is not None:
                    _show(metrics, Path(folder))
                print(f"darkroom is ready with {self._count} workers: {self._address}/v1", flush=True)  # noqa: T201
            await asyncio.gather(*working)
        return self._status

    @property
    def _address(self) -> str:
        host, port = self._listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _keep(self, worker: int, folder: Path, ready: asyncio.Future[bool]) -> None:
        """Have one worker running, until told to stop."""
        pause = PAUSE_S
        while not self._ending.is_set():
            began = time.monotonic()
            process = await self._start(worker, folder)
            self._running[worker] = process
            if self._ending.is_set():  # told while it was started
                process.terminate()
            status = await self._see(process, ready)
            del self._running[worker]
            workers.gone(folder, worker)
            if self._ending.is_set():  # one that was told before it could hear had nothing to finish
                self._status = self._status or (0 if status == -signal.SIGTERM else abs(status))
            elif not ready.result():  # it never was: another try would end like this one
                self._status = abs(status) or 1
                self._stop(signal.SIGTERM)
            else:
                pause = PAUSE_S if time.monotonic() - began > SOUND_S else pause
                said = (
                    f"worker {worker}, process {process.pid}, ended with {status}; it is started again in {pause:g} s"
                )
                self._tell(ServerChanged(what="worker ended", detail=said))
                await self._rest(pause)
                pause = min(2 * pause, PAUSE_MOST_S)

    async def _start(self, worker: int, folder: Path) -> asyncio.subprocess.Process:
        descriptor = self._listening.fileno()
        return await asyncio.create_subprocess_exec(
            *(*self._command, "--worker", str(worker), "--socket", str(descriptor)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
            env={**os.environ, workers.FOLDER: str(folder)},
            start_new_session=True,  # Ctrl-C comes to the parent alone, which passes it on
        )

    @staticmethod
    async def _see(process: asyncio.subprocess.Process, ready: asyncio.Future[bool]) -> int:
        """Wait for what a worker says when it is ready, and for its end."""
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not ready.done():
            ready.set_result(b"ready" in line)
        await process.stdout.read()
        return await process.wait()

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._ending.wait()
        except TimeoutError:
            return

    def _stop(self, number: int) -> None:
        self._ending.set()
        self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(number)


def _show(bind: str, folder: Path) -> None:
    host, _, port = bind.rpartition(":")
    start_http_server(int(port), host.strip("[]") or "127.0.0.1", workers.together(folder))


def listening_at(host: str, port: int) -> socket.socket:
    """A socket that all workers may have. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=2048)
    made.set_inheritable(True)
    return made


def command_of(config: Path | None, data: Path) -> list[str]:
    """What starts one server with a configuration on a data folder, as this one was started."""
    chosen = ["--config", str(config)] if config is not None else []
    return [sys.executable, "-m", "proxy", "serve", *chosen, "--data", str(data), "--no-bootstrap"]
