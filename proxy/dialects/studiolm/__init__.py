"""StudioLM's image API, as its official client and its documentation's curl lines speak it.

https://docs.studiolm.dev/api-reference/image-generation

The path of its one generating route is OpenAI's too; `claims` tells them apart by the body.
"""

from proxy.dialects.contract import Dialect, Generating, Informing
from proxy.dialects.studiolm.claims import claims
from proxy.dialects.studiolm.documented import DOCUMENTS
from proxy.dialects.studiolm.parse import parse
from proxy.dialects.studiolm.render import available_models, render, render_error

DIALECT = Dialect(
    name="studiolm",
    base="/v1",
    says="StudioLM's image API. On the path it shares with OpenAI's, the body tells which is spoken.",
    documents=DOCUMENTS,
    routes=(
        Generating(path="/v1/images/generations", operation="generate", parse=parse, render=render, claims=claims),
        Informing(path="/v1/images/available-models", answer=available_models),
    ),
    render_error=render_error,
    links="/v1/images/view/{token}",
)
