"""The templates, and finding one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.alwrity.catalogue import TEMPLATES
from proxy.dialects.alwrity.matching import recommend, search, stem, words_of
from tests.dialects.alwrity.asking import incoming, route, told
from tests.dialects.outcome import outcome
from tests.properties import MANY

ALL = list(TEMPLATES.values())
FACTS = [
    ("instagram_feed_square", "instagram", "social_media", "1:1", 1080, 1080, "photographic", "premium", 3),
    ("instagram_feed_portrait", "instagram", "social_media", "4:5", 1080, 1350, "photographic", "premium", 3),
    ("instagram_story", "instagram", "social_media", "9:16", 1080, 1920, "digital-art", "standard", 3),
    ("instagram_reel_cover", "instagram", "social_media", "9:16", 1080, 1920, "cinematic", "premium", 3),
    ("facebook_feed", "facebook", "social_media", "1.91:1", 1200, 630, "photographic", "standard", 3),
    ("facebook_feed_square", "facebook", "social_media", "1:1", 1080, 1080, "photographic", "standard", 2),
    ("facebook_story", "facebook", "social_media", "9:16", 1080, 1920, "digital-art", "standard", 3),
    ("facebook_cover", "facebook", "social_media", "16:9", 820, 312, "photographic", "premium", 3),
    ("twitter_post", "twitter", "social_media", "16:9", 1920, 1080, "photographic", "standard", 3),
    ("twitter_card", "twitter", "social_media", "2:1", 1200, 600, "digital-art", "standard", 3),
    ("twitter_header", "twitter", "social_media", "3:1", 1500, 500, "photographic", "premium", 3),
    ("linkedin_post", "linkedin", "social_media", "1.91:1", 1200, 628, "photographic", "premium", 3),
    ("linkedin_post_square", "linkedin", "social_media", "1:1", 1080, 1080, "photographic", "premium", 3),
    ("linkedin_article", "linkedin", "social_media", "2:1", 1200, 627, "photographic", "premium", 3),
    ("linkedin_cover", "linkedin", "social_media", "4:1", 1128, 191, "photographic", "premium", 3),
    ("youtube_thumbnail", "youtube", "social_media", "16:9", 1280, 720, "cinematic", "premium", 3),
    ("youtube_channel_art", "youtube", "social_media", "16:9", 1920, 1080, "photographic", "premium", 3),
    ("pinterest_pin", "pinterest", "social_media", "2:3", 1000, 1500, "photographic", "premium", 4),
    ("pinterest_story", "pinterest", "social_media", "9:16", 1080, 1920, "digital-art", "standard", 3),
    ("tiktok_video_cover", "tiktok", "social_media", "9:16", 1080, 1920, "cinematic", "premium", 3),
    ("blog_header", "blog", "blog_content", "16:9", 1920, 1080, "photographic", "premium", 3),
    ("blog_header_wide", "blog", "blog_content", "21:9", 2560, 1080, "photographic", "premium", 3),
    ("email_banner", "email", "email_marketing", "16:9", 1920, 1080, "photographic", "standard", 3),
    ("email_product", "email", "email_marketing", "1:1", 1080, 1080, "photographic", "premium", 3),
    ("website_hero", "website", "brand_assets", "21:9", 2560, 1080, "photographic", "premium", 3),
    ("website_banner", "website", "brand_assets", "16:9", 1920, 1080, "photographic", "premium", 3),
]
"""Id, platform, category, ratio, width, height, style, quality, number of uses."""
KEYS = {
    *("id", "name", "category", "platform", "aspect_ratio", "description"),
    *("recommended_provider", "style_preset", "quality", "use_cases"),
}


@pytest.mark.parametrize("row", FACTS, ids=lambda row: str(row[0]))
def test_a_template_is_as_documented(row: tuple[str, str, str, str, int, int, str, str, int]) -> None:
    id_, platform, category, ratio, width, height, style, quality, uses = row
    found = next(each for each in told("/templates")["templates"] if each["id"] == id_)
    assert set(found) == KEYS
    assert (found["platform"], found["category"], found["style_preset"], found["quality"]) == (
        *(platform, category, style, quality),
    )
    assert set(found["aspect_ratio"]) == {"ratio", "width", "height", "label"}
    assert (found["aspect_ratio"]["ratio"], found["aspect_ratio"]["width"], found["aspect_ratio"]["height"]) == (
        *(ratio, width, height),
    )
    assert found["recommended_provider"] == "ideogram"
    assert len(found["use_cases"]) == uses
    assert isinstance(found["description"], str)
    assert found["description"]
    assert found["aspect_ratio"]["label"]


def test_all_templates_are_told_in_their_order() -> None:
    answer = told("/templates")
    assert set(answer) == {"templates", "total"}
    assert [each["id"] for each in answer["templates"]] == [row[0] for row in FACTS]
    assert answer["total"] == 26


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ({"platform": "instagram"}, 4),
        ({"platform": "facebook"}, 4),
        ({"platform": "linkedin"}, 4),
        ({"platform": "twitter"}, 3),
        ({"platform": "tiktok"}, 1),
        ({"platform": "Website"}, 2),
        ({"platform": ""}, 26),
        ({"category": "social_media"}, 20),
        ({"category": "blog_content"}, 2),
        ({"category": "email_marketing"}, 2),
        ({"category": "brand_assets"}, 2),
        ({"category": "ad_creative"}, 0),
        ({"category": "product"}, 0),
        ({"platform": "blog", "category": "blog_content"}, 2),
        ({"platform": "instagram", "category": "blog_content"}, 0),
    ],
)
def test_templates_of_a_platform_and_of_a_category(query: dict[str, str], total: int) -> None:
    answer = told("/templates", query)
    assert answer["total"] == len(answer["templates"]) == total


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/templates", {"platform": "myspace"}),
        ("/templates", {"category": "memes"}),
        ("/templates/search", {}),
        ("/templates/recommend", {}),
        ("/templates/recommend", {"use_case": "news", "platform": "myspace"}),
    ],
)
def test_what_is_asked_wrongly_is_refused(path: str, query: dict[str, str]) -> None:
    found = route(path, "GET")
    assert isinstance(outcome(found.answer, incoming(query=query), []), Exception)


def ids(query: str) -> list[str]:
    return [each.id for each in search(query, ALL)]


def for_(use_case: str) -> list[str]:
    return [each.id for each in recommend(use_case, ALL)]


def test_an_answer_to_a_search_repeats_what_was_searched() -> None:
    answer = told("/templates/search", {"query": "linkedin"})
    assert (set(answer), answer["total"], answer["query"]) == ({"templates", "total", "query"}, 4, "linkedin")
    answer = told("/templates/recommend", {"use_case": "product showcase", "platform": "instagram"})
    assert set(answer) == {"templates", "total", "use_case"}
    assert answer["templates"][0]["id"] == "instagram_feed_square"
    assert {each["platform"] for each in answer["templates"]} == {"instagram"}


def test_no_words_find_everything_and_words_that_say_nothing_find_nothing() -> None:
    assert len(ids("")) == len(ids("  ")) == 26
    assert ids("the") == ids("zzz") == []


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("linkedin square", "linkedin_post_square"),
        ("square linkedin", "linkedin_post_square"),
        ("LINKEDIN SQUARE!", "linkedin_post_square"),
        ("headers wide", "blog_header_wide"),
        ("recipe", "pinterest_pin"),
        ("insta reel", "instagram_reel_cover"),
        ("yt thumb", "youtube_thumbnail"),
        ("x header", "twitter_header"),
        ("email banners", "email_banner"),
        ("tiktok nonsense", "tiktok_video_cover"),
    ],
)
def test_a_search_goes_by_words_whatever_their_order_and_form(query: str, first: str) -> None:
    assert ids(query)[0] == first


def test_a_search_wants_every_word_where_it_can_have_them() -> None:
    assert all("linkedin" in id_ for id_ in ids("linkedin post"))
    assert "instagram_feed_square" not in ids("linkedin square")


@pytest.mark.parametrize(
    ("use_case", "first"),
    [
        ("product showcase", "instagram_feed_square"),
        ("I want to announce our new product launch to investors on LinkedIn", "linkedin_post"),
        ("a hero section for our landing page", "website_hero"),
        ("hiring campaign", "linkedin_cover"),
        ("step by step guide", "pinterest_story"),
        ("going behind the scenes", "instagram_story"),
        ("thumbnail for a YouTube tutorial", "youtube_thumbnail"),
        ("a newsletter about our holiday sale", "email_banner"),
        ("sharing a link to an article", "twitter_card"),
    ],
)
def test_a_use_case_may_be_told_in_words_of_ones_own(use_case: str, first: str) -> None:
    assert first in for_(use_case)[:2]


def test_what_has_nothing_to_do_with_it_is_not_recommended() -> None:
    assert for_("quantum chromodynamics") == []
    assert len(for_("recipes for a weekend")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stories", "story"),
        ("branding", "brand"),
        ("announcements", "announce"),
        ("announcing", "announce"),
        ("thumbnails", "thumbnail"),
        ("featured", "feature"),
        ("pins", "pin"),
        ("seasonal", "season"),
    ],
)
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("news", "new"), ("business", "busy"), ("tips", "ties"), ("bus", "bu")])
def test_other_words_stay_others(one: str, other: str) -> None:
    assert words_of(one) != words_of(other)


@MANY
@given(st.text(max_size=60) | st.lists(st.sampled_from(["linkedin", "of", "post", "x", "é", "!"])).map(" ".join))
def test_any_words_find_templates_once_each(words: str) -> None:
    for found in (ids(words), for_(words)):
        assert len(found) == len(set(found))
        assert set(found) <= set(TEMPLATES)
