"""From an answer to what its dialect makes of it: with links, or pixels, where they are wanted."""

from __future__ import annotations

from proxy.dialects.contract import Ask, Dialect, Generating, Outgoing
from proxy.edge.answering import served
from proxy.edge.desk import Desk
from proxy.job import Answer


async def rendered(
    desk: Desk, speaker: tuple[Dialect, Generating], ask: Ask, answer: Answer, begins: str, seconds: float
) -> Outgoing:
    """The answer in the dialect's words. Raises OSError or ValueError where links are wanted and nothing can be stored.

    `begins`: scheme and host of links; `seconds`: how long it took.
    """
    dialect, route = speaker
    links = await linked(desk, dialect, answer, begins) if ask.links else ()
    pixels = [(await desk.studio.pixels(picture.image))[2] for picture in answer.pictures] if ask.pixels else ()
    return route.render(ask, served(answer, links, pixels, seconds))


async def linked(desk: Desk, dialect: Dialect, answer: Answer, begins: str) -> list[str]:
    """Links to the pictures of an answer, stored if they are not yet. Raises OSError, ValueError."""
    stored = answer.stored or [await desk.store.put(picture.image, answer.job) for picture in answer.pictures]
    return [desk.link(dialect, each, begins) for each in stored]
