"""Which replicas there are, as far as an envoy has met them, and what each is called."""

from __future__ import annotations

from msgspec import Struct

from proxy.renderer.fleet.said import Here
from proxy.renderer.homes.contract import Told
from proxy.renderer.wire import Begun, Gone, News, Of, Shelved


class _Known(Struct, eq=False):
    """A replica that was met."""

    name: str
    jobs: set[int]
    """Those it has of this envoy."""
    shelved: Shelved | None = None


class Roll:
    """Tells of engines by lasting names: `ray:0` is another replica when the first one is gone. There are never more
    names than there were replicas at one time.
    """

    def __init__(self, tell: Told) -> None:
        self._tell = tell
        self._known: dict[str, _Known] = {}
        """Who was heard longest ago comes first."""

    def meet(self, here: Here, job: int | None = None) -> None:
        """A replica said who it is, and that it has a job."""
        known = self._known.pop(here.replica, None)
        if known is None:
            taken = {each.name for each in self._known.values()}
            name = next(name for number in range(len(taken) + 1) if (name := f"ray:{number}") not in taken)
            known = _Known(name, set())
            self._tell(Of(name, Begun(here.place, here.seconds)))
        self._known[here.replica] = known
        if job is not None:
            known.jobs.add(job)

    def hear(self, replica: str, news: News) -> None:
        """It has news. What it has in memory is told when that changes."""
        known = self._known.get(replica)
        if known is None:
            return
        if isinstance(news, Shelved):
            if news == known.shelved:
                return
            known.shelved = Shelved(news.models, news.used_bytes)
        self._tell(Of(known.name, news))

    def leave(self, replica: str, job: int) -> None:
        """It no longer has that job."""
        if replica in self._known:
            self._known[replica].jobs.discard(job)

    def lose(self, replica: str, reason: str) -> None:
        """It is dead; told once, whichever of its jobs comes to know of it first."""
        self._strike(replica, reason, meant=False)

    def count(self, replicas: int) -> None:
        """There are so many by now. Which ones went, nobody says: those idle ones that were not heard for longest."""
        for replica in [name for name, known in self._known.items() if not known.jobs]:
            if len(self._known) <= replicas:
                return
            self._strike(replica, "the fleet has become smaller", meant=True)

    def _strike(self, replica: str, reason: str, *, meant: bool) -> None:
        known = self._known.pop(replica, None)
        if known is not None:
            self._tell(Of(known.name, Shelved((), 0)))
            self._tell(Of(known.name, Gone(reason, meant, len(known.jobs))))
