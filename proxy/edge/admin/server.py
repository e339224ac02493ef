"""What operators have the server do: read its configuration again, plan the past again, describe this API."""

from __future__ import annotations

import asyncio
from concurrent.futures import BrokenExecutor
from functools import partial
from typing import Annotated, Any

from msgspec import Struct

from providers.contract import Failure, Fault
from proxy.config import ConfigError
from proxy.edge.admin.frame import Asked, Route, says
from proxy.edge.admin.office import Administration, Office
from proxy.edge.admin.refusing import Refusal
from proxy.ledger.accounts import AccountError
from proxy.replay import Question, QuestionError, answer


class Reloaded(Struct, frozen=True, kw_only=True, tag="darkroom.reload", tag_field="object"):
    """The configuration that holds now."""

    changed: Annotated[list[str], says("The rows of it that are otherwise than before.")]


async def reload(office: Office, asked: Asked) -> Reloaded:
    """Goes by config.yaml and the prices as they are now, whole or not at all. Raises `Failure`."""
    try:
        return Reloaded(changed=await office.administration.reload(asked.who))
    except ConfigError as error:
        raise Refusal(400, "invalid_configuration", str(error)) from error


async def replay(office: Office, asked: Asked) -> dict[str, Any]:
    """Plans recorded requests again, in a process of its own. Raises `Failure`."""
    administration = office.administration
    async with administration.turn:
        try:
            return await _apart(administration, asked.body)
        except QuestionError as error:
            raise Refusal(400, "invalid_value", f"{error.field}: {error}", error.field) from error
        except (ConfigError, AccountError) as error:
            raise Refusal(400, "invalid_value", str(error)) from error
        except BrokenExecutor as error:
            raise Failure(Fault.UNAVAILABLE, "The replay was broken off.", retry_after=1.0) from error


async def _apart(administration: Administration, question: Question) -> dict[str, Any]:
    """In a process of its own, so that no request waits for the seconds it takes."""
    from concurrent.futures import ProcessPoolExecutor  # a twentieth of the time to the first answer, for a rare one
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(1, get_context("spawn"))
    try:
        work = partial(answer, administration.folder, administration.config(), question, dict(administration.environ))
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    finally:
        pool.shutdown(wait=False)


ROUTES = (
    Route(
        name="server.reload",
        method="POST",
        path="/reload",
        says="Reads the configuration and the prices again. They hold from the next request on, whole; where anything"
        " is wrong with them, the answer says what, and everything stays as it was.",
        tell=reload,
        answer=Reloaded,
    ),
    Route(
        name="server.replay",
        method="POST",
        path="/replay",
        says="Plans recorded requests again under another policy, configuration or price book, against what happened."
        " Nothing is spent.",
        tell=replay,
        body=Question,
        answer=dict[str, Any],
    ),
)
