"""Every parameter of a generation: its type, its range, its words, its default."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.leonardo.models import VERSIONS
from proxy.dialects.leonardo.parse import parse_generation, recalled
from proxy.dialects.leonardo.styles import PRESETS
from proxy.dialects.leonardo.table import GENERATION, SAMPLERS
from tests.dialects.leonardo.asking import DREAMSHAPER, FLUX, ONE, asked, generated, posting, refused
from tests.properties import MANY


def words(text: str) -> list[str]:
    return text.split()


PARAMETERS = words(
    "alchemy contrastRatio contrast controlnets elements userElements expandedDomain fantasyAvatar guidance_scale "
    "height highContrast highResolution imagePrompts imagePromptWeight init_generation_image_id init_image_id "
    "init_strength modelId negative_prompt num_images num_inference_steps photoReal photoRealVersion "
    "photoRealStrength presetStyle prompt promptMagic promptMagicStrength promptMagicVersion public scheduler "
    "sd_version seed tiling transparency ultra unzoom unzoomAmount upscaleRatio width controlNet controlNetType "
    "weighting canvasRequest canvasRequestType canvasInitId canvasMaskId enhancePrompt enhancePromptInstruction"
)
BOOLEANS = words(
    "alchemy expandedDomain fantasyAvatar highContrast highResolution photoReal promptMagic public tiling ultra "
    "unzoom controlNet canvasRequest enhancePrompt"
)
WORDS = {
    "photoRealVersion": ["v1", "v2"],
    "presetStyle": words(
        "ANIME BOKEH CINEMATIC CINEMATIC_CLOSEUP CREATIVE DYNAMIC ENVIRONMENT FASHION FILM FOOD GENERAL HDR "
        "ILLUSTRATION LEONARDO LONG_EXPOSURE MACRO MINIMALISTIC MONOCHROME MOODY NONE NEUTRAL PHOTOGRAPHY PORTRAIT "
        "RAYTRACED RENDER_3D RETRO SKETCH_BW SKETCH_COLOR STOCK_PHOTO VIBRANT UNPROCESSED"
    ),
    "promptMagicVersion": ["v2", "v3"],
    "scheduler": words("KLMS EULER_ANCESTRAL_DISCRETE EULER_DISCRETE DDIM DPM_SOLVER PNDM LEONARDO"),
    "sd_version": words("v1_5 v2 v3 SDXL_0_8 SDXL_0_9 SDXL_1_0 SDXL_LIGHTNING PHOENIX FLUX FLUX_DEV KINO_2_0"),
    "transparency": ["disabled", "foreground_only"],
    "controlNetType": ["POSE", "CANNY", "DEPTH"],
}
NUMBERS: list[tuple[str, list[float], list[float]]] = [
    ("contrastRatio", [0, 0.5, 1, 1.0], [-0.01, 1.01]),
    ("contrast", [1.0, 1, 1.3, 1.8, 2.5, 3, 3.0, 3.5, 4, 4.5], [0, 0.9, 1.1, 2, 4.6, 5]),
    ("guidance_scale", [1, 1.0, 7, 7.5, 20], [0, 0.99, 20.01, 31, -1]),
    ("height", [32, 40, 1536, 512.0], [0, 24, 31, 33, 1544, 2**40, -32]),
    ("width", [32, 40, 1536, 512.0], [0, 24, 31, 33, 1544, 2**40, -32]),
    ("imagePromptWeight", [0, 0.5, 2], [1e7]),
    ("init_strength", [0.1, 0.5, 0.9], [0, 0.09, 0.91, 1]),
    ("num_images", [1, 4, 2.0], [0, 9, -1]),
    ("num_inference_steps", [10, 60, 30.0], [9, 61, 0]),
    ("photoRealStrength", [0.55, 0.5, 0.45], [0.4, 0.56, 1]),
    ("promptMagicStrength", [0.1, 1.0, 1], [0.05, 1.1]),
    ("seed", [0, 7.0, 2**32, 9_999_999_998], [-1, 9_999_999_999, 2**63]),
    ("upscaleRatio", [0, 1, 1.5], [-1]),
    ("weighting", [0, 0.75, 1.5], [-0.1]),
]
TEXTS = ["negative_prompt", "modelId", "enhancePromptInstruction", "init_image_id", "styleUUID"]
LISTS = ["controlnets", "elements", "userElements", "imagePrompts", "contextImages"]
WHOLE = ["height", "width", "num_images", "num_inference_steps", "seed"]


def test_the_table_has_every_parameter_in_the_order_of_the_reference() -> None:
    assert list(GENERATION)[:49] == PARAMETERS
    assert len(PARAMETERS) == 49
    assert list(GENERATION)[49:] == ["styleUUID", "contextImages"]
    assert list(PRESETS) == WORDS["presetStyle"]
    assert list(SAMPLERS) == WORDS["scheduler"]
    assert list(VERSIONS) == WORDS["sd_version"]


@pytest.mark.parametrize("name", [*PARAMETERS, "styleUUID", "contextImages"])
def test_null_is_the_same_as_nothing_everywhere_but_in_the_prompt(name: str) -> None:
    if name == "prompt":
        assert "prompt" in refused(lambda: asked(prompt=None)).error
    else:
        assert asked(**{name: None}).recall == asked().recall
        assert asked(**{name: None}).notes == ()


def test_what_holds_where_nothing_is_said() -> None:
    request = generated()
    assert (request.n, request.width, request.height, request.exact) == (4, 1024, 768, True)
    assert request.model == "b24e16ff-06e3-43eb-8d33-4416c2d75876"
    chosen = ("seed", "steps", "guidance", "sampler", "style", "quality", "negative", "contrast", "background")
    assert [getattr(request, name) for name in chosen] == [None] * len(chosen)
    assert (request.tiling, request.adapters, request.enhance, request.format) == (None, None, False, None)


@pytest.mark.parametrize("name", ["Prompt", "sd_Version", "guidanceScale", "steps", "n", "model", "\x00"])
def test_an_unknown_name_is_refused_by_that_name(name: str) -> None:
    found = refused(lambda: asked(**{name: 1}))
    assert (found.status, found.code, found.path, found.error) == (
        400,
        "bad-request",
        "$",
        f"Unexpected variable {name}",
    )


@pytest.mark.parametrize("prompt", [None, "", " \n"])
def test_a_prompt_must_be_there(prompt: str | None) -> None:
    found = refused(lambda: asked(prompt=prompt))
    assert (found.status, found.code, found.path) == (400, "validation-failed", "$")
    assert found.error == 'expecting a value for non-nullable variable: "prompt"'


def test_a_prompt_has_at_most_1500_characters() -> None:
    assert generated(prompt="ö" * 1500).prompt == "ö" * 1500
    found = refused(lambda: asked(prompt="ö" * 1501))
    assert (found.status, found.code, found.path) == (400, "unexpected", "$")
    assert "maximum length of 1500" in found.error


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"prompt"', b"\xff", b"[" * 9000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    found = refused(lambda: parse_generation(posting(body)))
    assert (found.status, found.code) == (400, "validation-failed")


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
def test_a_boolean_is_one_and_nothing_that_looks_like_it(name: str, value: Any) -> None:
    found = refused(lambda: asked(**{name: value}))
    assert (found.status, found.code) == (400, "validation-failed")
    assert found.path == f"$.selectionSet.sdGenerationJob.args.arg1.{name}"
    assert "expected a boolean for type 'Boolean'" in found.error


@pytest.mark.parametrize(("name", "choices"), WORDS.items())
def test_a_word_is_one_of_its_words(name: str, choices: list[str]) -> None:
    for choice in choices:
        assert asked(**{name: choice}).recall != asked().recall
    for wrong in [choices[0].swapcase(), f"{choices[0]} ", "other", 1, True, [choices[0]]]:
        found = refused(lambda wrong=wrong: asked(**{name: wrong}))  # type: ignore[misc]
        assert (found.status, found.code) == (400, "validation-failed")
        assert found.path.endswith(f".{name}")


@pytest.mark.parametrize(("name", "right", "wrong"), NUMBERS)
def test_a_number_is_within_its_range(name: str, right: list[float], wrong: list[float]) -> None:
    for value in right:
        assert name in (asked(**{name: value, "modelId": FLUX if name == "contrast" else None}).recall or "")
    for value in wrong:
        found = refused(lambda value=value: asked(**{name: value}))  # type: ignore[misc]
        assert (found.status, found.code, found.path) == (400, "unexpected", "$")
        assert name in found.error
    mistypes: list[Any] = ["1", True, [], {}]
    for mistyped in mistypes:
        found = refused(lambda mistyped=mistyped: asked(**{name: mistyped}))  # type: ignore[misc]
        assert (found.status, found.code) == (400, "validation-failed")
        assert found.path.endswith(f".{name}")


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_may_be_written_with_a_point_but_not_be_a_fraction(name: str) -> None:
    assert refused(lambda: asked(**{name: 64.5})).code == "validation-failed"
    kept = recalled(asked(**{name: 4.0 if name == "num_images" else 32.0}).recall or "")
    assert kept is not None
    assert isinstance(kept.asked[name], int)


@pytest.mark.parametrize("name", ["width", "height"])
def test_wrong_sides_are_invalid_dimensions(name: str) -> None:
    for value in (31, 36, 1600):
        assert refused(lambda value=value: asked(**{name: value})).error.startswith("invalid dimensions")  # type: ignore[misc]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_a_string(name: str) -> None:
    assert refused(lambda: asked(**{name: 7})).code == "validation-failed"
    assert refused(lambda: asked(**{name: "x" * 40_000})).status == 400


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_one(name: str) -> None:
    assert asked(**{name: []}).notes == ()
    wrongs: list[Any] = ["x", {}, 1]
    for wrong in wrongs:
        assert refused(lambda wrong=wrong: asked(**{name: wrong})).code == "validation-failed"  # type: ignore[misc]
    assert refused(lambda: asked(**{name: [17]})).status == 400
    many = {"id": ONE, "initImageId": ONE, "akUUID": ONE, "userLoraId": 1}
    keys = {"controlnets": "initImageId", "elements": "akUUID", "userElements": "userLoraId", "contextImages": "id"}
    item = {keys[name]: many[keys[name]]} if name in keys else ONE
    assert "at most" in refused(lambda: asked(**{name: [item] * 17})).error


@pytest.mark.parametrize(
    ("name", "item", "missing"),
    [
        ("controlnets", {"preprocessorId": 67}, "controlnets[0].initImageId"),
        ("elements", {"weight": 1}, "elements[0].akUUID"),
        ("userElements", {"weight": 1}, "userElements[0].userLoraId"),
        ("contextImages", {"type": "UPLOADED"}, "contextImages[0].id"),
    ],
)
def test_an_entry_says_what_it_is_of(name: str, item: dict[str, Any], missing: str) -> None:
    found = refused(lambda: asked(**{name: [item]}))
    assert found.error == f'expecting a value for non-nullable variable: "{missing}"'


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("controlnets", {"initImageId": ONE, "initImageType": "STOLEN"}),
        ("controlnets", {"initImageId": ONE, "strengthType": "low"}),
        ("controlnets", {"initImageId": ONE, "preprocessorId": "67"}),
        ("controlnets", {"initImageId": ONE, "weight": -1}),
        ("controlnets", {"initImageId": 1}),
        ("controlnets", {"initImageId": ONE, "mode": 1}),
        ("elements", {"akUUID": ONE, "weight": "1"}),
        ("userElements", {"userLoraId": 1.5}),
        ("contextImages", {"id": ONE, "type": "OTHER"}),
        ("imagePrompts", 5),
    ],
)
def test_an_entry_is_read_as_strictly(name: str, item: Any) -> None:
    found = refused(lambda: asked(**{name: [item]}))
    assert found.status == 400
    assert f"{name}[0]" in found.error


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@MANY
@given(st.sampled_from(["width", "height"]), numbers)
def test_every_side_is_drawn_or_refused(name: str, value: float) -> None:
    legal = float(value).is_integer() if abs(value) < 2**53 else False
    if legal and 32 <= value <= 1536 and value % 8 == 0:
        assert getattr(generated(**{name: value}), name) == value
    else:
        assert refused(lambda: asked(**{name: value})).status == 400


@MANY
@given(st.sampled_from([None, FLUX, DREAMSHAPER]), st.integers(-5, 10**10 + 5))
def test_a_seed_is_kept_or_refused(model: str | None, seed: int) -> None:
    most = 2_147_483_637 if model == FLUX else 9_999_999_998
    if 0 <= seed <= most:
        assert generated(modelId=model, seed=seed).seed == seed
    else:
        assert refused(lambda: asked(modelId=model, seed=seed)).status == 400
