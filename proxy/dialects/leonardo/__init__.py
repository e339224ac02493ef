"""Leonardo.Ai's production API, version 1, as its official clients speak it: asked for, then polled.

https://docs.leonardo.ai/reference
"""

from proxy.dialects.contract import Dialect, Generating, Informing, Talking
from proxy.dialects.leonardo import account, generations, pricing, uploads, variations
from proxy.dialects.leonardo.documented import DOCUMENTS
from proxy.dialects.leonardo.errors import render_error
from proxy.dialects.leonardo.parse import accept, parse_generation, render
from proxy.dialects.leonardo.webhook import finished

BASE = "/api/rest/v1"

DIALECT = Dialect(
    name="leonardo",
    base="/api/rest/v1",
    says="Leonardo.Ai's production API: asked for, then polled by id, or told to a webhook.",
    documents=DOCUMENTS,
    routes=(
        Generating(
            path=f"{BASE}/generations", operation="generate", parse=parse_generation, render=render, accept=accept
        ),
        Generating(
            path=f"{BASE}/variations/upscale",
            operation="upscale.fast",
            parse=variations.parse_upscale,
            render=render,
            accept=accept,
        ),
        Generating(
            path=f"{BASE}/variations/unzoom",
            operation="edit.outpaint",
            parse=variations.parse_unzoom,
            render=render,
            accept=accept,
        ),
        Generating(
            path=f"{BASE}/variations/nobg",
            operation="edit.remove_background",
            parse=variations.parse_nobg,
            render=render,
            accept=accept,
        ),
        Generating(
            path=f"{BASE}/variations/universal-upscaler",
            operation="upscale.creative",
            parse=variations.parse_universal,
            render=render,
            accept=accept,
        ),
        Talking(path=f"{BASE}/generations/{{id:str}}", talk=generations.one),
        Talking(method="DELETE", path=f"{BASE}/generations/{{id:str}}", talk=generations.forget),
        Talking(path=f"{BASE}/generations/user/{{user:str}}", talk=generations.many),
        Talking(path=f"{BASE}/variations/{{id:str}}", talk=generations.varied),
        Talking(method="POST", path=f"{BASE}/init-image", talk=uploads.offer),
        Talking(path=f"{BASE}/init-image/{{id:str}}", talk=uploads.show),
        Talking(method="DELETE", path=f"{BASE}/init-image/{{id:str}}", talk=uploads.remove),
        Talking(method="POST", path=f"{BASE}/canvas-init-image", talk=uploads.offer_canvas),
        Talking(method="POST", path=f"{uploads.PATH}/{{token:str}}", talk=uploads.fill, public=True),
        Talking(path=f"{BASE}/me", talk=account.me),
        Informing(path=f"{BASE}/platformModels", answer=account.platform_models),
        Informing(path=f"{BASE}/models/{{id:str}}", answer=account.model),
        Informing(path=f"{BASE}/models/user/{{user:str}}", answer=account.own_models),
        Informing(path=f"{BASE}/elements", answer=account.elements),
        Informing(path=f"{BASE}/elements/user/{{user:str}}", answer=account.own_elements),
        Talking(method="POST", path=f"{BASE}/pricing-calculator", talk=pricing.calculate),
    ),
    render_error=render_error,
    finished=finished,
    uuids=True,
)
