"""What is sent when a generation is done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from proxy.dialects.contract import Ended
from proxy.dialects.leonardo import DIALECT
from proxy.dialects.leonardo.shapes import user_id
from proxy.dialects.leonardo.webhook import finished
from proxy.dialects.wants import Known
from tests.dialects.leonardo.asking import FLUX, ONE, TWO, asked
from tests.dialects.leonardo.test_polling import CREATED, LINK, known, variation


def message(request: Known, usd: str = "0.0164") -> Any:
    told = finished(request, Ended(team="team", charged=Decimal(usd)))
    return told and msgspec.json.decode(msgspec.json.encode(told))


def test_a_generation_that_is_done_is_told_with_its_pictures() -> None:
    told = message(known(recall=asked(num_images=2, modelId=FLUX).recall, pictures=2, finished=CREATED + 1500))
    generation = told["data"].pop("object")
    assert told == {
        "type": "image_generation.complete",
        "object": "generation",
        "timestamp": CREATED + 1500,
        "api_version": "v1",
        "data": {},
    }
    expected = {
        "id": ONE,
        "createdAt": "2024-11-19T10:42:59.533Z",
        "updatedAt": "2024-11-19T10:43:01.033Z",
        "userId": user_id("team"),
        "public": False,
        "flagged": False,
        "nsfw": False,
        "status": "COMPLETE",
        "coreModel": "SD",
        "guidanceScale": None,
        "imageHeight": 768,
        "imageWidth": 1024,
        "inferenceSteps": 15,
        "initImageId": None,
        "modelId": FLUX,
        "negativePrompt": "",
        "prompt": "A boat",
        "quantity": 2,
        "sdVersion": "FLUX_DEV",
        "tiling": False,
        "tokenCost": 0,
        "seed": "40",
        "scheduler": "EULER_DISCRETE",
        "presetStyle": None,
        "apiDollarCost": "11",
        "imageToImage": False,
        "controlnetsUsed": False,
        "canvasRequest": False,
        "model": {"id": FLUX, "name": "Flux Dev"},
    }
    assert {name: generation[name] for name in expected} == expected
    assert generation["images"][1] == {
        "id": f"{ONE[:-2]}02",
        "createdAt": "2024-11-19T10:43:01.033Z",
        "updatedAt": "2024-11-19T10:43:01.033Z",
        "userId": user_id("team"),
        "url": LINK,
        "generationId": ONE,
        "nobgId": None,
        "nsfw": False,
        "likeCount": 0,
        "trendingScore": 0,
        "public": False,
    }


def test_it_is_what_the_dialect_sends() -> None:
    assert DIALECT.finished is finished


def test_a_credit_is_worth_what_is_configured() -> None:
    ended = Ended(team="team", charged=Decimal("0.05"), options={"credit_usd": "0.01"})
    told = finished(known(), ended)
    assert told is not None
    assert told["data"]["object"]["apiDollarCost"] == "5"


def test_it_tells_what_was_asked_for() -> None:
    fields = {"init_image_id": TWO, "init_strength": 0.4, "seed": 9, "alchemy": True, "tiling": True, "ultra": False}
    generation = message(known(recall=asked(**fields).recall))["data"]["object"]
    assert (generation["initImageId"], generation["initStrength"], generation["imageToImage"]) == (TWO, 0.4, True)
    assert (generation["seed"], generation["alchemy"], generation["tiling"]) == ("9", True, True)
    control = {"controlnets": [{"initImageId": ONE}]}
    assert message(known(recall=asked(**control).recall))["data"]["object"]["controlnetsUsed"]


def test_a_failure_has_a_word_of_its_own() -> None:
    told = message(known(state="failed", recall=asked(modelId="own").recall), "0")
    assert told["type"] == "image_generation.failed"
    generation = told["data"]["object"]
    assert (generation["status"], generation["images"], generation["apiDollarCost"]) == ("FAILED", [], "0")
    assert (generation["seed"], generation["sdVersion"], generation["model"]) == (
        None,
        None,
        {"id": "own", "name": "own"},
    )
    assert told["timestamp"] == CREATED


@pytest.mark.parametrize("request_", [known(state="open"), variation(ONE, TWO), known(recall="")])
def test_nothing_is_sent_for_anything_else(request_: Known) -> None:
    assert message(request_) is None
