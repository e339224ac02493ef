"""OpenAI's Images API, as its official clients and everybody else's speak it.

https://developers.openai.com/api/reference/resources/images
"""

from proxy.dialects.contract import Dialect, Generating, Informing
from proxy.dialects.openai.documented import DOCUMENTS
from proxy.dialects.openai.models import list_models, retrieve_model
from proxy.dialects.openai.parse import parse_edit, parse_generation, parse_variation
from proxy.dialects.openai.render import EDITS, GENERATIONS, render, render_error

DIALECT = Dialect(
    name="openai",
    base="/v1",
    says="OpenAI's Images API, as its SDKs and everybody else's speak it.",
    documents=DOCUMENTS,
    routes=(
        Generating(
            path="/v1/images/generations",
            operation="generate",
            parse=parse_generation,
            render=render,
            streaming=GENERATIONS,
        ),
        Generating(path="/v1/images/edits", operation="edit", parse=parse_edit, render=render, streaming=EDITS),
        Generating(path="/v1/images/variations", operation="edit.variation", parse=parse_variation, render=render),
        Informing(path="/v1/models", answer=list_models),
        Informing(path="/v1/models/{model:path}", answer=retrieve_model),
    ),
    render_error=render_error,
)
