"""What is told of the routes that are in no dialect, of headers, and of what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping

from providers.contract import Code, Fault
from proxy.dialects.documents import Document, Earlier, Example, Field

OWN = "darkroom"
"""In the place of a dialect's name."""
SAYS = "What the server tells of itself and of requests, whatever dialect they were in."
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


DOCUMENTS: Mapping[str, Document] = {
    "GET /v1/darkroom/requests/{id:str}": Document(
        says="Tells what became of a request, for its team: its state, and links to its pictures while they are kept.",
        fields=_named("id", "The `x-request-id` of the answer, or the id that a dialect gave."),
        examples=(Example(parts={"id": REQUEST}),),
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
    "Idempotency-Key": "The same key and body get the first answer again; the same key and another body get 409.",
}
"""On every route that makes pictures."""
ANSWER_HEADERS: Mapping[str, str] = {
    "x-request-id": "The request's id, on errors too.",
    "x-darkroom-provider": "Who drew it; `x-darkroom-model` says with which model.",
    "x-darkroom-cost": "USD charged; `x-darkroom-estimated-cost` is what was set aside.",
    "x-darkroom-attempts": "How many submissions it took.",
    "x-darkroom-notes": "What was replaced, approximated or dropped.",
    "x-darkroom-repeats": "The request whose answer this is, where it repeats one.",
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
