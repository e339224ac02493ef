"""Requests: how they were answered, and what became of each submission for them."""

from __future__ import annotations

from proxy.events.event import Event


class AttemptEnded(Event, frozen=True, kw_only=True, tag=True):
    """One submission to one offer ended."""

    request: str
    provider: str
    model: str
    outcome: str
    """`ok`, or the fault."""
    seconds: float
    images: int = 0
    detail: str = ""
    vendor_id: str | None = None
    account: str = ""
    """Which of the provider's accounts, where it has several."""
    waited: float = 0.0
    """Seconds it waited for room at the account before; not part of `seconds`."""


class RequestEnded(Event, frozen=True, kw_only=True, tag=True):
    """A request was answered."""

    request: str
    dialect: str
    route: str
    status: int
    seconds: float
    team: str = ""
    key: str = ""
    operation: str = ""
    model: str = ""
    """As the caller named it."""
    offer: str = ""
    policy: str = ""
    """The one that decided who draws; empty where nothing was drawn."""
    images: int = 0
    attempts: int = 0
    quoted: int = 0
    charged: int = 0
    fault: str = ""
    code: str = ""
    field: str = ""
    """What of the request was refused."""
    detail: str = ""
    prompt: str = ""
    joined: bool = False
    """Answered with the result of an earlier request it repeats."""
    cache: str = ""
    """`hit`, `joined`: given the pictures of another request. `miss`: there were none. Empty where nobody looked."""
    delivered: bool = True
    """Whether the caller was still there."""
    early: bool = False
    """The caller was sent 200 before it had ended, to keep the connection open: `status` stands in the body at most."""


class Reused(Event, frozen=True, kw_only=True, tag=True):
    """A request was given the pictures of another one of its team, and was charged nothing."""

    request: str
    team: str
    key: str
    how: str
    """`hit`: they were kept. `joined`: they were being made."""
    original: str
    """The request they were made for."""
    offer: str
    images: int
    micros: int
    """What they did cost, in micro-USD, and would have cost again."""


class ShadowPlanned(Event, frozen=True, kw_only=True, tag=True):
    """A request was planned again by the policy on trial, which carries nothing out. Amounts in micro-USD."""

    request: str
    team: str
    policy: str
    outcome: str
    """`same` offer first, or it `differs`; `unserved`: only the policy in force has one, `no offer`: that has none any
    more. `skipped`: there were too many to plan. `failed`: the policy broke."""
    offer: str = ""
    """What the policy in force tries first."""
    instead: str = ""
    """What the one on trial would."""
    quoted: int = 0
    quoted_instead: int = 0


class WebhookEnded(Event, frozen=True, kw_only=True, tag=True):
    """A caller's own address was told of a request's end, or could not be."""

    request: str
    team: str
    outcome: str
    """`taken`, `refused`, `forbidden`, `given up`."""
    tries: int
