"""The tiny model's captions, thesaurus and tokenizer."""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from tools.train_tiny.captions import caption, plain
from tools.train_tiny.scene import Scene, random_scene
from tools.train_tiny.tokenizer import ENTRIES, LONGEST, build_tokenizer, encode
from tools.train_tiny.words import ATTRIBUTES, SAYINGS, plurals, value_of


@cache
def _tokenizer() -> CLIPTokenizer:
    return build_tokenizer()


@cache
def _meanings() -> dict[str, tuple[str, str]]:
    found = {}
    for attribute, values in SAYINGS.items():
        for value, sayings in values.items():
            for saying in sayings:
                for form in {saying, *(plurals(saying) if attribute == "subject" else ())}:
                    found[form] = (attribute, value)
    return found


@cache
def _reader() -> re.Pattern[str]:
    """Any saying, the longest one first."""
    known = sorted(_meanings(), key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, known)) + r")(?!\w)")


def _read(text: str) -> dict[str, set[str]]:
    """What a caption says of each attribute."""
    said: dict[str, set[str]] = {}
    for found in _reader().findall(text.lower()):
        attribute, value = _meanings()[found]
        said.setdefault(attribute, set()).add(value)
    return said


def _scenes(many: int) -> list[Scene]:
    chance = random.Random(7)
    return [random_scene(chance) for _ in range(many)]


def test_every_value_can_be_said() -> None:
    assert set(SAYINGS) == set(ATTRIBUTES)
    for scene in _scenes(500):
        for attribute in ATTRIBUTES:
            assert value_of(scene, attribute) in SAYINGS[attribute]


def test_no_saying_has_two_meanings() -> None:
    meanings: dict[str, set[tuple[str, str]]] = {}
    for attribute, values in SAYINGS.items():
        for value, sayings in values.items():
            assert len(sayings) == len(set(sayings)), value
            for saying in sayings:
                for form in {saying, *(plurals(saying) if attribute == "subject" else ())}:
                    meanings.setdefault(form, set()).add((attribute, value))
    assert {form: found for form, found in meanings.items() if len(found) > 1} == {}


def test_a_plain_caption_says_all_that_is_no_default() -> None:
    for scene in _scenes(2000):
        said = _read(plain(scene))
        for attribute, default in (("time", "day"), ("weather", "clear"), ("style", "flat"), ("size", "medium")):
            expected = value_of(scene, attribute)
            assert said.get(attribute, {default}) == {expected}, (attribute, plain(scene))
        assert said["subject"] == {scene.subject}
        assert said["colour"] == {scene.colour}
        assert said["place"] == {scene.place}


def test_plain_captions_read_well() -> None:
    scene = Scene(
        subject="house", colour="red", position="left", time="sunset", weather="rain", style="watercolor", size="large"
    )
    assert plain(scene) == "a large red house on the left in a meadow at sunset, rain, watercolor"
    assert plain(Scene(subject="fish", colour="orange", count=3, place="sea")) == "three orange fish on the sea"
    orange = Scene(subject="umbrella", colour="orange", place="studio")
    assert plain(orange) == "an orange umbrella on a white background"


def test_a_caption_says_nothing_wrong() -> None:
    chance = random.Random(3)
    for scene in _scenes(5000):
        text = caption(scene, chance)
        for attribute, values in _read(text).items():
            assert values == {value_of(scene, attribute)}, (attribute, text, plain(scene))


@pytest.mark.parametrize(
    ("attribute", "default", "often"),
    [
        ("subject", "", 0.97),
        ("colour", "", 0.95),
        ("place", "", 0.92),
        ("style", "flat", 0.92),
        ("time", "day", 0.92),
        ("weather", "clear", 0.92),
        ("position", "center", 0.92),
        ("count", "1", 0.92),
    ],
)
def test_what_is_told_how_often(attribute: str, default: str, often: float) -> None:
    chance = random.Random(5)
    scenes = [scene for scene in _scenes(6000) if value_of(scene, attribute) != default]
    told = Counter(attribute in _read(caption(scene, chance)) for scene in scenes)
    assert told[True] / len(scenes) == pytest.approx(often, abs=0.03)


def test_the_same_chance_words_it_the_same_way() -> None:
    scenes = _scenes(50)
    first, second = random.Random(1), random.Random(1)
    assert [caption(scene, first) for scene in scenes] == [caption(scene, second) for scene in scenes]
    assert len({caption(scenes[0], first) for _ in range(50)}) > 40


def test_words_are_few_tokens() -> None:
    for values in SAYINGS.values():
        for first, *others in values.values():
            for word in re.findall("[a-z]+", first):
                assert len(_tokenizer().tokenize(word)) == 1, word
            for word in re.findall("[a-z]{2,}", " ".join(others)):
                assert len(_tokenizer().tokenize(word)) <= 2, word
    assert len(_tokenizer()) == ENTRIES


def test_captions_fit() -> None:
    chance = random.Random(9)
    texts = [caption(scene, chance) for scene in _scenes(4000)]
    too_long = sum(len(_tokenizer().tokenize(text)) + 2 > LONGEST for text in texts)
    assert too_long <= 4


def test_encoding_is_what_the_tokenizer_says() -> None:
    chance = random.Random(11)
    texts = ["", "zq\u00e9\u4e16 " * 40, *(caption(scene, chance) for scene in _scenes(100))]
    ids = _tokenizer()(texts, padding="max_length", truncation=True, max_length=LONGEST)["input_ids"]
    assert encode(_tokenizer(), texts).tolist() == ids
    assert encode(build_tokenizer(), texts).tolist() == ids


def test_the_tokenizer_survives_being_saved(tmp_path: Path) -> None:
    _tokenizer().save_pretrained(tmp_path)
    loaded = CLIPTokenizer.from_pretrained(tmp_path)
    chance = random.Random(13)
    texts = [caption(scene, chance) for scene in _scenes(200)]
    assert loaded.model_max_length == LONGEST
    assert loaded.pad_token_id == _tokenizer().pad_token_id == _tokenizer().eos_token_id
    assert encode(loaded, texts).tolist() == encode(_tokenizer(), texts).tolist()
    assert loaded("a red house, 8-bit")["input_ids"] == _tokenizer()("a red house, 8-bit")["input_ids"]
