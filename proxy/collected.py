"""The pictures of one job as they come in, and the answer they make in the end.

It knows nothing of money: whoever buys says what came of a call, and what all of it did cost.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from providers.contract import Note, Picture, Result
from proxy.costs import total
from proxy.finishing import as_asked
from proxy.job import Answer, Hedge, Job
from proxy.pictures import Studio
from proxy.policy import Choice
from proxy.store import Pictures, Stored


class Collected:
    """What was delivered so far."""

    def __init__(self, job: Job, notes: tuple[Note, ...], studio: Studio, store: Pictures) -> None:
        """`notes`: what is to be said with the pictures, wherever they come from."""
        self._job = job
        self._studio = studio
        self._store = store
        self._asked = len(dict.fromkeys(notes))
        self._choice: Choice | None = None
        self._results: list[Result] = []
        self._pictures: list[Picture] = []
        self._spoiled: list[tuple[Picture, str]] = []
        """Paid for and of no use, and why: given only where nothing better is to be had."""
        self.notes = list(notes)
        self.hedges: list[Hedge] = []
        self.missing = job.request.n
        """Pictures that are still to be bought."""

    def __len__(self) -> int:
        """Pictures there are to give."""
        return len(self._pictures)

    @property
    def spoiled(self) -> int:
        """Pictures there are that were paid for and are of no use."""
        return len(self._spoiled)

    def came(self, choice: Choice, result: Result, good: int, bad: Sequence[tuple[Picture, str]]) -> None:
        """Note what an offer delivered: so many good pictures, to be `add`ed each, and those of no use, and why."""
        if good or self._choice is None:
            self._choice = choice
            self.notes.extend(choice.fit.notes)
        self._spoiled += bad
        self._results.append(result)
        self.missing = max(0, self.missing - good)
        self.notes.extend(result.notes)

    async def add(self, choice: Choice, picture: Picture, *, drawn: bool) -> None:
        """Take in a good picture, brought to what was asked for; `drawn`: as its model drew it, not made larger."""
        exact = drawn and (self._job.request.exact or choice.offer.model.sizes.scaled)
        image, notes = await as_asked(self._studio, picture.image, self._job.request, exact=exact)
        self.notes.extend(notes)
        self._pictures.append(picture if image is picture.image else replace(picture, image=image))

    def make_do(self) -> None:
        """Give, for pictures that are missing, those of no use: they are paid for, and nothing else will come."""
        for picture, flaw in self._spoiled[: self.missing]:
            self._pictures.append(picture)
            self.missing -= 1
            self.notes.append(Note("picture", f"one came out {flaw}, and nothing better was to be had"))

    async def store(self) -> tuple[Stored, ...]:
        """Put the pictures where links lead to; nothing, and a note, where that fails."""
        try:
            return tuple([await self._store.put(picture.image, self._job.id) for picture in self._pictures])
        except (OSError, ValueError) as error:  # a full disk, or base64 that does not decode: paid for all the same
            self.notes.append(Note("store", f"the pictures could not be stored ({type(error).__name__})"))
            return ()

    def answer(
        self,
        stored: tuple[Stored, ...],
        *,
        prompt: str,
        policy: str | None,
        quoted: int,
        charged: int,
        attempts: int,
    ) -> Answer:
        """What the caller gets: `quoted` and `charged` are micro-USD, `attempts` the calls that were made for it."""
        assert self._choice is not None
        said = self._results[-1]
        fitted = self._choice.fit.request
        return Answer(
            job=self._job.id,
            created=self._job.created // 1000,
            model=self._job.request.model,
            offer=self._choice.offer.name,
            pictures=tuple(self._pictures),
            prompt=prompt,
            missing=self.missing,
            stored=stored,
            usage=total([result.usage for result in self._results]),
            quality=said.quality or fitted.quality,
            background=said.background or fitted.background,
            notes=tuple(dict.fromkeys(self.notes)) if self.notes else (),
            quoted=quoted,
            charged=charged,
            attempts=attempts,
            asked=self._asked,
            policy=policy,
            hedges=tuple(self.hedges),
        )
