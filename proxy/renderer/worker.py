"""The worker process: takes jobs from its standard input, has an engine draw them, answers on its standard output.

`python -m proxy.renderer.worker`. It knows frames, not torch: an `Engine` draws. It ends with the channel, so that it
never outlives the proxy, however the proxy died.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
import warnings
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import BinaryIO

from providers.contract import Failure, Fault
from proxy.renderer.homes.contract import Engine, Opening
from proxy.renderer.homes.opening import open_engine
from proxy.renderer.wire import (
    LENGTH,
    Broken,
    Drop,
    Failed,
    Finished,
    FromWorker,
    Job,
    Setup,
    Sketch,
    ToWorker,
    length_of,
    pack,
    read_by_worker,
)

NICER = 5
"""How much it leaves the processor to others: on a CPU it uses all there is, and the proxy has people waiting."""
FIRST_TO_GO = "500"
"""Of 1000, how readily the kernel ends it where memory runs out: before the proxy, which starts it again."""


class Worker:
    """One engine at one channel."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, *, linger: float = 0.0) -> None:
        """`linger`: seconds that the engine has to end by itself once the channel is closed; usually it is cut off."""
        self._source = source
        self._sink = sink
        self._sending = Lock()
        self._setup: Future[Setup] = Future()
        self._engine: Future[Engine] = Future()
        self._linger = linger

    def serve(self, opening: Opening) -> None:
        """Serve until the channel closes, which ends the process; returns only where the engine cannot be made."""
        Thread(target=self._listen, daemon=True, name="listen").start()
        try:
            engine = opening(self._setup.result(), self._send)
        except Failure as failure:
            self._send(Broken(failure.detail))
            return
        self._engine.set_result(engine)
        engine.run()

    def _listen(self) -> None:
        """Read frames as they come, in a thread, so that a closed channel ends the process in the middle of a step."""
        try:
            while len(head := self._source.read(LENGTH.size)) == LENGTH.size:
                self._take(read_by_worker(self._source.read(length_of(head))))
        except Exception:  # deaf, it could only be in the way: the proxy takes its jobs to another worker
            traceback.print_exc()
        finally:
            if self._linger and self._engine.done():
                self._engine.result().close()
                time.sleep(self._linger)
            os._exit(0)  # nothing is worth finishing, and a busy main thread would not hear of it

    def _take(self, message: ToWorker) -> None:
        if isinstance(message, Setup):
            self._setup.set_result(message)
        elif isinstance(message, Job):
            self._engine.result().submit(message)
        elif isinstance(message, Drop):
            self._engine.result().drop(message.id)

    def _send(self, message: FromWorker) -> None:
        """Say it; from any thread. What cannot be sent is that job's failure."""
        try:
            frame = pack(message)
        except ValueError as error:
            if not isinstance(message, Finished | Sketch):
                raise
            said = Failure(Fault.UNAVAILABLE, f"the picture cannot be passed on: {error}")
            frame = pack(Failed.of(message.id, said))
        with self._sending, suppress(BrokenPipeError):  # nobody is there any more: the listener hears it, too
            self._sink.write(frame)
            self._sink.flush()


def take_channel() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for frames alone: whatever a library prints from now on goes to standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def give_way() -> None:
    """Leave processor and memory to the proxy where there is too little of them for both."""
    os.nice(NICER)
    with suppress(OSError):  # there is no such file but on Linux
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)


def serve_as_worker(opening: Opening, *, linger: float = 0.0) -> None:
    """Be the worker, on this process's standard streams, with that engine."""
    source, sink = take_channel()
    give_way()
    warnings.simplefilter("ignore")  # the libraries warn about their own insides
    logging.lastResort = None
    sys.stdout = sys.stderr
    Worker(source, sink, linger=linger).serve(opening)


def main() -> None:
    """Run the worker with the real engine."""
    serve_as_worker(open_engine)


if __name__ == "__main__":
    main()
