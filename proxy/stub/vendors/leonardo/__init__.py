"""Leonardo.Ai: pictures are uploaded to a bucket first, jobs are polled, and an unknown job is `null` on a 200.

https://docs.leonardo.ai/reference/creategeneration  https://docs.leonardo.ai/docs/api-error-messages
"""

from __future__ import annotations

from proxy.stub.contract import Answer, Route, Script, Stub, bearer
from proxy.stub.vendors.leonardo.changes import VARIATIONS, cut_out, upscale, variation, vary
from proxy.stub.vendors.leonardo.fields import error
from proxy.stub.vendors.leonardo.generations import generate, generation
from proxy.stub.vendors.leonardo.uploads import announce, announce_canvas, receive

V1, V2 = "/api/rest/v1", "/api/rest/v2"
_TOKENS = {"apiPaidTokens": 45_677, "apiSubscriptionTokens": 13, "apiConcurrencySlots": 10}
_ME = {"user_details": [{"user": {"id": "stub", "username": "stub"}, "tokenRenewalDate": None, **_TOKENS}]}

STUB = Stub(
    prefix="/api/rest",
    routes=(
        Route("POST", f"{V1}/generations", generate, pays=True),
        Route("POST", f"{V2}/generations", cut_out, pays=True),
        Route("GET", f"{V1}/generations/{{id}}", generation),
        Route("POST", f"{V1}/variations/universal-upscaler", upscale, pays=True),
        *(Route("POST", f"{V1}/variations/{kind}", vary, pays=True) for kind in VARIATIONS),
        Route("GET", f"{V1}/variations/{{id}}", variation),
        Route("POST", f"{V1}/init-image", announce),
        Route("POST", f"{V1}/canvas-init-image", announce_canvas),
        Route("POST", "/bucket", receive, elsewhere=True),
        Route("GET", f"{V1}/me", lambda asked, world: Answer(json=_ME)),
    ),
    key=bearer,
    refuses={
        Script.CREDENTIAL: error(401, "Authentication hook unauthorized this request", "access-denied"),
        Script.CREDIT: error(400, "not enough api tokens userId: 7e2b0a52-7f1e-4a53-9d5c-2f0a3a8f3b11"),
        # What this one says is not published; the header is what the vendor's own SDKs look for.
        Script.THROTTLED: Answer(
            status=429,
            json={"error": "Too many requests", "path": "$", "code": "unexpected"},
            headers={"retry-after": "1"},
        ),
        Script.UNAVAILABLE: error(500, "Service Error"),
        Script.REJECTED: error(400, "invalid dimensions"),
        Script.MODERATED: error(403, "content moderation filter: naked"),
    },
    unknown=error(404, "Endpoint not found", "not-found"),
)
