"""What is told of providers, operations, models and health: what is configured, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import ControlKind, EditKind, Failure, Model, Sizes, UpscaleKind
from proxy.dialects.contract import Card
from tests.dialects.alwrity.asking import World, offer, talked, told

EDITS = frozenset({f"edit.{kind}" for kind in EditKind})
CONTROLS = frozenset({f"control.{kind}" for kind in ControlKind})


def card(name: str, *providers: str, does: set[str] | frozenset[str] = frozenset({"generate"}), **more: Any) -> Card:
    facts = {key: more.pop(key) for key in ("sizes", "inputs", "shows", "description") if key in more}
    model = Model(name=name, title=f"The {name}", operations=frozenset(does), **facts)
    usual = {"title": model.title, "description": model.description, "served_by": name}
    return Card(**{"name": name, "model": model, "providers": providers, **usual, **more})


CARDS = (
    card("ultra", "stability", sizes=Sizes(listed=("2048x2048", "1024x1024"))),
    card("core", "stability", "spare", sizes=Sizes(step=64, min_side=64, max_side=1536, max_pixels=1_500_000)),
    card("enlarge", "stability", does={f"upscale.{kind}" for kind in UpscaleKind}),
    card("qwen-image", "wavespeed", sizes=Sizes(step=8, max_side=1024)),
    card("hidden", "stability", shows=False),
    card("standard", "stability", served_by="core"),
    card("Company look", "wavespeed", served_by="qwen-image", title="Company look"),
    card("told of", "wavespeed", served_by="qwen-image"),
    card("unreachable"),
    card("cleaner", "acme", does={"edit.remove_background"}, sizes=Sizes(step=1)),
)
PRICES = {
    "ultra": [offer("stability", "ultra", "0.08")],
    "core": [offer("stability", "core", "0.03"), offer("spare", "core", None), offer("spare", "core", "9", out="no")],
    "qwen-image": [offer("wavespeed", "qwen-image", "0.05")],
    "Company look": [offer("wavespeed", "qwen-image", "0.05")],
}


def providers(**options: Any) -> Any:
    return talked("/providers", method="GET", world=World(CARDS, PRICES), options=options)["providers"]


def test_providers_are_those_that_could_serve() -> None:
    assert providers() == {
        "stability": {
            "name": "Stability AI",
            "models": ["ultra", "core", "enlarge"],
            "capabilities": ["generation", "upscaling"],
            "max_resolution": "2048x2048",
            "cost_range": "1.5-4 credits",
        },
        "spare": {
            "name": "spare",
            "models": ["core"],
            "capabilities": ["generation"],
            "max_resolution": "1216x1216",
            "cost_range": "not known",
        },
        "wavespeed": {
            "name": "WaveSpeed AI",
            "models": ["qwen-image", "Company look"],
            "capabilities": ["generation"],
            "max_resolution": "1024x1024",
            "cost_range": "2.5 credits",
        },
        "acme": {
            "name": "acme",
            "models": ["cleaner"],
            "capabilities": ["editing"],
            "max_resolution": "1024x1024",
            "cost_range": "not known",
        },
    }


def test_providers_may_have_other_names_and_prices_in_usd() -> None:
    found = providers(currency="USD", titles={"acme": "Acme Ltd."})
    assert found["acme"]["name"] == "Acme Ltd."
    assert found["stability"]["cost_range"] == "$0.03-$0.08 per image"
    assert found["wavespeed"]["cost_range"] == "$0.05 per image"


def test_a_model_that_cannot_be_priced_takes_nobody_elses_place() -> None:
    found = talked("/providers", method="GET", world=World(CARDS))["providers"]
    assert {each["cost_range"] for each in found.values()} == {"not known"}


def test_without_models_there_is_nobody() -> None:
    assert talked("/providers", method="GET", world=World())["providers"] == {}


# Operations.

EDIT_FIELDS = {
    "remove_background": set(),
    "inpaint": {"prompt", "mask", "negative_prompt"},
    "outpaint": {"negative_prompt", "expansion"},
    "search_replace": {"prompt", "search_prompt"},
    "search_recolor": {"prompt", "select_prompt"},
    "relight": {"background", "lighting"},
    "general_edit": {"prompt", "mask", "negative_prompt"},
}
LABELS = {
    "remove_background": "Remove Background",
    "inpaint": "Inpaint & Fix",
    "outpaint": "Outpaint",
    "search_replace": "Search & Replace",
    "search_recolor": "Search & Recolor",
    "relight": "Replace Background & Relight",
    "general_edit": "Prompt-based Edit",
}
CONTROL_FIELDS = {
    "sketch": {"control_image", "control_strength"},
    "structure": {"control_image", "control_strength"},
    "style": {"control_image", "fidelity", "aspect_ratio"},
    "style_transfer": {"control_image", "style_image", "style_strength"},
}
ALL_FIELDS = {
    *("prompt", "mask", "negative_prompt", "search_prompt"),
    *("select_prompt", "background", "lighting", "expansion"),
}
ALL_CONTROLS = {
    *("control_image", "style_image", "control_strength"),
    *("fidelity", "style_strength", "aspect_ratio"),
}


@pytest.mark.parametrize("operation", EDIT_FIELDS)
def test_an_edit_is_told_with_the_fields_of_its_form(operation: str) -> None:
    found = told("/edit/operations", cards=[card("all", "stability", does=EDITS)])["operations"]
    assert list(found) == list(EDIT_FIELDS)
    entry = found[operation]
    assert set(entry) == {"label", "description", "provider", "async", "fields"}
    assert (entry["label"], entry["provider"], entry["async"]) == (LABELS[operation], "stability", False)
    assert entry["description"]
    assert entry["fields"] == {field: field in EDIT_FIELDS[operation] for field in ALL_FIELDS}


@pytest.mark.parametrize("operation", CONTROL_FIELDS)
def test_a_control_is_told_with_the_fields_of_its_form(operation: str) -> None:
    found = told("/control/operations", cards=[card("all", "stability", does=CONTROLS)])["operations"]
    assert list(found) == list(CONTROL_FIELDS)
    entry = found[operation]
    assert set(entry) == {"label", "description", "provider", "fields"}
    assert entry["label"]
    assert entry["description"]
    assert entry["provider"] == "stability"
    assert entry["fields"] == {field: field in CONTROL_FIELDS[operation] for field in ALL_CONTROLS}


def test_only_what_a_model_does_and_somebody_serves_is_told() -> None:
    cards = [card("nobody", does=EDITS), card("one", "acme", does={"edit.inpaint", "control.sketch"})]
    assert set(told("/edit/operations", cards=cards)["operations"]) == {"inpaint"}
    assert set(told("/control/operations", cards=cards)["operations"]) == {"sketch"}
    assert told("/edit/operations") == told("/control/operations") == {"operations": {}}


def test_the_provider_of_an_operation_is_that_of_the_model_by_its_role() -> None:
    cards = [card("a", "acme", does=EDITS), card("inpaint", "stability", served_by="b", does=EDITS)]
    found = told("/edit/operations", cards=cards)["operations"]
    assert found["inpaint"]["provider"] == "stability"
    assert found["outpaint"]["provider"] == "acme"


# Models for edits.

MODEL_KEYS = {
    *("id", "name", "description", "cost", "cost_8k", "tier", "max_resolution", "capabilities", "use_cases"),
    *("features", "supports_multi_image", "supports_controlnet", "languages", "provider"),
}
GENERAL = {"edit.general"}
EDITORS = (
    card("dear", "a", does=GENERAL | {"edit.inpaint"}, sizes=Sizes(step=1, max_side=4096), inputs=5),
    card("cheap", "a", does=GENERAL | {"control.style"}, sizes=Sizes(step=1, max_side=1536), description="Small."),
    card("fair", "b", does=GENERAL, sizes=Sizes(step=1, max_side=2048)),
    card("unpriced", "a", does=GENERAL),
    card("absent", does=GENERAL),
    card("edit", "a", does=GENERAL, served_by="cheap"),
    card("cleaner", "a", does={"edit.remove_background"}),
    card("draws", "a"),
)
EDIT_PRICES = {
    "dear": [offer("a", "dear", "0.15")],
    "cheap": [offer("a", "cheap", "0.02")],
    "fair": [offer("b", "fair", "0.04")],
    "unpriced": [offer("a", "unpriced", None)],
    "cleaner": [offer("a", "cleaner", "0.04")],
}


def editors(**query: str) -> Any:
    return talked("/edit/models", method="GET", world=World(EDITORS, EDIT_PRICES), query=query)


def test_models_for_edits_are_told_as_the_front_end_reads_them_cheapest_first() -> None:
    found = editors()
    assert [each["id"] for each in found["models"]] == ["cheap", "fair", "cleaner", "dear"]
    assert found["total"] == 4
    for each in found["models"]:
        assert set(each) == MODEL_KEYS
        assert isinstance(each["cost"], float)
        assert each["tier"] in ("budget", "mid", "premium")
    cheap, *_, dear = found["models"]
    assert (cheap["name"], cheap["description"], cheap["tier"], cheap["cost"]) == (
        "The cheap",
        "Small.",
        "budget",
        0.02,
    )
    assert (dear["tier"], dear["max_resolution"]) == ("premium", [4096, 4096])
    assert (dear["supports_multi_image"], cheap["supports_multi_image"]) == (True, False)
    assert (dear["supports_controlnet"], cheap["supports_controlnet"]) == (False, True)
    assert dear["capabilities"] == ["inpaint", "general_edit"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"operation": "general_edit"}, ["cheap", "fair", "dear"]),
        ({"operation": "inpaint"}, ["dear"]),
        ({"operation": "remove_background"}, ["cleaner"]),
        ({"operation": "outpaint"}, []),
        ({"tier": "mid"}, ["fair", "cleaner"]),
        ({"tier": "mid", "operation": "general_edit"}, ["fair"]),
        ({"operation": ""}, ["cheap", "fair", "cleaner", "dear"]),
    ],
)
def test_models_of_an_operation_and_of_a_tier(query: dict[str, str], ids: list[str]) -> None:
    assert [each["id"] for each in editors(**query)["models"]] == ids


@pytest.mark.parametrize("query", [{"operation": "knit"}, {"tier": "royal"}])
def test_an_operation_or_a_tier_there_is_none_of_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Failure):
        editors(**query)


def recommended(**body: Any) -> Any:
    return talked("/edit/recommend", {"operation": "general_edit", **body}, world=World(EDITORS, EDIT_PRICES))


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({}, "cheap"),
        ({"image_resolution": {"width": 1024, "height": 1536}}, "cheap"),
        ({"image_resolution": {"width": 2000, "height": 1000}}, "fair"),
        ({"image_resolution": {"width": 4000, "height": 3000}}, "dear"),
        ({"image_resolution": {"width": 9000, "height": 9000}}, "dear"),
        ({"preferences": {"prioritize_quality": True}}, "dear"),
        ({"preferences": {"prioritize_quality": True, "prioritize_cost": True}}, "cheap"),
        ({"preferences": {"prioritize_cost": True}}, "cheap"),
        ({"user_tier": "mid"}, "fair"),
        ({"user_tier": "enterprise"}, "cheap"),
        ({"operation": "inpaint", "user_tier": "budget"}, "dear"),
    ],
)
def test_a_model_is_recommended_that_fits_and_is_cheapest_unless_quality_is_preferred(
    body: dict[str, Any], model: str
) -> None:
    found = recommended(**body)
    assert set(found) == {"recommended_model", "reason", "alternatives"}
    assert found["recommended_model"] == model
    assert model in found["reason"]


def test_alternatives_say_how_they_differ() -> None:
    others = recommended(preferences={"prioritize_quality": True})["alternatives"]
    assert [set(each) for each in others] == [{"model_id", "name", "cost", "reason"}] * 2
    assert [each["model_id"] for each in others] == ["fair", "cheap"]
    assert others[0]["reason"].startswith("Costs less")
    assert recommended()["alternatives"][0]["reason"].startswith("Costs more")
    same = World([EDITORS[1], EDITORS[2]], {"cheap": EDIT_PRICES["cheap"], "fair": [offer("b", "fair", "0.02")]})
    told_ = talked("/edit/recommend", {"operation": "general_edit"}, world=same)
    assert told_["alternatives"][0]["reason"].startswith("Costs the same")


@pytest.mark.parametrize(
    "body",
    [
        {"operation": None},
        {"operation": "knit"},
        {"operation": "outpaint"},
        {"image_resolution": 3},
        {"image_resolution": {"width": -1}},
        {"preferences": {"prioritize_cost": "maybe"}},
    ],
)
def test_what_cannot_be_recommended_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(Failure):
        recommended(**body)


# Health.


def test_health_says_what_there_is_a_model_for() -> None:
    found = talked("/health", method="GET", world=World(CARDS))
    assert {key: found[key] for key in ("status", "service", "version")} == {
        "status": "healthy",
        "service": "image_studio",
        "version": "1.0.0",
    }
    modules = found["modules"]
    assert {modules[name] for name in ("create_studio", "templates", "providers", "edit_studio", "compression")} == {
        "available"
    }
    assert modules["control_studio"] == "unavailable"
    assert talked("/health", method="GET", world=World())["status"] == "degraded"
