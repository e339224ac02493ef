"""What is told of the routes that are in no dialect, of headers, and of what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Code, Fault
from proxy.dialects.documents import Document, Earlier, Example, Field

OWN = "darkroom"
"""In the place of a dialect's name."""
SAYS = (
    "What the server tells of itself and of requests, whatever dialect they were in. What operators ask is told of at"
    " `/admin/v1/openapi.json`, to keys with the grant `admin`."
)
GENERATIONS = "POST /v1/images/generations"
REQUEST = Earlier(shown="REQUEST_ID", route=GENERATIONS, header="x-request-id")
PICTURE = Earlier(shown="TOKEN.png", route=GENERATIONS, path=("data", 0, "url"))
PUBLIC = frozenset(
    {
        "GET /v1/temp-images/{name:str}",
        "GET /v1/images/view/{name:str}",
        "GET /v1/darkroom/openapi.json",
        "GET /v1/darkroom/docs",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }
)
"""Answered without a key."""


def _named(name: str, text: str) -> tuple[Field, ...]:
    return (Field(name=name, kind="string", place="path", required=True, text=text, becomes="answer: what is told"),)


def _body(name: str, kind: str, text: str) -> Field:
    return Field(name=name, kind=kind, text=text, becomes="answer: what is told")


_REQUESTS = (
    _body("requests", "array", "Several requests, each as it would stand here by itself; a bare list is the same."),
    _body("route", "string", "Where the request would be sent, in any dialect; OpenAI's generations by default."),
    _body("body", "object", "What would be sent there. Without it, what stands here is an OpenAI generation itself."),
    _body("form", "object", "What would be sent there as a form; a data URL is a file."),
    _body("times", "integer", "How many requests this one stands for, in a list."),
)
_AT_ONCE = _body("at_once", "integer", "How many requests would be in flight; within the limits of key and team.")
_BOAT: Mapping[str, Any] = {"model": "sandbox", "prompt": "A boat on a lake", "size": "1024x1024", "n": 2}

DOCUMENTS: Mapping[str, Document] = {
    "GET /v1/darkroom/requests/{id:str}": Document(
        says="Tells what became of a request, for its team: its state, and links to its pictures while they are kept. "
        "Where it was answered early (`Prefer: respond-async`), also the `status` and `answer` that it would have got.",
        fields=_named("id", "The `x-request-id` of the answer, or the id that a dialect gave."),
        examples=(Example(parts={"id": REQUEST}),),
    ),
    "DELETE /v1/darkroom/requests/{id:str}": Document(
        says="Deletes what is kept of a request that has ended, for its team: its pictures, but for those that another"
        " request has as well, its body, its answer and its plan. What it did cost stays in the ledger. 409 while it is"
        " under way.",
        fields=_named("id", "The `x-request-id` of the answer, or the id that a dialect gave."),
        examples=(Example(parts={"id": REQUEST}),),
    ),
    "POST /v1/darkroom/plan": Document(
        says="Tells which offers would serve a request, in order, and why each other would not. Costs nothing, and"
        " holds nothing. A list of requests is answered with a list of plans.",
        fields=_REQUESTS,
        examples=(Example(json=_BOAT),),
    ),
    "POST /v1/darkroom/estimate": Document(
        says="Tells what requests would cost together (low, expected, high), by offer, how long they would take, and"
        " whether the budget covers them: a campaign of ten thousand as well as one. Costs nothing, and holds nothing.",
        fields=(*_REQUESTS, _AT_ONCE),
        examples=(Example(json={"requests": [{"body": _BOAT, "times": 100}], "at_once": 4}),),
    ),
    "GET /v1/darkroom/webhook-secret": Document(
        says="The secret that verifies what this key's webhooks are sent, as Standard Webhooks writes it: `whsec_…`;"
        " and the one of what its team's webhook is told of budgets."
    ),
    "GET /v1/temp-images/{name:str}": Document(
        says="A stored picture, to whoever has its link, for as long as the link works.",
        fields=_named("name", "What the link ends in."),
        examples=(Example(parts={"name": PICTURE}),),
        media="image/png",
    ),
    "GET /v1/images/view/{name:str}": Document(
        says="The same, as StudioLM writes its links.",
        fields=_named("name", "What the link ends in."),
        examples=(Example(parts={"name": PICTURE}),),
        media="image/png",
    ),
    "GET /v1/darkroom/openapi.json": Document(says="This description, as OpenAPI 3.1."),
    "GET /v1/darkroom/docs": Document(says="This description, as a page.", media="text/html"),
    "GET /health/live": Document(says="Tells that the process answers."),
    "GET /health/ready": Document(says="Tells whether it takes work: not draining, and the ledger answers. Else 503."),
    "GET /metrics": Document(
        says="Prometheus metrics: for this machine alone, unless a token or another address is configured.",
        media="text/plain",
    ),
}

REQUEST_HEADERS: Mapping[str, str] = {
    "Authorization": "`Bearer` and a key of your team. A test key (`dk_test_…`) is served by the sandbox, for nothing.",
    "X-Darkroom-Dry-Run": "`plan` answers with every offer, its price and its place in the plan. Costs nothing.",
    "X-Darkroom-Strict": "`true` refuses, before anything is spent, what could only be done by dropping a wish.",
    "X-Darkroom-Max-Cost": "Leaves out every offer that may cost more USD than this.",
    "X-Darkroom-Max-Seconds": "Leaves out every offer known to take longer.",
    "X-Darkroom-Providers": "The providers that may serve it, with commas between them.",
    "X-Darkroom-Region": "Where what is sent may be kept, with commas between; `eu` covers `eu-west`.",
    "X-Darkroom-Policy": "The policy that decides, e.g. `cheapest`, `fastest`, `balanced`, `best` or `local-first`, "
    "among those that your team may choose.",
    "X-Darkroom-Cache": "`off` has it made anew. `only-if-cached` takes a picture that was made for the same request, "
    "or 404. `allow` takes one even without a seed. With a seed, the same request gets the same picture, where the "
    "team may.",
    "X-Darkroom-User": "Your own end user, whose budget holds as well; where the body names one, that one counts.",
    "Prefer": "`respond-async` answers 202 with a `location` as soon as the money is held; the answer is fetched "
    "there. `wait=10` waits so many seconds for it before that. Passed over where the answer streams.",
    "X-Darkroom-Webhook": "With `Prefer`: an https address that is told, signed, when the request has ended; the key's "
    "own webhook by default.",
    "X-Darkroom-Keep-Alive": "After so many seconds without an answer its headers are sent, with status 200, then "
    "white space as often until its JSON is there: a failure is then told in the body alone. Event streams send a "
    "comment as often.",
    "Idempotency-Key": "The same key and body get the first answer again; the same key and another body get 409.",
}
"""On every route that makes pictures."""
ANSWER_HEADERS: Mapping[str, str] = {
    "x-request-id": "The request's id, on errors too.",
    "preference-applied": "That the answer comes later, as `Prefer` asked: `location` says where, `retry-after` when.",
    "x-darkroom-keep-alive": "That the status was sent before the request had ended; what fails stands in the body.",
    "x-darkroom-provider": "Who drew it; `x-darkroom-model` says with which model.",
    "x-darkroom-cost": "USD charged; `x-darkroom-estimated-cost` is what was set aside.",
    "x-darkroom-attempts": "How many submissions it took.",
    "x-darkroom-policy": "The policy that decided who draws.",
    "x-darkroom-hedge": "Who was asked as well because the first took long: the offer, what became of it (`won`, "
    "`lost`, `cancelled`, `failed`), and the most USD that the one of the two that was too late may cost beside "
    "`x-darkroom-cost`; with commas between several.",
    "x-darkroom-notes": "What was replaced, approximated or dropped.",
    "x-darkroom-repeats": "The request whose answer this is, where it repeats one.",
    "x-darkroom-cache": "`hit`, `joined`: another request's pictures, for nothing, `age` seconds old; `miss`: new.",
}

BY_CODE: Mapping[Code, str] = {
    Code.UNAUTHENTICATED: "no key, or a wrong one",
    Code.FORBIDDEN: "the key may not do this",
    Code.UNKNOWN_ROUTE: "there is no such thing at this address",
    Code.WRONG_METHOD: "the address does not take this method",
    Code.UNKNOWN_MODEL: "no such model for this key",
    Code.UNKNOWN_FIELD: "a field that is not known, where that is refused",
    Code.MISSING: "a field that is needed was not sent",
    Code.WRONG_TYPE: "a value of the wrong kind",
    Code.INVALID: "a value that is not among the choices, or does not go with another",
    Code.BELOW_MINIMUM: "a number below its range",
    Code.ABOVE_MAXIMUM: "a number above its range",
    Code.TOO_LONG: "a text that is too long",
    Code.TOO_LARGE: "a picture that is too large",
    Code.BODY_TOO_LARGE: "a body larger than the server takes",
    Code.NOT_AN_IMAGE: "no picture, or a damaged one",
    Code.NOT_JSON: "a body that cannot be read",
    Code.UNREACHABLE_LINK: "a link to a picture that cannot be fetched",
    Code.UNKNOWN_ASSET: "no such picture or persona of this team",
    Code.NOT_CACHED: "no picture is kept for it, and it is not to be made",
    Code.CONFLICT: "the idempotency key was used with another body",
    Code.PENDING: "the request that is repeated is still under way",
    Code.BUDGET: "the budget does not cover it",
    Code.RATE: "too many requests for this key",
    Code.BUSY: "the server has no room for it now",
    Code.INTERNAL: "a mistake of the server's own",
}
BY_FAULT: Mapping[Fault, str] = {
    Fault.REJECTED: "no provider takes the request as it stands",
    Fault.MODERATED: "refused for its content",
    Fault.CREDENTIAL: "the server's own key or credit at the provider",
    Fault.THROTTLED: "the provider has too much to do",
    Fault.UNAVAILABLE: "no provider could be asked",
    Fault.MALFORMED: "the provider answered nonsense",
    Fault.AMBIGUOUS: "sent, and no answer came: it may have been paid for",
    Fault.QUOTA: "a limit of the team's or the key's own",
}
