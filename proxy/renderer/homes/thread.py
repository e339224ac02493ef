"""An engine in a thread of this very process: no frames and no second interpreter, and no wall between either.

For one machine with one model that is known to fit. What crashes it crashes the proxy.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from contextlib import suppress
from threading import Thread

from providers.contract import Failure
from proxy.renderer.child import GENTLE, QUIET
from proxy.renderer.homes.contract import Engine, Opening
from proxy.renderer.homes.single import Single
from proxy.renderer.wire import Broken, FromWorker, Job, Setup

SWITCH_S = 0.001
"""How long the engine's Python may keep the event loop waiting; five times as long is usual, and can be felt."""


class ThreadHome(Single):
    """An engine in a thread."""

    def __init__(self, setup: Setup, opening: Opening, *, idle: float | None = None) -> None:
        """`opening` makes the engine, on its own thread."""

        async def begin(setup: Setup) -> ThreadLife:
            return ThreadLife(setup, opening)

        super().__init__(setup.engine.device, setup, begin, idle=idle)


class ThreadLife:
    """One engine on one thread."""

    def __init__(self, setup: Setup, opening: Opening) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[FromWorker | None] = asyncio.Queue()
        self._engine: Engine | None = None
        self._over = asyncio.Event()
        self._leaves = False
        self._reason = "it was told to end"
        self._thread = Thread(target=self._run, args=(setup, opening), name="engine", daemon=True)
        self._thread.start()

    @property
    def place(self) -> str:
        """The thread."""
        return f"thread {self._thread.native_id}"

    async def submit(self, job: Job) -> None:
        """Hand it over."""
        if self._engine is not None:
            self._engine.submit(job)

    def drop(self, job: int) -> None:
        """Hand that over."""
        if self._engine is not None:
            self._engine.drop(job)

    async def receive(self) -> FromWorker | None:
        """What was told next."""
        return await self._said.get()

    def release(self) -> None:
        """Have `run` return after its step; where the engine is still being made, right after that."""
        self._leaves = True
        if self._engine is not None:
            self._engine.close()

    async def end(self) -> str:
        """Wait for the thread: a step cannot be broken off."""
        self.release()
        await self._over.wait()
        return self._reason

    def _run(self, setup: Setup, opening: Opening) -> None:
        """The thread."""
        for name, value in (QUIET | GENTLE).items():
            os.environ.setdefault(name, value)
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            self._engine = opening(setup, self._tell)
            if not self._leaves:
                self._engine.run()
        except Failure as failure:
            self._tell(Broken(failure.detail))
        except Exception as error:  # a mistake in the engine: its jobs are lost, the next one finds another
            traceback.print_exc()
            self._reason = f"{type(error).__name__}: {error}"
        finally:
            sys.setswitchinterval(usual)
            with suppress(RuntimeError):  # the loop may be over before its engine
                self._loop.call_soon_threadsafe(self._ended)

    def _tell(self, message: FromWorker) -> None:
        self._loop.call_soon_threadsafe(self._said.put_nowait, message)

    def _ended(self) -> None:
        self._over.set()
        self._said.put_nowait(None)
