"""Leonardo.Ai: pictures are left in its storage first, a job is asked for, then polled by its id.

https://docs.leonardo.ai/reference  The backend is GraphQL behind REST, which explains its names and its errors: a job
may be `null` before it is there, a variation is polled as a list, a moderated prompt is an HTTP 400 or 403 that only
its words tell from other errors, and a field the vendor does not know makes it refuse the whole body.

- A picture sent along is uploaded: the vendor answers with a URL of a foreign storage and the fields of a form, as JSON
  in a string. All of them go before the file, without our key, and the storage answers 204.
- `init_strength` says how much of a picture stays, the opposite of our `strength`.
- Where a request is silent, four pictures are drawn, with Alchemy: how many, and how, is always said.
- `nsfw` marks a picture that was drawn, charged for and delivered: what the vendor refuses are prompts. The picture is
  handed on, with a note.
- Backgrounds are removed by version 2 of the API: `/v1/variations/nobg` and `/v1/variations/upscale` change pictures
  that Leonardo drew, and ours are always uploads.
"""

from __future__ import annotations

import msgspec

from providers.contract import Account, Call, Conversation, ImageRequest, Model, Provider, Reply, Ticket
from providers.leonardo.answering import explain, resume, taken
from providers.leonardo.asking import prepared
from providers.leonardo.models import MODELS

__all__ = ["PROVIDER"]


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Leave the pictures, ask for the job; from there on the ticket says everything."""
    order = yield from prepared(request, model, account)
    reply: Reply = yield Call(method="POST", url=f"{account.base}{order.path}", json=order.body, pays=True)
    ticket = msgspec.json.encode(taken(reply, order)).decode()
    yield Ticket(ticket)
    return (yield from resume(ticket, account))


PROVIDER = Provider(
    title="Leonardo.Ai",
    run=run,
    resume=resume,
    base="https://cloud.leonardo.ai/api/rest",
    key_from="LEONARDO_API_KEY",
    explain=explain,
    models=MODELS,
)
