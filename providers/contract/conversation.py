"""How a provider speaks: a generator that yields the steps it would like taken and returns a `Result`.

An adapter has no await, no session, no clock, no retry and no log. One driver (`proxy.transport`) takes the steps for
all of them, so a recorded list of steps and answers is a complete test of an adapter.

| step | the driver answers with |
|---|---|
| `Call` | a `Reply` |
| `Next` | the next `Event` of the stream the last `Call` opened, None at its end |
| `Fetch` | an `Image` |
| `Render` | a `Drawn` |
| `Ticket`, `Preview` | nothing |
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from pricing import Usage
from providers.contract.failure import Failure, Fault, Note
from providers.contract.image import Image
from providers.contract.model import Model
from providers.contract.request import ImageRequest

T = TypeVar("T")


class Secret:
    """A value that does not show itself: not in a log line, a traceback, a `repr` or a copy of the configuration."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same: a key that was read again is no other key."""
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class Account(Struct, frozen=True, kw_only=True):
    """Where a provider is reached, and with which key."""

    base: str
    """Origin and path prefix, without a slash at its end."""
    key: Secret = Secret("")
    realm: str = ""
    """Hosts under this domain may see the key too, over https; stated in the provider's file, never by a reply."""
    options: Mapping[str, Any] = {}
    """What else the operator configured for this provider."""


class Part(Struct, frozen=True, kw_only=True):
    """One part of a multipart form."""

    name: str
    value: str | bytes
    filename: str | None = None
    mime: str | None = None


class Call(Struct, frozen=True, kw_only=True):
    """An HTTP call to the vendor. It is signed by the driver, and only when it goes to the vendor's own domain."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    json: Any = None
    form: tuple[Part, ...] = ()
    after: float = 0.0
    """Seconds to wait first: how a provider polls."""
    pays: bool = False
    """Sending it twice may be paid twice: it is never replayed, and no answer to it is AMBIGUOUS."""
    reads: tuple[int, ...] = ()
    """Error statuses the conversation reads itself; any other ends it with a `Failure`."""
    stream: bool = False
    """Answer at the first byte; server-sent events follow by `Next`. A reply that is no event stream is read whole."""


class Next(Struct, frozen=True):
    """The next event of the open stream."""


class Fetch(Struct, frozen=True):
    """The picture behind a link from a reply: unsigned, through the guard."""

    url: str


class Render(Struct, frozen=True, kw_only=True):
    """A picture drawn here: by a local GPU, or as a sandbox card."""

    engine: str
    """Which renderer: `diffusers` or `card`."""
    model: str
    request: ImageRequest
    done: float = 1.0
    """How finished the picture is to look, 0 to 1, where the engine can draw an unfinished one."""
    after: float = 0.0
    """Seconds to wait first."""
    previews: int = 0
    """How many unfinished pictures are shown on the way, where the engine has them as it draws."""


class Ticket(Struct, frozen=True):
    """What `resume` needs to take the job up again. It is kept durably before the conversation goes on."""

    text: str


class Preview(Struct, frozen=True):
    """An unfinished picture, for whoever watches."""

    image: Image
    index: int


Step = Call | Next | Fetch | Render | Ticket | Preview
Conversation = Generator[Step, Any, "Result"]
Inquiry = Generator[Step, Any, Decimal]
"""A conversation that asks what something is worth, in USD, by calls that cost nothing."""


class Reply(Struct, frozen=True, kw_only=True):
    """A vendor's answer to a `Call`."""

    status: int = 200
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    body: bytes | bytearray = b""
    streams: bool = False
    """An event stream follows."""

    def read(self, shape: type[T]) -> T:
        """The JSON body in a shape; raises MALFORMED where it is anything else."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Failure(Fault.MALFORMED, f"the vendor's reply is not as documented: {error}") from error


class Event(Struct, frozen=True):
    """One server-sent event."""

    data: bytes

    def read(self, shape: type[T]) -> T:
        """The JSON data in a shape; raises MALFORMED where it is anything else."""
        return Reply(body=self.data).read(shape)


class Drawn(Struct, frozen=True, kw_only=True):
    """What a renderer made of a `Render`."""

    images: tuple[Image, ...]
    seconds: Decimal
    """Seconds of GPU (or CPU) it took."""
    seeds: tuple[int, ...] = ()


class Picture(Struct, frozen=True, kw_only=True):
    """One finished picture."""

    image: Image
    revised_prompt: str | None = None
    """The prompt the vendor really drew, where it says."""
    seed: int | None = None


class Result(Struct, frozen=True, kw_only=True):
    """What a conversation came to."""

    pictures: tuple[Picture, ...]
    usage: Usage = Usage()
    notes: tuple[Note, ...] = ()
    quality: str | None = None
    """What the vendor chose, where it says; likewise below."""
    background: str | None = None
    vendor_id: str | None = None
    """The vendor's own id of the request, for a support case."""


def sign_bearer(account: Account) -> Mapping[str, str]:
    """`Authorization: Bearer`, the usual signature; none for an account without a key."""
    return {"authorization": f"Bearer {account.key.reveal()}"} if account.key else {}


def as_found(reply: Reply, failure: Failure) -> Failure:
    """The driver's own reading of a status, for vendors whose error bodies add nothing."""
    return failure


class Provider(Struct, frozen=True, kw_only=True):
    """A vendor: how to speak to it, and the facts about it."""

    title: str
    run: Callable[[ImageRequest, Model, Account], Conversation]
    """Ask for pictures."""
    resume: Callable[[str, Account], Conversation] | None = None
    """Take up a job by its ticket, after a restart of ours; None where a job ends with the connection."""
    models: tuple[Model, ...] = ()
    base: str = ""
    realm: str = ""
    key_from: str = ""
    """Environment variable with the key, where the configuration gives none; empty for one that does without."""
    sign: Callable[[Account], Mapping[str, str]] = sign_bearer
    """Headers that carry the key. The driver adds them, to calls that stay at home."""
    explain: Callable[[Reply, Failure], Failure] = as_found
    """Refine the fault of a reply with an error status by reading its body."""
    id_header: str = "x-request-id"
    """Reply header with the vendor's own id of the request, in lower case."""
    here: bool = False
    """Draws on this machine: nothing is paid outside, and nothing outlives the process."""
    balance: Callable[[Account], Inquiry] | None = None
    """Ask what an account still has; None where the vendor does not tell, or not for nothing."""
    concurrency: int | None = None
    """Requests an account may have under way at once, where the vendor states it; more are turned away."""
