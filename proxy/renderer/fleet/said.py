"""What a replica says to an envoy: bundles of messages, so that a quick engine costs one delivery and not ten.

Only bytes of structs travel inside of what Ray sends, never pickles of ours: two versions that do not understand each
other say so. No I/O here, and no ray.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.renderer.wire import Broken, Job, News, OfJob, read, write


class Here(Struct, frozen=True, tag=True):
    """Who draws the job, first of all that is said of it."""

    replica: str
    """Of all there ever were, this one."""
    place: str
    """Where it runs, for people."""
    seconds: float
    """From its beginning to its readiness."""
    problems: tuple[str, ...] = ()
    """What could not be preloaded, and why."""


OfReplica = Here | Broken | OfJob | News


class Said(Struct, frozen=True, tag=True):
    """A bundle, in the order of saying. What is said of the job itself has the id that the envoy gave it."""

    all: tuple[OfReplica, ...]


def bundle(messages: tuple[OfReplica, ...]) -> bytes:
    """A bundle. Raises ValueError for what cannot be sent."""
    return write(Said(messages))


def unbundle(body: bytes) -> tuple[OfReplica, ...]:
    """What is in a bundle. Raises `msgspec.DecodeError`."""
    said: Said = read(body, Said)
    return said.all


def order(job: Job) -> bytes:
    """A job, as it travels. Raises ValueError for what cannot be sent."""
    return write(job)


def ordered(body: bytes) -> Job:
    """The job again. Raises `msgspec.DecodeError`."""
    job: Job = read(body, Job)
    return job
