"""The worker process: takes jobs from its standard input, draws them one after another, answers on its standard output.

`python -m proxy.renderer.worker`. It knows frames, not torch: an `Engine` draws. It ends with the channel, so that it
never outlives the proxy, however the proxy died.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, Protocol

from providers.contract import Drawn, Failure, Fault, ImageRequest
from proxy.renderer.loads import Load
from proxy.renderer.wire import (
    LENGTH,
    Broken,
    Drop,
    Failed,
    Finished,
    FromWorker,
    Job,
    Progress,
    Ready,
    Setup,
    ToWorker,
    length_of,
    pack,
    read_by_worker,
)


class Engine(Protocol):
    """What draws, one request at a time. Every error leaves it as a `Failure`, and it can go on after each."""

    def load(self, model: str) -> None:
        """Make the model ready; nothing happens where it is."""

    def draw(self, model: str, request: ImageRequest, progress: Callable[[float], None]) -> Drawn:
        """The request's pictures. `progress` is told the part done, 0 to 1; what it raises ends the drawing."""


Opening = Callable[[Mapping[str, Load]], Engine]
"""Makes the engine; raises `Failure` where it cannot be made here."""


class Worker:
    """One engine at one channel."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._inbox: SimpleQueue[ToWorker] = SimpleQueue()
        self._dropped: set[int] = set()

    def serve(self, open_engine: Opening) -> None:
        """Serve until the channel closes, which ends the process; returns only where the engine cannot be made."""
        Thread(target=self._listen, daemon=True, name="listen").start()
        setup = self._inbox.get()
        assert isinstance(setup, Setup)  # the proxy's first message, always
        try:
            engine = open_engine(setup.models)
        except Failure as failure:
            self._send(Broken(failure.detail))
            return
        self._send(Ready(slots=1, problems=tuple(_problems(engine, setup.preload))))
        while True:
            job = self._inbox.get()
            if isinstance(job, Job):
                self._send(self._draw(engine, job))

    def _draw(self, engine: Engine, job: Job) -> FromWorker:
        def progress(done: float) -> None:
            if job.id in self._dropped:
                raise Failure(Fault.UNAVAILABLE, "nobody waits for this picture any more")
            self._send(Progress(job.id, done))

        try:
            return Finished(job.id, engine.draw(job.model, job.request, progress))
        except Failure as failure:
            if failure.fault is Fault.UNAVAILABLE and failure.__cause__ is not None:  # where: for the operator
                traceback.print_exception(failure.__cause__)
            return Failed.of(job.id, failure)
        finally:
            self._dropped.discard(job.id)

    def _listen(self) -> None:
        """Read frames as they come, in a thread, so that a closed channel ends the process in the middle of a job."""
        try:
            while len(head := self._source.read(LENGTH.size)) == LENGTH.size:
                message = read_by_worker(self._source.read(length_of(head)))
                if isinstance(message, Drop):
                    self._dropped.add(message.id)
                else:
                    self._inbox.put(message)
        except Exception:  # deaf, it could only be in the way: the proxy fails the job and starts another worker
            traceback.print_exc()
        finally:
            os._exit(0)  # nothing is worth finishing, and a busy main thread would not hear of it

    def _send(self, message: FromWorker) -> None:
        self._sink.write(pack(message))
        self._sink.flush()


def take_channel() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for frames alone: whatever a library prints from now on goes to standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _problems(engine: Engine, models: tuple[str, ...]) -> list[str]:
    """Load those models; why some could not be loaded."""
    problems = []
    for model in models:
        try:
            engine.load(model)
        except Failure as failure:
            problems.append(failure.detail)
    return problems


def _open_diffusers(models: Mapping[str, Load]) -> Engine:
    """The real engine, imported only now: after the channel is safe, and while the listener already watches it."""
    try:
        from proxy.renderer.engine import DiffusersEngine
    except ImportError as error:
        raise Failure(
            Fault.UNAVAILABLE, f"local models need the packages of darkroom[local], which are not installed: {error}"
        ) from error
    return DiffusersEngine(models)


def main() -> None:
    """Run the worker on this process's standard streams."""
    source, sink = take_channel()
    warnings.simplefilter("ignore")  # the libraries warn about their own insides
    logging.lastResort = None
    sys.stdout = sys.stderr
    Worker(source, sink).serve(_open_diffusers)


if __name__ == "__main__":
    main()
