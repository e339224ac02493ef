"""`Engine`: jobs in, messages out; the loop on the one thread that owns the device.

It knows jobs, paintings and messages; not processes, frames, or how a family draws. Between two denoising steps it
hears what is new, begins pictures, and tells what came of others: nothing waits longer for it than one step.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from msgspec import Struct
from PIL import Image as Pillow

from providers.contract import Failure, Image
from proxy.renderer.engine.batching import BUCKETS, Batching, Candidate
from proxy.renderer.engine.drawing import Drawing, failure_of
from proxy.renderer.engine.families.choosing import family_of
from proxy.renderer.engine.families.contract import Opened, Shelf, Tell
from proxy.renderer.engine.memory import Memory, budget_bytes, park_bytes
from proxy.renderer.engine.opening import Opener, device_of
from proxy.renderer.engine.orders import Order, measured
from proxy.renderer.engine.painting import Painting
from proxy.renderer.pictures import encode
from proxy.renderer.wire import Failed, Finished, Job, Progress, Ready, Setup, Sketch, Stepped

MOST_TOKENS = {"cuda": 131_072, "mps": 16_384, "cpu": 8_192}
"""Latent tokens of a step, twice those of guided pictures, beyond which sharing it gains nothing, by kind of device."""
_PAUSE_S = 0.01
"""Between two looks at pictures that wait for room, while nothing else is to be done."""


class _Easel(Struct, eq=False):
    """A painting on its way, and whose it is."""

    order: Order
    place: int
    painting: Painting
    opened: Opened


class Engine:
    """Draws all jobs it is given, sharing denoising steps between them.

    Made on any thread. `run` owns the device and everything torch from its first line to its last, on the thread that
    calls it; `submit`, `drop` and `close` may be called from any other, at any time after the engine was made.
    """

    def __init__(self, setup: Setup, tell: Tell, open_shelf: Callable[[Setup, Tell], Shelf] | None = None) -> None:
        """`tell` is given each message to the proxy (`wire.FromWorker`), in order, on `run`'s thread.

        First `Ready`. Then for each job any number of `Progress` and `Sketch`, and at last either `Finished` or
        `Failed`, unless it was dropped: of a dropped job nothing more is told once the current step is over.
        """
        self._setup = setup
        self._tell = tell
        self._open_shelf = open_shelf or _open_shelf
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closing = False
        self._orders: dict[int, Order] = {}
        self._unbegun: deque[Order] = deque()
        """Those with pictures not yet begun: a picture each in turn, so that many of one job hold nobody up."""
        self._easels: dict[int, _Easel] = {}
        self._easels_made = 0

    def submit(self, job: Job) -> None:
        """Draw that job as soon as its turn comes. Nothing is refused: how many may wait is the proxy's to say."""
        self._inbox.put(lambda: self._accept(job))

    def drop(self, job: int) -> None:
        """Nobody waits for that job any more: it is gone before the next step. Unknown ids are ignored."""
        self._inbox.put(lambda: self._let_go(job))

    def close(self) -> None:
        """Let `run` return after its current step."""
        self._inbox.put(self._stop)

    def run(self) -> None:
        """Preload, tell `Ready`, then draw what is submitted until `close`. Jobs left over then are not told of."""
        options = self._setup.engine
        self._shelf = self._open_shelf(self._setup, self._tell)
        self._drawing = Drawing(self._shelf)
        self._buckets = [size for size in BUCKETS if size <= options.batch]
        self._batching = Batching(options.batch_tokens or _most_tokens(options.device), self._buckets)
        self._tell(Ready(slots=options.slots, problems=self._shelf.preload(self._setup.preload)))
        with ThreadPoolExecutor(1, "encode") as self._encoding:
            while True:
                self._listen()
                if self._closing:
                    break
                self._begin_some()
                self._step()
        self._end()

    def _listen(self) -> None:
        """Hear what is new; wait for it where there is nothing to do."""
        try:
            if not self._easels:
                self._inbox.get(timeout=_PAUSE_S if self._unbegun else None)()
            while True:
                self._inbox.get_nowait()()
        except Empty:
            pass

    def _accept(self, job: Job) -> None:
        order = self._orders[job.id] = Order(job)
        self._unbegun.append(order)

    def _stop(self) -> None:
        self._closing = True

    def _let_go(self, job: int) -> None:
        """The job is over, one way or another: nothing of it is drawn further."""
        order = self._orders.pop(job, None)
        if order is None:
            return
        if order in self._unbegun:
            self._unbegun.remove(order)
        for key in [key for key, easel in self._easels.items() if easel.order is order]:
            self._clear(key)

    def _clear(self, key: int) -> None:
        easel = self._easels.pop(key)
        easel.opened.family.drop(easel.painting)

    def _fail(self, order: Order, failure: Failure) -> None:
        self._let_go(order.job.id)
        self._tell(Failed.of(order.job.id, failure))

    def _busy(self) -> set[str]:
        return {easel.opened.model for easel in self._easels.values()}

    def _begin_some(self) -> None:
        """Begin as many pictures as a step may have: more would keep those waiting that are begun."""
        blocked: list[Order] = []
        for _ in range(self._buckets[-1]):
            if not self._unbegun:
                break
            order = self._unbegun.popleft()
            if not self._begin(order):
                blocked.append(order)
            elif order.unbegun and order.job.id in self._orders:
                self._unbegun.append(order)
        self._unbegun.extendleft(reversed(blocked))

    def _begin(self, order: Order) -> bool:
        """Begin the job's next picture; False where its model has no room yet."""
        try:
            opened = self._shelf.open(order.job.model, self._busy())
            if opened is None:
                return False
            place = order.unbegun.popleft()
            busy = self._busy() | {opened.model}
            painting = self._drawing.begin(opened, order.job.request, order.seeds[place], busy)
        except Failure as failure:
            self._fail(order, failure)
            return True
        order.paintings[place] = painting
        self._easels_made += 1
        self._easels[self._easels_made] = _Easel(order, place, painting, opened)
        return True

    def _step(self) -> None:
        """One shared denoising step, and what follows from it."""
        choice = self._batching.choose([self._candidate(key, easel) for key, easel in self._easels.items()])
        if choice is None:
            return
        easels = [self._easels[key] for key in choice.keys]
        opened, paintings = easels[0].opened, [easel.painting for easel in easels]
        seconds = self._drawing.step(opened, paintings, choice.bucket, self._busy())
        if seconds is None:
            return
        self._tell(Stepped(opened.model, len(paintings), seconds))
        for key, easel in zip(choice.keys, easels, strict=True):
            if key in self._easels:  # not gone with another picture of its job
                self._stepped(key, easel)
        for job in dict.fromkeys(easel.order.job.id for easel in easels):
            self._tell_progress(job)

    def _tell_progress(self, job: int) -> None:
        """Of a job that is not over, now and then."""
        order = self._orders.get(job)
        if order is not None and time.monotonic() - order.told_at >= self._setup.engine.progress_s:
            order.told_at = time.monotonic()
            self._tell(Progress(job, order.progress))

    def _candidate(self, key: int, easel: _Easel) -> Candidate:
        painting = easel.painting
        most = self._drawing.most(painting, self._buckets[-1])
        return Candidate(key, painting.group, painting.tokens, painting.left, most)

    def _stepped(self, key: int, easel: _Easel) -> None:
        """After a painting's step: it failed, is done, or goes on."""
        order, painting = easel.order, easel.painting
        if painting.failed is not None:
            self._fail(order, failure_of(painting.model, painting.failed))
        elif painting.done:
            self._finish(key, easel)
        else:
            self._sketch(easel)

    def _finish(self, key: int, easel: _Easel) -> None:
        order, place, painting = easel.order, easel.place, easel.painting
        try:
            picture = self._drawing.finish(easel.opened, painting, self._busy())
        except Failure as failure:
            self._fail(order, failure)
            return
        self._clear(key)
        order.drawn(place)
        self._tell(measured(painting))
        self._encode(order, picture, lambda image: self._encoded(order, place, image))

    def _sketch(self, easel: _Easel) -> None:
        """Show how the picture looks, where that is wanted now."""
        order = easel.order
        index = order.sketch_due(easel.place)
        if index is None:
            return
        picture = self._drawing.preview(easel.opened, easel.painting)
        if picture is not None:
            self._encode(order, picture, lambda image: self._tell(Sketch(order.job.id, index, image)))

    def _encode(self, order: Order, picture: Pillow.Image, then: Callable[[Image], None]) -> None:
        """Encode it beside the device's work; then, on this thread and if it is still wanted, do that."""
        request = order.job.request

        def encoded() -> None:
            try:
                image = encode(picture, request.format, request.compression)
            except Exception as error:
                failure = failure_of(order.job.model, error)
                self._inbox.put(lambda: self._if_wanted(order, lambda: self._fail(order, failure)))
            else:
                self._inbox.put(lambda: self._if_wanted(order, lambda: then(image)))

        self._encoding.submit(encoded)

    def _if_wanted(self, order: Order, then: Callable[[], None]) -> None:
        if self._orders.get(order.job.id) is order:
            then()

    def _encoded(self, order: Order, place: int, image: Image) -> None:
        drawn = order.encoded(place, image)
        if drawn is not None:
            del self._orders[order.job.id]
            self._tell(Finished(order.job.id, drawn))

    def _end(self) -> None:
        for key in list(self._easels):
            self._clear(key)
        self._shelf.clear()


def _open_shelf(setup: Setup, tell: Tell) -> Shelf:
    """The device's own memory, with models opened from this machine's disk."""
    device = str(device_of(setup.engine.device))
    most = setup.engine.memory_bytes or budget_bytes(device)
    return Memory(Opener(setup.models, family_of, device), most, park_bytes=park_bytes(device), tell=tell)


def _most_tokens(device: str) -> int:
    """The device's own measure of a step's work, in latent tokens."""
    return MOST_TOKENS[device_of(device).type]
