"""The worker process as the proxy sees it: started, spoken to, heard, ended. It knows frames and signals, not jobs."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from providers.contract import Failure, Fault
from proxy.renderer.wire import LENGTH, FromWorker, length_of, read_by_proxy

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}
"""The libraries neither reach for the network nor chat."""
GENTLE = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that compute sleep while they wait for each other. They would spin: where they are more than the free cores,
as beside a busy proxy, a step then takes a hundred times as long. Whoever knows better says so in the environment.
"""
_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
"""Variables the worker has no use for: vendors' keys stay in the proxy."""
_BUFFER = 8 << 20
"""Bytes read ahead of a frame, so that a picture comes in few pieces."""


class Child:
    """One worker process and the channel to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._heard: asyncio.Queue[FromWorker | None] = asyncio.Queue()
        self._listener = asyncio.create_task(self._listen(), name=f"listen to worker {process.pid}")

    @classmethod
    async def start(cls, command: Sequence[str]) -> Child:
        """Start the process. Raises UNAVAILABLE where the system does not let us."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=_environment(os.environ),
                start_new_session=True,  # Ctrl-C is for the proxy, which lets the worker go when it has drained
                limit=_BUFFER,
            )
        except OSError as error:
            raise Failure(Fault.UNAVAILABLE, f"the local renderer cannot be started: {error}") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, frame: bytes) -> None:
        """Send a frame; it is buffered. One to a worker that has died is lost, and `receive` says so."""
        if not self._stdin.is_closing():
            self._stdin.write(frame)

    async def receive(self) -> FromWorker | None:
        """The next message; None once there will be no more. For one caller."""
        return await self._heard.get()

    def release(self) -> None:
        """Close the channel, which ends the process."""
        self._stdin.close()

    async def end(self, grace: float) -> int:
        """End the process and wait for it: ask, after `grace` seconds terminate, after as many again kill.

        Returns its exit status, the negative signal where one ended it.
        """
        self.release()
        for insist in (self._process.terminate, self._process.kill):
            with suppress(TimeoutError):
                return await asyncio.wait_for(self._process.wait(), grace)
            with suppress(ProcessLookupError):  # it ended in this very moment
                insist()
        return await self._process.wait()

    async def _listen(self) -> None:
        """Read frames to the end of the channel, whoever waits for them: the process cannot be waited for before."""
        try:
            while True:
                head = await self._stdout.readexactly(LENGTH.size)
                message = read_by_proxy(await self._stdout.readexactly(length_of(head)))
                self._heard.put_nowait(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it ended
        except (ValueError, msgspec.DecodeError):  # it makes no sense any more; what else it says is thrown away
            with suppress(ProcessLookupError):
                self._process.kill()
            while await self._stdout.read(_BUFFER):
                pass
        self._heard.put_nowait(None)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    return GENTLE | {name: value for name, value in ours.items() if not _SECRET.search(name)} | QUIET
