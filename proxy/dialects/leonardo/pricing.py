"""`POST /pricing-calculator`: what a request would cost, in credits, by the prices of this server.

https://docs.leonardo.ai/reference/pricingcalculator
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.contract import Code, Generate, Image, ImageRequest, Quality, Upscale, UpscaleKind
from proxy.dialects.contract import Incoming, Talk
from proxy.dialects.fields import Table, mapping, rejected
from proxy.dialects.leonardo.credits import credits_for, rate
from proxy.dialects.leonardo.generations import told
from proxy.dialects.leonardo.models import KONTEXT, of_version
from proxy.dialects.leonardo.reading import (
    flag,
    missing,
    number,
    one_of_numbers,
    read_body,
    read_object,
    side,
    whole,
    word,
)
from proxy.dialects.leonardo.table import HEIGHT, IMAGES, WIDTH
from proxy.dialects.wants import Estimate, Price

IMAGE, AVATAR = "IMAGE_GENERATION", "FANTASY_AVATAR_GENERATION"
UPSCALERS = ("UNIVERSAL_UPSCALER", "UNIVERSAL_UPSCALER_ULTRA")
ELSEWHERE = (
    *("MOTION_SVD_GENERATION", "MOTION_VIDEO_GENERATION", "VEO3_MOTION_VIDEO_GENERATION"),
    *("LCM_GENERATION", "MODEL_TRAINING", "TEXTURE_GENERATION"),
)
"""Services there are none of here, and no price either."""
SERVICES = (IMAGE, AVATAR, *UPSCALERS, *ELSEWHERE)
MANY = whole(0, 1000)

BODY: Table = {"service": ("service", word(*SERVICES)), "serviceParams": ("serviceParams", mapping)}
SIZE: Table = {
    "imageHeight": ("height", side),
    "imageWidth": ("width", side),
    "numImages": ("n", whole(1, 8)),
}
FLAGS = {
    "isPhoenix": of_version("PHOENIX"),
    "isFluxSchnell": of_version("FLUX"),
    "isFluxDev": of_version("FLUX_DEV"),
    "isFluxKontext": KONTEXT,
    "isSDXLLightning": of_version("SDXL_LIGHTNING"),
    "isSDXL": of_version("SDXL_1_0"),
}
"""What says which model it is; the first that is true counts."""
ASIDE = ("promptMagic", "alchemyMode", "photoRealMode", "isModelCustom", "highResolution", "isUltra")
IMAGE_PARAMS: Table = {
    **SIZE,
    **{name: (name, flag) for name in (*FLAGS, *ASIDE)},
    "inferenceSteps": ("steps", whole(10, 60)),
    "promptMagicStrength": ("promptMagicStrength", number(0.1, 1.0)),
    "promptMagicVersion": ("promptMagicVersion", word("v2", "v3")),
    "photoRealStrength": ("photoRealStrength", one_of_numbers(0.55, 0.5, 0.45)),
    "photoRealVersion": ("photoRealVersion", word("v1", "v2")),
    "loraCount": ("loraCount", MANY),
    "controlnetsCost": ("controlnetsCost", MANY),
}
MEGAPIXEL = 1_000_000
MEGAPIXELS: Table = {"megapixel": ("megapixel", whole(1, 20))}


def calculate(incoming: Incoming) -> Talk:
    """The price of the offer that would be asked first; null where none can be priced."""
    credit = rate(incoming.options)
    request = _request(read_body(incoming.body, BODY))
    estimate: Estimate = yield Price(request)
    prices = [offer.usd for offer in estimate.offers if offer.out is None and offer.usd is not None]
    cost = credits_for(prices[0], credit) if prices else None
    return told(calculateProductionApiServiceCost={"cost": cost})


def _request(asked: Mapping[str, Any]) -> ImageRequest:
    for name in BODY:
        if name not in asked:
            raise missing(name)
    service = asked["service"]
    if service in ELSEWHERE:
        raise rejected(f"{service} is not served here", Code.INVALID, "service")
    told = asked["serviceParams"].get(service)
    if not isinstance(told, dict):
        raise missing(f"serviceParams.{service}")
    if service in UPSCALERS:
        return _upscale(read_object(told, MEGAPIXELS, f"serviceParams.{service}."))
    table = IMAGE_PARAMS if service == IMAGE else SIZE
    return _generate(read_object(told, table, f"serviceParams.{service}."))


def _generate(told: Mapping[str, Any]) -> Generate:
    fine = told.get("isUltra") or told.get("highResolution")
    return Generate(
        model=next((model for name, model in FLAGS.items() if told.get(name)), of_version(None)),
        n=told.get("n", IMAGES),
        width=told.get("width", WIDTH),
        height=told.get("height", HEIGHT),
        exact=True,
        steps=told.get("steps"),
        quality=Quality.HIGH if fine else None,
    )


def _upscale(told: Mapping[str, Any]) -> Upscale:
    if "megapixel" not in told:
        raise missing("megapixel")
    across = round((told["megapixel"] * MEGAPIXEL) ** 0.5)
    return Upscale(
        model="upscale",
        kind=UpscaleKind.CREATIVE,
        picture=Image.to_come(across // 2, across // 2),
        factor=2.0,
    )
