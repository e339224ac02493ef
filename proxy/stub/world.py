"""What the stubs share: jobs under way, pictures, links that expire, and a count of what was asked. No sockets here."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from io import BytesIO
from threading import Lock
from typing import Any
from uuid import uuid4

from msgspec import Struct, field
from PIL import Image as Pillow

from providers.contract import Background, Format, Generate
from proxy.renderer.composition import compose
from proxy.renderer.pictures import encode


class Stage(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class Job(Struct, kw_only=True):
    """A job a vendor took, and whatever its answers depend on."""

    id: str
    vendor: str
    model: str
    prompt: str = ""
    width: int = 1024
    height: int = 1024
    count: int = 1
    format: Format = Format.PNG
    seed: int = 1
    clear: bool = False
    """Without a background."""
    script: str | None = None
    """What the request was told the vendor to do later."""
    began: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)


class World:
    """One vendor's share of a stub server. Used from several threads."""

    def __init__(self, vendor: str, clock: Callable[[], float], *, pace: float, link_s: float) -> None:
        """`pace` is the seconds a job takes; `link_s` how long a link to a picture works."""
        self.vendor = vendor
        self.home = ""
        """Where it is spoken to, without a slash at the end."""
        self.elsewhere = ""
        """Its second address: regions, buckets, pictures."""
        self.pace = pace
        self.submits: Counter[str] = Counter()
        """Paid calls that were taken, by model."""
        self.leaks: list[str] = []
        """Paths at the second address where a key was shown."""
        self._clock = clock
        self._link_s = link_s
        self._jobs: dict[str, Job] = {}
        self._links: dict[str, tuple[Job, int, float]] = {}
        self._kept: dict[str, bytes] = {}
        self._lock = Lock()

    def take(self, model: str, **facts: Any) -> Job:
        """A new job."""
        job = Job(id=str(uuid4()), vendor=self.vendor, model=model, began=self._clock(), **facts)
        with self._lock:
            self._jobs[job.id] = job
            self.submits[model] += 1
        return job

    def job(self, name: str) -> Job | None:
        """The job of an id, or None where there is none or it was told to be lost."""
        found = self._jobs.get(name)
        return None if found is None or found.script == "lost" else found

    def stage(self, job: Job) -> Stage:
        """How far it is by now."""
        done = (self._clock() - job.began) / self.pace if self.pace else 1.0
        return Stage.WAITING if done < 1 / 3 else Stage.RUNNING if done < 1 else Stage.ENDED

    def keep(self, body: bytes) -> str:
        """Keep an upload; returns its id."""
        name = str(uuid4())
        with self._lock:
            self._kept[name] = body
        return name

    def kept(self, name: str) -> bytes | None:
        """An upload by its id."""
        return self._kept.get(name)

    def fill(self, name: str, body: bytes) -> None:
        """Fill an upload that was announced."""
        with self._lock:
            self._kept[name] = body

    def link(self, job: Job, index: int = 0) -> str:
        """A link to a picture of a job, at the second address. It works for a while, and not at all if told so."""
        until = 0.0 if job.script == "expired" else self._clock() + self._link_s
        name = uuid4().hex
        with self._lock:
            self._links[name] = (job, index, until)
        return f"{self.elsewhere}/pictures/{name}.{job.format.suffix}"

    @property
    def links(self) -> int:
        """How many links it gave."""
        return len(self._links)

    def linked(self, name: str) -> tuple[bytes, str] | None:
        """The picture behind a link and its type, or None where the link has expired."""
        found = self._links.get(name)
        if found is None or self._clock() >= found[2]:
            return None
        return self.picture(found[0], found[1]), found[0].format.mime

    def picture(self, job: Job, index: int = 0) -> bytes:
        """A picture of a job: a card with its prompt."""
        request = Generate(
            model=f"{self.vendor} {job.model}",
            prompt=job.prompt,
            width=job.width,
            height=job.height,
            format=job.format,
            background=Background.TRANSPARENT if job.clear else None,
        )
        card = compose(request, (job.width, job.height), job.seed + index)
        return encode(card, job.format, None).body

    def picture_text(self, job: Job, index: int = 0) -> str:
        """The same as base64."""
        return b64encode(self.picture(job, index)).decode()


def size_of(body: bytes) -> tuple[int, int] | None:
    """Width and height of an encoded picture; None where it is none."""
    try:
        with Pillow.open(BytesIO(body)) as opened:
            return opened.size
    except (OSError, ValueError):
        return None


def from_text(text: str) -> bytes:
    """A picture sent as base64 or as a `data:` URL; empty where it is neither."""
    try:
        return b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except ValueError:
        return b""
