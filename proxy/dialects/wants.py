"""What a `Talking` route may want to know or to have done, and what it is answered with. Values only.

Whoever yields one of these is answered with what its docstring names; `proxy/edge/talking.py` sees to it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from providers.contract import Format, ImageRequest, UpscaleKind
from proxy.retouch import Encoding, Shape


class Cards(Struct, frozen=True):
    """The models this key can ask for: a sequence of `Card`."""


class Money(Struct, frozen=True):
    """Who asks and what is left: `Purse`."""


class Purse(Struct, frozen=True, kw_only=True):
    """A team's name, and what its narrowest budget in USD still has; None where it has none."""

    team: str
    left: Decimal | None
    settled: Decimal
    """Spent in the window of that budget; 0 where there is none."""


class Price(Struct, frozen=True):
    """What a request would cost: `Estimate`, its offers in the order of the plan, those left out after them."""

    request: ImageRequest
    finish: UpscaleKind | None = None
    providers: tuple[str, ...] = ()
    """As `Ask.providers`."""


class Estimated(Struct, frozen=True, kw_only=True):
    """One offer of an estimate."""

    provider: str
    model: str
    usd: Decimal | None
    """None where it cannot be priced."""
    out: str | None = None
    """Why the plan leaves it out, if it does."""


class Estimate(Struct, frozen=True):
    """What a request would cost, wherever it could be served."""

    offers: tuple[Estimated, ...]


class Look(Struct, frozen=True):
    """A request of this team and dialect, by its id or by the id of one of its pictures: `Known`, or None."""

    id: str


class LookBack(Struct, frozen=True):
    """The latest requests of this team and dialect that have a `recall`, newest first: a sequence of `Known`."""

    offset: int
    limit: int


class Erase(Struct, frozen=True):
    """Forget a request: its recall and its pictures. True, or False where there was none."""

    id: str


class Pictured(Struct, frozen=True, kw_only=True):
    """A picture that is kept."""

    id: str
    link: str
    """An absolute URL that works for a while."""
    format: Format
    width: int = 0
    """0 where it is not known without opening it."""
    height: int = 0
    seed: int | None = None


class Known(Struct, frozen=True, kw_only=True):
    """A request from before."""

    id: str
    model: str
    """As the caller named it."""
    state: Literal["open", "done", "failed"]
    created: int
    """Milliseconds since 1970, as below."""
    finished: int | None = None
    recall: str = ""
    pictures: tuple[Pictured, ...] = ()


class Offer(Struct, frozen=True, kw_only=True):
    """Open a slot that anybody who has its token may put one picture into, once, for a while: `Slot`."""

    kind: str
    """The dialect's word for what will be kept."""
    suffix: str
    """png, jpg, jpeg, webp."""
    seconds: int


class Slot(Struct, frozen=True, kw_only=True):
    """A slot: the asset's id, and the token that fills it."""

    id: str
    token: str
    origin: str
    """Scheme and host the client used."""


class Fill(Struct, frozen=True, kw_only=True):
    """Put a picture into a slot: True, or False where the token is none, is used or is too old.

    Raises REJECTED for what is no picture.
    """

    token: str
    body: bytes


class Keep(Struct, frozen=True, kw_only=True):
    """Keep something under a name of its own for this team: `Asset`. A picture in `body`, facts in `facts`, or both.

    Raises REJECTED for a body that is no picture.
    """

    kind: str
    name: str | None = None
    """None gives it an id; a name that is taken is written over."""
    body: bytes | None = None
    facts: str = ""


class Find(Struct, frozen=True):
    """An asset of this team: `Asset`, or None."""

    kind: str
    id: str


class Drop(Struct, frozen=True):
    """Delete an asset of this team: True, or False where there was none."""

    kind: str
    id: str


class Asset(Struct, frozen=True, kw_only=True):
    """Something kept for a team."""

    id: str
    kind: str
    created: int
    """Milliseconds since 1970."""
    facts: str = ""
    link: str | None = None
    """An absolute URL of its picture, that works for a while; None while there is none."""
    format: Format | None = None
    bytes: int = 0


class Retouch(Struct, frozen=True, kw_only=True):
    """Shape and encode a picture, in a thread and free of charge: `proxy.retouch.Retouched`.

    Raises REJECTED for what is no picture.
    """

    body: bytes
    encoding: Encoding
    shape: Shape | None = None
    field: str = "image"
    """In the caller's words."""


Want = Cards | Money | Price | Look | LookBack | Erase | Offer | Fill | Keep | Find | Drop | Retouch
