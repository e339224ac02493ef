"""A server's connection to its fleet, in a process of its own.

To the server it is one more worker with an engine; this engine has others draw. A process that has joined a cluster is
of no more use when that is gone, and may be ended by it: the server must not be. The next request gets another envoy.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from threading import Timer
from uuid import uuid4

from providers.contract import Failure, Fault
from proxy.renderer.fleet.cluster import Cluster, join, lost, refused
from proxy.renderer.fleet.options import FleetOptions
from proxy.renderer.fleet.roll import Roll
from proxy.renderer.fleet.said import Here, OfReplica, order, unbundle
from proxy.renderer.homes.contract import Opening, Told
from proxy.renderer.wire import (
    Broken,
    Counted,
    Failed,
    Finished,
    Job,
    Lost,
    Progress,
    Ready,
    Refused,
    Setup,
    Sketch,
)

LOOK_S = 2.0
"""How often it asks Ray how many replicas there are."""
MUTE_S = 30.0
"""A cluster that does not answer for so long is gone, and so is the connection: another envoy has to make a new one."""
JOIN_S = 60.0
"""To join a cluster. Ray tries on for minutes where nobody answers, and cannot be broken off."""
AGAIN_S = 5.0
"""When to come again to a fleet that is full, as long as no job has ended."""
LEAVING_S = 0.5
"""For Ray to pass on that jobs are left off: it does so behind our back."""
MUTE = 71
"""The exit status of an envoy without a cluster."""


class Envoy:
    """An engine that has replicas draw."""

    def __init__(self, setup: Setup, tell: Told, opening: Opening) -> None:
        """`opening` makes the engine of each replica."""
        self._setup = setup
        self._opening = opening
        self._fleet = setup.fleet or FleetOptions()
        self._tell = tell
        self._name = uuid4().hex
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._roll = Roll(tell)
        self._jobs: dict[int, asyncio.Task[None]] = {}
        self._cluster: Cluster | None = None
        self._again_s = AGAIN_S

    def submit(self, job: Job) -> None:
        """Have it drawn."""
        self._loop.call_soon_threadsafe(self._begin, job)

    def drop(self, job: int) -> None:
        """Have it left off."""
        self._loop.call_soon_threadsafe(self._leave_off, job)

    def close(self) -> None:
        """End."""
        self._loop.call_soon_threadsafe(self._over.set)

    def run(self) -> None:
        """Join the cluster and pass on, until `close`."""
        patience = Timer(JOIN_S, self._give_up)
        patience.start()
        try:
            cluster = self._cluster = join(self._setup, self._fleet, self._opening)
            patience.cancel()
            self._loop.run_until_complete(self._serve(cluster))
        except Failure as failure:
            self._tell(Broken(failure.detail))
        finally:
            patience.cancel()

    def _give_up(self) -> None:
        self._tell(Broken(f"nobody answered at the Ray address {self._fleet.address!r} for {JOIN_S:.0f} seconds"))
        os._exit(MUTE)

    async def _serve(self, cluster: Cluster) -> None:
        """Raises UNAVAILABLE where what is to be preloaded has no replica."""
        looking = asyncio.create_task(self._look(cluster))
        self._tell(Ready(self._fleet.slots(self._setup.engine.slots), await self._preloaded(cluster)))
        await self._over.wait()
        looking.cancel()
        jobs = list(self._jobs.values())
        for task in jobs:
            task.cancel()
        if jobs:
            await asyncio.wait(jobs)
            await asyncio.sleep(LEAVING_S)

    async def _preloaded(self, cluster: Cluster) -> tuple[str, ...]:
        """What could not be preloaded; asks one replica, they are all alike. Raises UNAVAILABLE."""
        if not self._setup.preload:
            return ()
        problems: tuple[str, ...] = ()
        replica = ""
        for each in unbundle(await cluster.here()):
            if isinstance(each, Here):
                problems, replica = each.problems, each.replica
            self._hear(replica, None, each)
        return problems

    async def _look(self, cluster: Cluster) -> None:
        """Keep count of the replicas. Where Ray says nothing more, nothing will come of any job."""
        counted = -1
        while True:
            try:
                replicas = await asyncio.wait_for(asyncio.to_thread(cluster.replicas), MUTE_S)
            except Exception as error:  # whatever it is that Ray says then
                sys.stderr.write(f"the Ray cluster is gone: {error!r}\n")
                os._exit(MUTE)
            self._roll.count(replicas)
            if replicas != counted:
                self._tell(Counted(replicas))
            counted = replicas
            await asyncio.sleep(LOOK_S)

    def _begin(self, job: Job) -> None:
        self._jobs[job.id] = asyncio.create_task(self._draw(job))

    def _leave_off(self, job: int) -> None:
        if task := self._jobs.get(job):
            task.cancel()

    async def _draw(self, job: Job) -> None:
        """One job, from here to its end. It always has one, unless it is dropped."""
        began = time.monotonic()
        try:
            await self._follow(job)
            self._again_s = max(1.0, time.monotonic() - began)
        except Failure as failure:
            self._tell(Refused(Failed.of(job.id, failure)))
        finally:
            del self._jobs[job.id]

    async def _follow(self, job: Job) -> None:
        """Pass on what is said of it. Raises Failure."""
        assert self._cluster is not None
        stream = self._cluster.draw(job.model, order(job), self._name)
        replica, over = "", False
        try:
            async for body in stream:
                for each in unbundle(body):
                    replica = each.replica if isinstance(each, Here) else replica
                    over = over or isinstance(each, Finished | Failed)
                    self._hear(replica, job.id, each)
        except Failure:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                stream.cancel()
                raise
            if not over:
                self._lost(job, replica, error)
        else:
            if not over:
                self._tell(Lost(job.id, "it ended in silence"))
        finally:
            self._roll.leave(replica, job.id)

    def _lost(self, job: Job, replica: str, error: BaseException) -> None:
        """Ray could not have it drawn to its end. Raises Failure where it would be no different the next time."""
        reason = lost(error)
        if reason is None:
            raise refused(error, self._again_s) from error
        if replica:
            self._roll.lose(replica, reason)
        self._tell(Lost(job.id, reason))

    def _hear(self, replica: str, job: int | None, message: OfReplica) -> None:
        """Raises UNAVAILABLE where the replica has no engine."""
        match message:
            case Here():
                self._roll.meet(message, job)
            case Progress() | Sketch() | Finished() | Failed():
                self._tell(message)
            case Broken():
                raise Failure(Fault.UNAVAILABLE, message.reason)
            case _:
                self._roll.hear(replica, message)
