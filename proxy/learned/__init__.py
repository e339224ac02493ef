"""What pictures drawn on this machine were measured to take: learned from events, kept in a file, told to the policy.

By model, by how it is loaded, and by engine: with other weights, another precision or on another device it begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Protocol

import msgspec
from msgspec.structs import replace

from pricing import Pace
from pricing.pace import Sample, timed
from proxy.config import Config
from proxy.events import Event, ModelsShelved, PictureMeasured
from proxy.learned.kept import NOTHING, Drawn, Kept, Loaded, add, read
from proxy.policy import Local, Offer
from proxy.policy.local import GUIDED
from proxy.renderer import Load
from proxy.renderer.local import Standing

NAME = "learned.json"
SAVE_S = 30.0
"""What was measured is written down this often: as much is lost where a server dies."""
IDLE = Standing(queue=0, inside=0, wait_s=0.0, warm=frozenset())


class Stands(Protocol):
    """Who draws with the local models, as far as it matters here."""

    @property
    def standing(self) -> Standing:
        """How it stands at this moment."""


class Learned:
    """The seconds of the local models. On the event loop only."""

    def __init__(
        self,
        file: Path | None,
        loads: Mapping[str, Load],
        renderer: Stands | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`file`: where it is kept, if anywhere; `loads`: how each model is loaded; `renderer`: who draws with them.

        Reads the file; blocking.
        """
        self._file = file
        self._loads = loads
        self._renderer = renderer
        self._made = {model: made_of(load) for model, load in loads.items()}
        self._now = now
        self._kept = NOTHING if file is None else read(file)
        self._news = NOTHING
        self._paces: dict[str, Pace] = {}
        self._engines: dict[str, set[str]] = {}
        """Of each model, those that have drawn it since this server began."""

    def hear(self, events: Sequence[Event]) -> None:
        """Learn from what happened."""
        for event in events:
            if isinstance(event, PictureMeasured):
                self._measured(event)
            elif isinstance(event, ModelsShelved):
                for model, seconds in event.loaded.items():
                    self._loaded(model, seconds)

    def pace(self, model: str) -> Pace:
        """What is known of a model as it is loaded now, on whichever engines draw it."""
        found = self._paces.get(model)
        if found is None:
            found = self._paces[model] = self._paced(model)
        return found

    def load_s(self, model: str) -> float | None:
        """Seconds that it takes to load a model as it is loaded now; None where nobody has measured that."""
        of = model, self._made.get(model)
        return next((median(each.seconds) for each in self._kept.loaded if each.of == of), None)

    def local(self, offers: Iterable[Offer]) -> Mapping[str, Local]:
        """How those offers stand that are drawn by local models, at this moment; idle and warm, where nobody draws."""
        models = {offer.name: offer.model.name for offer in offers if offer.here and offer.model.name in self._loads}
        if not models:
            return {}
        stands = IDLE if self._renderer is None else self._renderer.standing
        return {
            offer: Local(
                wait_s=stands.wait_s,
                ahead=stands.queue + stands.inside,
                full=stands.full,
                warm=self._renderer is None or model in stands.warm,
                load_s=self.load_s(model),
                pace=self.pace(model),
                steps=self._loads[model].steps,
                guided=guided_by(self._loads[model]),
            )
            for offer, model in models.items()
        }

    async def run(self) -> None:
        """Write down what is new, again and again, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(SAVE_S)
                await self.save()
        finally:
            news, self._news = self._news, NOTHING
            self._write(news)

    async def save(self) -> None:
        """Write down what is new, and learn what other servers have. A disk that fails is no reason to stop."""
        news, self._news = self._news, NOTHING
        try:
            kept = await asyncio.to_thread(self._write, news)
        except BaseException:  # broken off: the last write has it, perhaps for a second time
            self._news = news.then(self._news)
            raise
        if kept is None:
            self._news = news.then(self._news)
        else:
            self._kept = kept.then(self._news)
            self._paces.clear()

    def _write(self, news: Kept) -> Kept | None:
        """Everything that is kept by now; None where that could not be written. Blocking."""
        if self._file is None:
            return None
        try:
            return add(self._file, news, self._moment()) if news != NOTHING else read(self._file)
        except OSError:
            logging.getLogger(__name__).exception("what pictures take could not be written down")
            return None

    def _measured(self, event: PictureMeasured) -> None:
        made = self._made.get(event.model)
        sample = Sample(event.width * event.height, event.steps, round(event.seconds, 6))
        if made is None or not sample.sound:
            return
        self._engines.setdefault(event.model, set()).add(event.engine)
        new = Drawn(
            model=event.model,
            made=made,
            engine=event.engine,
            guided=event.guided,
            at=self._moment(),
            samples=(sample,),
        )
        self._learn(Kept(drawn=(new,)))
        self._paces.pop(event.model, None)

    def _loaded(self, model: str, seconds: float) -> None:
        made = self._made.get(model)
        if made is not None and isfinite(seconds) and seconds >= 0:
            self._learn(Kept(loaded=(Loaded(model=model, made=made, at=self._moment(), seconds=(round(seconds, 3),)),)))

    def _learn(self, new: Kept) -> None:
        self._kept, self._news = self._kept.then(new), self._news.then(new)

    def _paced(self, model: str) -> Pace:
        made, engines = self._made.get(model), self._engines.get(model)
        found = [each for each in self._kept.drawn if each.model == model and each.made == made]
        if engines is None and found:  # nothing was drawn yet: whoever drew it last will draw it next
            engines = {max(found, key=lambda each: each.at).engine}
        return Pace(tuple([timed(each.guided, each.samples) for each in found if each.engine in (engines or ())]))

    def _moment(self) -> int:
        return int(self._now() * 1000)


def loads_of(config: Config) -> dict[str, Load]:
    """How the local models of a configuration are loaded, by their names."""
    models = [model for row in config.providers.values() if row.enabled for model in row.models]
    return {model.name: model.load for model in models if model.load is not None}


def made_of(load: Load) -> str:
    """A few letters that stand for how a model is loaded: whatever may make it faster or slower is part of it."""
    alike = replace(load, steps=None, guidance=None, max_pixels=1 << 30)
    return blake2b(msgspec.json.encode(alike), digest_size=6).hexdigest()


def guided_by(load: Load) -> bool | None:
    """Whether its steps are guided where a request does not say; None where the pipeline decides."""
    return None if load.guidance is None else load.guidance > GUIDED
