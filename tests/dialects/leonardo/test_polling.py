"""What is told of requests from before."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Format
from proxy.dialects.contract import Outgoing
from proxy.dialects.leonardo import generations
from proxy.dialects.leonardo.parse import Recalled
from proxy.dialects.leonardo.shapes import moment, user_id
from proxy.dialects.wants import Erase, Known, Look, LookBack, Pictured
from tests.dialects.leonardo.asking import FLUX, KINO, ONE, THREE, TWO, asked, conversing, getting, read, refused

LINK = "https://here.test/v1/temp-images/abc.png"
CREATED = 1_732_012_979_533
FIELDS = {
    "prompt": "A majestic cat",
    "modelId": FLUX,
    "negative_prompt": "dogs",
    "height": 512,
    "width": 768,
    "num_inference_steps": 20,
    "seed": 2_000_000_000,
    "ultra": True,
    "public": True,
    "scheduler": "DDIM",
    "presetStyle": "FILM",
    "init_image_id": TWO,
    "init_strength": 0.3,
    "guidance_scale": 7.5,
    "promptMagic": True,
    "promptMagicVersion": "v3",
    "promptMagicStrength": 0.4,
    "photoReal": False,
    "photoRealStrength": 0.5,
    "fantasyAvatar": True,
    "elements": [{"akUUID": "lora-1", "weight": 0.5}],
    "userElements": [{"userLoraId": 17}],
}


def picture(known: str, place: int, seed: int | None = None) -> Pictured:
    return Pictured(id=f"{known[:-2]}{place:02x}", link=LINK, format=Format.PNG, seed=seed)


def known(request: str = ONE, state: Any = "done", recall: str | None = None, pictures: int = 1, **more: Any) -> Known:
    recall = asked().recall or "" if recall is None else recall
    made = tuple(picture(request, place + 1, 40 + place) for place in range(pictures if state == "done" else 0))
    return Known(id=request, model="m", state=state, created=CREATED, recall=recall, pictures=made, **more)


def variation(request: str, of: str, state: Any = "done", transform: str = "UPSCALE") -> Known:
    return known(request, state, Recalled(kind="variation", transform=transform, of=of).text())


def told(outgoing: Outgoing, name: str) -> Any:
    body = read(outgoing)
    assert (outgoing.status, set(body)) == (200, {name})
    return body[name]


def one(found: Known | None, recent: tuple[Known, ...] = (), wanted: str = ONE) -> Any:
    answers = [found] if found is None or not found.pictures else [found, recent]
    outgoing, wants = conversing(generations.one, getting(id=wanted), *answers)
    assert wants[0] == Look(wanted.lower())
    return told(outgoing, "generations_by_pk")


def test_a_generation_is_told_with_every_key_of_a_real_one() -> None:
    assert one(known(recall=asked(**FIELDS).recall, pictures=2)) == {
        "generated_images": [
            {
                "url": LINK,
                "nsfw": False,
                "id": f"{ONE[:-2]}{place}",
                "likeCount": 0,
                "motionMP4URL": None,
                "generated_image_variation_generics": [],
            }
            for place in ("01", "02")
        ],
        "modelId": FLUX,
        "motion": None,
        "motionModel": None,
        "motionStrength": None,
        "prompt": "A majestic cat",
        "negativePrompt": "dogs",
        "imageHeight": 512,
        "imageToVideo": None,
        "imageWidth": 768,
        "inferenceSteps": 20,
        "seed": 2_000_000_000,
        "ultra": True,
        "public": True,
        "scheduler": "DDIM",
        "sdVersion": "FLUX_DEV",
        "status": "COMPLETE",
        "presetStyle": "FILM",
        "initStrength": 0.3,
        "guidanceScale": 7.5,
        "id": ONE,
        "createdAt": "2024-11-19T10:42:59.533",
        "promptMagic": True,
        "promptMagicVersion": "v3",
        "promptMagicStrength": 0.4,
        "photoReal": False,
        "photoRealStrength": 0.5,
        "fantasyAvatar": True,
        "prompt_moderations": [{"moderationClassification": []}],
        "generation_elements": [
            {"id": 1, "lora": {"akUUID": "lora-1"}, "weightApplied": 0.5},
            {"id": 2, "lora": {}, "weightApplied": 1.0},
        ],
    }


def test_what_was_not_said_is_told_as_it_holds() -> None:
    shown = one(known())
    assert (shown["imageWidth"], shown["imageHeight"], shown["inferenceSteps"]) == (1024, 768, 15)
    assert (shown["negativePrompt"], shown["scheduler"], shown["public"]) == ("", "EULER_DISCRETE", False)
    assert (shown["sdVersion"], shown["presetStyle"], shown["guidanceScale"]) == ("SDXL_LIGHTNING", None, None)
    assert shown["seed"] == 40  # as it was drawn


@pytest.mark.parametrize(("state", "status"), [("open", "PENDING"), ("failed", "FAILED")])
def test_without_pictures_there_are_none_and_no_seed(state: str, status: str) -> None:
    shown = one(known(state=state))
    assert (shown["status"], shown["generated_images"], shown["seed"]) == (status, [], None)


def test_a_version_that_is_not_known_is_left_out() -> None:
    assert "sdVersion" not in one(known(recall=asked(modelId="an-operators-own").recall))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (None, ONE),
        (None, "no uuid"),
        (variation(ONE, TWO), ONE),
        (known(recall=""), ONE),
        (known(), ONE[:-2] + "01"),  # the id of its picture
    ],
)
def test_what_is_no_generation_is_null(found: Known | None, wanted: str) -> None:
    outgoing, _ = conversing(generations.one, getting(id=wanted), found)
    assert told(outgoing, "generations_by_pk") is None


def test_an_id_may_be_written_in_capitals() -> None:
    assert one(known(), wanted=ONE.upper())["id"] == ONE


def test_variations_stand_beside_their_picture() -> None:
    first, second = f"{ONE[:-2]}01", f"{ONE[:-2]}02"
    recent = (variation(THREE, second, "open", "NOBG"), known(TWO), variation(TWO, first), known(THREE, recall=""))
    shown = one(known(pictures=2), recent)["generated_images"]
    assert [each["generated_image_variation_generics"] for each in shown] == [
        [{"id": TWO, "status": "COMPLETE", "transformType": "UPSCALE", "url": LINK}],
        [{"id": THREE, "status": "PENDING", "transformType": "NOBG", "url": None}],
    ]


# Forgetting.


@pytest.mark.parametrize("gone", [True, False])
def test_a_generation_is_forgotten(gone: bool) -> None:
    outgoing, wants = conversing(generations.forget, getting(id=ONE.upper()), known(), gone)
    assert wants == [Look(ONE), Erase(ONE)]
    assert told(outgoing, "delete_generations_by_pk") == ({"id": ONE} if gone else None)


def test_what_is_no_generation_is_not_forgotten() -> None:
    outgoing, wants = conversing(generations.forget, getting(id=ONE), variation(ONE, TWO))
    assert (told(outgoing, "delete_generations_by_pk"), wants) == (None, [Look(ONE)])


# All of them.


def many(history: list[Known], **query: str) -> tuple[list[str], int]:
    """The ids told of a history, and how often it was looked back at."""
    answers = [history[start : start + 100] for start in range(0, len(history) + 1, 100)]
    conversation = generations.many(getting(query=query, user=user_id("team")))
    wanted: list[LookBack] = []
    try:
        want = next(conversation)
        while True:
            assert isinstance(want, LookBack)
            assert want == LookBack(100 * len(wanted), 100)
            wanted.append(want)
            want = conversation.send(answers[len(wanted) - 1])
    except StopIteration as end:
        return [each["id"] for each in told(end.value, "generations")], len(wanted)


HISTORY = [
    known(f"{place:08x}-1111-4111-8111-111111111100")
    if place % 3
    else variation(f"{place:08x}-1111-4111-8111-111111111100", ONE)
    for place in range(330)
]
GENERATIONS = [each.id for each in HISTORY if '"kind"' not in each.recall]


@pytest.mark.parametrize(
    ("query", "expected", "looks"),
    [
        ({}, GENERATIONS[:10], 1),
        ({"offset": "0", "limit": "10"}, GENERATIONS[:10], 1),
        ({"offset": "60", "limit": "10"}, GENERATIONS[60:70], 2),
        ({"offset": "1", "limit": "2"}, GENERATIONS[1:3], 1),
        ({"limit": "500"}, GENERATIONS, 4),
        ({"offset": "500"}, [], 4),
        ({"limit": "0"}, [], 0),
        ({"limit": ""}, GENERATIONS[:10], 1),
    ],
)
def test_the_latest_generations_are_told_page_by_page(query: dict[str, str], expected: list[str], looks: int) -> None:
    assert len(GENERATIONS) == 220
    assert many(HISTORY, **query) == (expected, looks)


def test_a_history_may_be_empty() -> None:
    assert many([]) == ([], 1)


@pytest.mark.parametrize("query", [{"limit": "-1"}, {"limit": "501"}, {"offset": "x"}, {"offset": "1.5"}])
def test_pages_have_their_bounds(query: dict[str, str]) -> None:
    found = refused(lambda: conversing(generations.many, getting(query=query, user=ONE)))
    assert (found.status, found.path) == (400, "$")


# Variations by themselves.


@pytest.mark.parametrize(
    ("state", "status", "url"), [("open", "PENDING", None), ("done", "COMPLETE", LINK), ("failed", "FAILED", None)]
)
def test_a_variation_is_told_as_a_list_of_one(state: str, status: str, url: str | None) -> None:
    outgoing, _ = conversing(generations.varied, getting(id=ONE), variation(ONE, TWO, state))
    [shown] = told(outgoing, "generated_image_variation_generic")
    assert shown == {
        "url": url,
        "status": status,
        "id": ONE,
        "createdAt": "2024-11-19T10:42:59.533",
        "transformType": "UPSCALE",
    }


@pytest.mark.parametrize("found", [None, known()])
def test_what_is_no_variation_is_an_empty_list(found: Known | None) -> None:
    outgoing, _ = conversing(generations.varied, getting(id=ONE), found)
    assert told(outgoing, "generated_image_variation_generic") == []


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [(0, "1970-01-01T00:00:00.000"), (1, "1970-01-01T00:00:00.001"), (1_735_689_599_999, "2024-12-31T23:59:59.999")],
)
def test_a_moment_is_written_without_its_zone(milliseconds: int, written: str) -> None:
    assert moment(milliseconds) == written


def test_a_team_has_one_id_and_no_other_team_has_it() -> None:
    ids = {user_id(name) for name in ("team", "Team", "", "ä", KINO)}
    assert len(ids) == 5
    assert user_id("team") == user_id("team")
    assert all(each[14] == "4" and each[19] in "89ab" for each in ids)
