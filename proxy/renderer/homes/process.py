"""An engine in a process of its own: a crash or a lack of memory there takes nothing else down."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from providers.contract import Code, Failure, Fault
from proxy.renderer.child import Child
from proxy.renderer.homes.single import Single
from proxy.renderer.wire import Drop, FromWorker, Job, Setup, pack

WORKER = (sys.executable, "-m", "proxy.renderer.worker")


class ProcessHome(Single):
    """A worker process."""

    def __init__(
        self,
        setup: Setup,
        *,
        idle: float | None = None,
        grace: float = 2.0,
        command: Sequence[str] = WORKER,
    ) -> None:
        """`grace` is how many seconds it has to end when told to, and again when terminated. `command` starts it."""

        async def begin(setup: Setup) -> ProcessLife:
            life = ProcessLife(await Child.start(command), grace)
            life.child.send(pack(setup))
            return life

        super().__init__(setup.engine.device, setup, begin, idle=idle)

    @property
    def pid(self) -> int | None:
        """The process's number, None while there is none."""
        life = self.life
        return life.child.pid if isinstance(life, ProcessLife) else None


class ProcessLife:
    """One worker process."""

    def __init__(self, child: Child, grace: float) -> None:
        self.child = child
        self._grace = grace

    @property
    def place(self) -> str:
        """The process."""
        return f"process {self.child.pid}"

    async def submit(self, job: Job) -> None:
        """Send it, packed in a thread where it carries pictures: they may be large."""
        try:
            frame = await asyncio.to_thread(pack, job) if job.request.images else pack(job)
        except ValueError as error:
            raise Failure(Fault.REJECTED, f"the request cannot be passed on: {error}", code=Code.INVALID) from error
        self.child.send(frame)

    def drop(self, job: int) -> None:
        """Send that."""
        self.child.send(pack(Drop(job)))

    async def receive(self) -> FromWorker | None:
        """The next frame."""
        return await self.child.receive()

    def release(self) -> None:
        """Close the channel, which ends the process."""
        self.child.release()

    async def end(self) -> str:
        """Ask, terminate, kill."""
        status = await self.child.end(self._grace)
        return f"signal {-status}" if status < 0 else f"exit status {status}"
