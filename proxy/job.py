"""A request on its walk, and the answer at its end. Values only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from pricing import Usage
from providers.contract import Format, Image, ImageRequest, Note, Picture, UpscaleKind
from proxy.ledger.accounts import Key
from proxy.store import Stored
from proxy.transport import Lease, Wanted, always


async def unseen(image: Image, index: int) -> None:
    """What becomes of an unfinished picture that nobody watches."""


def unheard(micros: int, notes: tuple[Note, ...]) -> None:
    """What becomes of the news that money is held, where nobody waits for it."""


FINISHER = "upscale"
"""The model, by role, that makes pictures larger after they were drawn."""


class Most(Struct, frozen=True):
    """What something may cost at most, in USD; None for any sum."""

    willing: Decimal | None = None
    """Of the caller's own will."""
    may: Decimal | None = None
    """By what the caller's key may pay."""

    def less(self, usd: Decimal) -> Most:
        """What is left of it, never below nothing."""
        return Most(*[None if each is None else max(Decimal(0), each - usd) for each in (self.willing, self.may)])


Cache = Literal["off", "only-if-cached", "allow"]
"""Buy anew; do not buy; and take a picture made for another request even though no seed says that they are the same."""


class Job(Struct, frozen=True, kw_only=True):
    """One request, as it goes from step to step."""

    id: str
    key: Key
    dialect: str
    request: ImageRequest
    print: bytes
    """Fingerprint of key, route and body: what makes another request the same."""
    created: int
    """Milliseconds since 1970."""
    lease: Lease
    idempotency: str | None = None
    retry: int = 0
    """How often the client has tried before, by its own count."""
    strict: bool = False
    max_cost: Decimal | None = None
    max_seconds: float | None = None
    """The longest the caller is willing to wait for an offer, as far as is known beforehand."""
    regions: frozenset[str] | None = None
    """Where what is sent may be kept; None for anywhere. While it is served, as its team has it as well."""
    policy: str | None = None
    """The policy the caller named."""
    cache: Cache | None = None
    """Whether a picture made for another request will do, where the caller says so."""
    twin: bytes | None = None
    """Fingerprint of all that makes its picture what it is; None where no other request is to be served with it."""
    keep: bool = False
    """Its pictures are to be stored before it is answered: a link is wanted, or a repeat is announced."""
    finish: UpscaleKind | None = None
    """Every picture is made larger afterwards, by an offer of the model FINISHER."""
    providers: frozenset[str] | None = None
    """The only ones that may serve it."""
    recall: str | None = None
    """What its dialect wants to be told of it later."""
    user: str = ""
    """The caller's own end user, where it names one: whose budget holds as well."""
    preview: Callable[[Image, int], Awaitable[None]] = unseen
    held: Callable[[int, tuple[Note, ...]], None] = unheard
    """Told, once, when its money is held: micro-USD, and what the offer it is held for will do otherwise than asked."""
    wanted: Wanted = always
    """Whether anybody still waits for its pictures. What is drawn here for nobody is given up."""
    notes: tuple[Note, ...] = ()


class Hedge(Struct, frozen=True):
    """A second candidate that was asked for a picture as well, because the first took long."""

    offer: str
    fate: str
    """`won`, `lost`, `cancelled` at no charge, `failed`."""
    micros: int = 0
    """The most that the one of the two that was too late may cost, in micro-USD: on top of what is charged."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a job came to."""

    job: str
    created: int
    """Seconds since 1970."""
    model: str
    """As the caller named it."""
    offer: str
    """`provider/model` of the last one that delivered."""
    pictures: tuple[Picture, ...]
    prompt: str = ""
    """As it was sent; not kept."""
    missing: int = 0
    """Pictures that were asked for and not made."""
    stored: tuple[Stored, ...] = ()
    """Where they lie, in their order; empty where they are not kept."""
    usage: Usage = Usage()
    quality: str | None = None
    background: str | None = None
    notes: tuple[Note, ...] = ()
    quoted: int = 0
    """Micro-USD; likewise below."""
    charged: int = 0
    attempts: int = 1
    asked: int | None = None
    """How many of the notes, from the first, are about how it was asked for and not about how it was made.

    None where nobody finished the pictures as they were asked for.
    """
    repeats: str | None = None
    """The request these pictures were made for, where that is another one."""
    how: Literal["hit", "joined", "miss"] | None = None
    """Where they come from: the store, a request that was under way, or a vendor; None where nobody looked."""
    saved: int = 0
    """What they did cost the request they were made for."""
    policy: str | None = None
    """The name of the policy that decided who draws them."""
    hedges: tuple[Hedge, ...] = ()

    @property
    def weight(self) -> int:
        """Bytes it keeps in memory, roughly."""
        return sum(picture.image.weight for picture in self.pictures)


class KeptPicture(Struct, frozen=True):
    """A picture of a kept answer."""

    sha256: str
    format: Format
    revised_prompt: str | None = None
    seed: int | None = None


class Kept(Struct, frozen=True, kw_only=True):
    """An answer as the ledger keeps it: where its pictures lie, never their bytes."""

    created: int
    model: str
    offer: str
    pictures: tuple[KeptPicture, ...]
    usage: Usage = Usage()
    quality: str | None = None
    background: str | None = None
    notes: tuple[Note, ...] = ()
    quoted: int = 0
    charged: int = 0
    attempts: int = 1
    asked: int | None = None
    repeats: str | None = None
    saved: int = 0
    policy: str | None = None
    hedges: tuple[Hedge, ...] = ()


_SHARED = (
    *("created", "model", "offer", "usage", "quality", "background", "notes", "quoted", "charged", "attempts"),
    *("asked", "repeats", "saved", "policy", "hedges"),
)


def pack(answer: Answer) -> str:
    """A stored answer as text for the ledger."""
    pictures = tuple(
        KeptPicture(stored.sha256, stored.format, picture.revised_prompt, picture.seed)
        for stored, picture in zip(answer.stored, answer.pictures, strict=True)
    )
    kept = Kept(pictures=pictures, **{name: getattr(answer, name) for name in _SHARED})
    return msgspec.json.encode(kept).decode()


def unpack(job: str, kept: Kept, images: list[Image]) -> Answer:
    """The answer again, its pictures read back."""
    pictures = tuple(
        Picture(image=image, revised_prompt=each.revised_prompt, seed=each.seed)
        for each, image in zip(kept.pictures, images, strict=True)
    )
    stored = tuple(Stored(each.sha256, each.format) for each in kept.pictures)
    return Answer(job=job, pictures=pictures, stored=stored, **{name: getattr(kept, name) for name in _SHARED})
