"""The way of a request, from its headers to one of its answers."""

from __future__ import annotations

import logging

import msgspec
from msgspec.structs import replace

from providers.contract import Code, Failure, Fault
from proxy.dialects.contract import Outgoing
from proxy.edge.alive import Alive, every
from proxy.edge.answering import BROKEN, refusal, unstored
from proxy.edge.generating import headers
from proxy.edge.generating.delivering import deliver
from proxy.edge.generating.early import accept, come_back
from proxy.edge.generating.streaming import stream
from proxy.edge.generating.visit import Visit
from proxy.edge.preference import WEBHOOK, check_address, preferred
from proxy.edge.wire import GoneError, respond
from proxy.explain import explain
from proxy.job import Job
from proxy.ledger.accounts import Key


async def attend(visit: Visit) -> None:
    """Serve it. Whatever happens, it is answered in the dialect's words, and told."""
    status = 499  # the client closed its request
    try:
        status = await _serve(visit, await visit.enter())
    except GoneError:
        visit.told["delivered"] = False
    except Failure as failure:
        if visit.given_up:
            visit.told["delivered"] = False
        else:
            status = await _refuse(visit, failure)
    except OSError as error:  # of the store, before anything was bought
        status = await _refuse(visit, unstored(error))
    except Exception:  # a mistake of ours: the caller gets the dialect's words for that, the log the traceback
        logging.getLogger(__name__).exception("%s broke", visit.id)
        status = await _refuse(visit, Failure(Fault.UNAVAILABLE, BROKEN, code=Code.INTERNAL))
    finally:
        visit.end(status)


async def _serve(visit: Visit, key: Key) -> int:
    desk = visit.desk
    incoming, ask, job = await visit.read(key)
    if "x-darkroom-dry-run" in visit.headers:
        return await _explain(visit, job)
    wish = None if ask.streams else preferred(visit.headers)
    if WEBHOOK in visit.headers:
        check_address(visit.headers[WEBHOOK], desk.guard, later=bool(wish or visit.route.accept))
    pause = every(visit.headers, desk.keep_alive_s)
    if ask.streams:
        return await stream(visit, ask, _while_wanted(visit, job), pause)
    if wish is not None:
        return await come_back(visit, wish, ask, job, incoming)
    if visit.route.accept is not None:
        return await accept(visit, visit.route.accept, ask, job)
    job = _while_wanted(visit, job)
    if pause is None:
        answer, joined = await desk.gateway.serve(job)
    else:
        answer, joined = await _alive(visit, pause).through(desk.gateway.serve(job))
    return await deliver(visit, ask, job, answer, joined)


def _while_wanted(visit: Visit, job: Job) -> Job:
    """What is drawn here for it is left off when its client has gone; unless a key says that it comes back for it."""
    return job if job.idempotency is not None else replace(job, wanted=visit.wanted)


def _alive(visit: Visit, pause: float) -> Alive:
    """Blanks before the answer, whatever it will be, from the first pause on."""
    fixed = {"content-type": visit.dialect.media_type, **headers.of_visit(visit)}
    alive = Alive(visit.send, pause, fixed, lambda: visit.told.update(early=True))
    visit.send = alive.send
    return alive


async def _explain(visit: Visit, job: Job) -> int:
    wanted = visit.headers["x-darkroom-dry-run"]
    if wanted != "plan":
        raise Failure(Fault.REJECTED, f"X-Darkroom-Dry-Run takes 'plan', not '{wanted[:40]}'.", code=Code.INVALID)
    budget = await visit.desk.ledger.budget(job.key.team, job.key.key)
    gateway = visit.desk.gateway
    told = explain(gateway.plan(job), job, budget, gateway.finish(job), writing=gateway.writing(job))
    outgoing = Outgoing(headers={"content-type": "application/json"}, body=(msgspec.json.encode(told),))
    await respond(visit.send, outgoing, headers.of_visit(visit))
    return outgoing.status


async def _refuse(visit: Visit, failure: Failure) -> int:
    visit.told |= refusal(failure)
    outgoing = visit.dialect.render_error(failure)
    await respond(visit.send, outgoing, headers.of_visit(visit))
    return outgoing.status
