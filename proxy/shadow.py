"""A second policy, planned for live requests and never carried out: what it would have done otherwise, as an event.

It is asked after the answer was sent, one request at a time between whatever else there is to do, and both policies are
asked at that same moment: nothing but the policy differs. When there is more to plan than there is time for, requests
are passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from zlib import crc32

from pricing import to_micros
from providers.contract import Failure
from proxy.events import ShadowPlanned, Tell
from proxy.job import Job
from proxy.policy import Plan

LATER_S = 0.05
"""Seconds after its answer was made that a request is planned again: by then it was sent."""
WAITING = 64
"""Requests that wait for it at most, and the bytes of the pictures that were sent along with them."""
WAITING_BYTES = 16 * 1_048_576
Again = Callable[[Job, str | None], Plan]
"""Plans a job, under a policy of that name or under its own. Raises `Failure`."""


class Shadow:
    """Plans a share of all requests once more. On the event loop only."""

    def __init__(self, policy: str | None, share: float, tell: Tell) -> None:
        """`policy`: the name of the one in question; without one, nothing is done."""
        self._policy = policy
        self._share = share
        self._tell = tell
        self._waiting: deque[tuple[Job, int, Again]] = deque()
        self._weight = 0
        self._due: asyncio.TimerHandle | None = None

    def watch(self, job: Job, again: Again) -> None:
        """A job was served; plan it once more in a while, if its lot says so. Test keys have nothing to choose from."""
        if self._policy is None or job.key.test or crc32(job.id.encode()) >= self._share * 2**32:
            return
        weight = sum([image.weight for image in job.request.images])
        if len(self._waiting) >= WAITING or self._weight + weight > WAITING_BYTES:
            self._told(job, "skipped")
            return
        self._waiting.append((job, weight, again))
        self._weight += weight
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(LATER_S, self._next)

    def adopt(self, policy: str | None, share: float) -> None:
        """Try another one from now on. Those that wait are let go: where they were planned, it may be unknown."""
        for job, _, _ in self._waiting:
            self._told(job, "skipped")
        self.close()
        self._policy = policy
        self._share = share

    def close(self) -> None:
        """Let those go that wait."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._waiting.clear()
        self._weight = 0

    def _next(self) -> None:
        """Plan one, and let everybody else have a turn before the next."""
        job, weight, again = self._waiting.popleft()
        self._weight -= weight
        self._due = asyncio.get_running_loop().call_later(0, self._next) if self._waiting else None
        try:
            self._compare(job, again(job, None), again(job, self._policy))
        except Failure:  # the configuration has no such model, or the policy may not decide about it
            self._told(job, "failed")
        except Exception:  # a mistake of a rule on trial is no reason to stop
            logging.getLogger(__name__).exception("the shadow policy broke on %s", job.id)
            self._told(job, "failed")

    def _compare(self, job: Job, live: Plan, other: Plan) -> None:
        if not live.choices or not other.choices:
            served = live.choices[0].offer.name if live.choices else ""
            instead = other.choices[0].offer.name if other.choices else ""
            self._told(job, "unserved" if served else "no offer", served, instead)
            return
        first, second = live.choices[0], other.choices[0]
        outcome = "same" if first.offer.name == second.offer.name else "differs"
        quotes = to_micros(first.quote.usd), to_micros(second.quote.usd)
        self._told(job, outcome, first.offer.name, second.offer.name, *quotes)

    def _told(
        self, job: Job, outcome: str, offer: str = "", instead: str = "", quoted: int = 0, quoted_instead: int = 0
    ) -> None:
        assert self._policy is not None
        self._tell(
            ShadowPlanned(
                request=job.id,
                team=job.key.team,
                policy=self._policy,
                outcome=outcome,
                offer=offer,
                instead=instead,
                quoted=quoted,
                quoted_instead=quoted_instead,
            )
        )
