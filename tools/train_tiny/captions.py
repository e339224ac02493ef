"""Captions of scenes: what a person could type to get that picture.

`caption` words a scene anew on every call, as people do: in order or not, with synonyms, with praise that means nothing
and now and then with nonsense, so that the model learns what to pass over. `plain` is the one canonical wording.
"""

from __future__ import annotations

import random

from tools.train_tiny.scene import Scene
from tools.train_tiny.words import SAYINGS, listed, plurals, value_of

Words = dict[str, str]
"""Attribute to the saying chosen for it; what is not told is absent."""

TOLD = {"subject": 0.97, "colour": 0.95, "place": 0.92}
"""How often these are told, whatever they are."""
_TOLD_OTHERS = 0.92
_TOLD_DEFAULTS = 0.25
_PLAIN = 0.65
_PRAISED = 0.28
_NONSENSE = 0.12

_DEFAULTS = {
    "count": "1",
    "position": "center",
    "size": "medium",
    "time": "day",
    "weather": "clear",
    "style": "flat",
}

PRAISE = listed(
    """beautiful, highly detailed, 4k, 8k, masterpiece, cute, cinematic lighting, award winning, best quality, high
    quality, lovely, stunning, trending on artstation, amazing, very nice, pretty, charming, hd, high resolution,
    sharp focus, gorgeous, detailed, intricate, elegant, dreamy, cozy, epic, wonderful, perfect composition,
    professional, colorful, vibrant, ultra hd, artstation, soft lighting, dramatic, magical, whimsical, simple, clean,
    adorable, peaceful, quiet, calm, fantastic, modern, old, new, funny"""
)
"""Says nothing about a picture here."""
_ADJECTIVES = listed(
    """beautiful, cute, lovely, nice, pretty, charming, old, new, funny, happy, sad, strange, adorable, elegant,
    magical, shiny, friendly, famous, ancient, modern, fancy, simple, fluffy, sleepy, detailed, gorgeous, majestic,
    mysterious"""
)
_CLAUSES = listed(
    """wearing a smile, with a smile, waiting for someone, that makes me smile, having fun, looking at you, for my
    grandmother, dreaming of something else, playing music, eating cheese, in the style of a master, by a famous
    artist, standing there, with long hair, for a friend, made with care, that nobody has seen, resting, running,
    flying, sitting, reading a story, holding a sign, next to nothing, as seen by visitors, on a journey, with much
    detail, in harmony, sleeping, jumping, made of paper, with a wide lens, please, i would like, can you make it
    nice, happy holidays, inspired by nothing"""
)
"""Says nothing either."""
_SYLLABLES = listed("""ba, ri, lo, zu, ken, mar, tis, vo, qua, fle, dun, ix, so, pra, wel, gry, no""")

_OPENINGS = listed("""picture of, image of, drawing of, a picture of, an image of, a drawing of, artwork of, draw""")

_WHERE = {
    "meadow": ("in a {}", "on a {}", "in the {}"),
    "beach": ("on a {}", "on the {}", "at the {}"),
    "sea": ("on the {}", "at {}", "in the {}", "by the {}"),
    "snow": ("in the {}", "in {}", "on the {}"),
    "desert": ("in the {}", "in a {}"),
    "city": ("in the {}", "in a {}"),
    "forest": ("in a {}", "in the {}"),
    "mountains": ("in front of {}", "in the {}", "in front of the {}", "with {} behind"),
    "studio": ("on a {}", "on {}", "with a {}", "against a {}"),
}
"""The first is the plain one."""
_NAMES = frozenset(
    listed(
        """new york, paris, tokyo, london, berlin, rome, hawaii, mars, arizona, egypt, siberia, alaska, greenland,
        switzerland, antarctica, everest, nature, farmland, grassland, downtown, traffic"""
    )
)
_BARE = frozenset(
    listed(
        """outdoors, indoors, underwater, urban, snowy, isolated, icon, logo, sticker, clipart, clip art, emoji,
        product photo, stock image, moonlit, centered, centred, front and center, square in town, late at night,
        downtown, raining, snowing, snow falling, in the distance, close up, closeup, far away, zoomed in"""
    )
)
"""Said alone, without a preposition."""
_IN_THE = frozenset(
    listed(
        """daytime, afternoon, evening, morning, early morning, nighttime, moonlight, darkness, spring, summer,
        autumn, evening light, morning light, daylight, spring morning, sunset light, night sky, first light"""
    )
)
_UNDER = frozenset(
    listed(
        """night sky, dark sky, starry sky, orange sky, red sky, pink sky, full moon, starry night, moon, setting sun,
        rising sun, clear sky, blue sky, cloudy sky, gray sky, grey sky, bright sun, clouds, fluffy clouds, gray
        clouds, stars in the sky"""
    )
)
_ON_A = frozenset(listed("""day, summer day, nice day, bright day, spring morning"""))
_IN = frozenset(listed("""space, outer space, broad daylight, full daylight"""))
_MOODS = frozenset(
    listed(
        """clear, sunny, cloudless, bright, cloudy, overcast, windy, dull, gloomy, rainy, wet, stormy, foggy, misty,
        hazy"""
    )
)
"""Words for the weather that stand before a noun."""
_MOMENTS = frozenset(listed("""day, night, morning, evening, sunset, afternoon, dawn, sunrise, dusk, midnight"""))
_AFTER = frozenset(listed("""close up, closeup, far away, in the distance, zoomed in"""))
"""Sizes said after the subject."""


def plain(scene: Scene) -> str:
    """The canonical caption: the plain word of the subject, its colour, its place, and all that is no default."""
    words = {
        attribute: sayings[value_of(scene, attribute)][0]
        for attribute, sayings in SAYINGS.items()
        if value_of(scene, attribute) != _DEFAULTS.get(attribute)
    }
    noun = words["subject"] if scene.count == 1 else plurals(words["subject"])[0]
    named = " ".join(words[name] for name in ("count", "size", "colour") if name in words) + f" {noun}"
    parts = [named if scene.count > 1 else _with_article(named)]
    if "position" in words:
        parts.append(f"on the {words['position']}")
    parts.append(_WHERE[scene.place][0].format(words["place"]))
    if "time" in words:
        parts.append(f"at {words['time']}")
    return ", ".join([" ".join(parts), *(words[name] for name in ("weather", "style") if name in words)])


def caption(scene: Scene, chance: random.Random) -> str:
    """One of the many ways to say that scene."""
    words = {name: _saying(name, value_of(scene, name), chance) for name in SAYINGS if _is_told(scene, name, chance)}
    lot = chance.random()
    parts = _tags(scene, words, chance) if lot < 0.25 else _sentence(scene, words, chance)
    _distract(parts, chance)
    text = ", ".join(part for part in parts if part)
    spelling = chance.choices(("lower", "Sentence", "Title"), (65, 27, 8))[0]
    if spelling == "Title":
        text = text.title()
    elif spelling == "Sentence":
        text = text[:1].upper() + text[1:]
    return f"{text}." if chance.random() < 0.2 else text


def _is_told(scene: Scene, attribute: str, chance: random.Random) -> bool:
    if attribute in TOLD:
        return chance.random() < TOLD[attribute]
    if value_of(scene, attribute) != _DEFAULTS[attribute]:
        return chance.random() < _TOLD_OTHERS
    if attribute in ("time", "weather") and scene.place == "studio":
        return False  # it has neither
    if attribute in ("position", "size") and scene.count > 1:
        return False  # they fill the width, as small as that needs
    return chance.random() < _TOLD_DEFAULTS


def _saying(attribute: str, value: str, chance: random.Random) -> str:
    plain_word, *others = SAYINGS[attribute][value]
    return plain_word if not others or chance.random() < _PLAIN else chance.choice(others)


def _tags(scene: Scene, words: Words, chance: random.Random) -> list[str]:
    """Comma-separated, as in "red house, meadow, sunset"."""
    subject = _named(scene, words, chance, article=chance.random() < 0.4)
    rest = [words[name] for name in ("position", "place", "time", "weather", "style") if name in words]
    if chance.random() < 0.6:
        chance.shuffle(rest)
    if chance.random() < 0.12:
        rest.insert(chance.randrange(len(rest) + 1), subject)
        return rest
    return [subject, *rest]


def _sentence(scene: Scene, words: Words, chance: random.Random) -> list[str]:
    """In phrases, as in "watercolor of a red house on a meadow at sunset"."""
    subject = _named(scene, words, chance, article=chance.random() < 0.93)
    if "position" in words:
        subject = f"{subject} {_where_in_picture(words['position'], chance)}"
    around = _around(scene, words, chance)
    style = words.get("style")
    parts = _joined(subject, around, chance)
    if style and chance.random() < 0.5:
        parts[0] = _opened(style, parts[0], chance)
    elif style:
        parts.append(chance.choice((style, style, f"in {style} style", f"{style} style", f"as {style}")))
        if chance.random() < 0.12:
            parts[0] = f"{chance.choice(_OPENINGS)} {parts[0]}"
    elif chance.random() < 0.2:
        parts[0] = f"{chance.choice(_OPENINGS)} {parts[0]}"
    return parts


def _opened(style: str, text: str, chance: random.Random) -> str:
    lead = chance.choice(("{} of", "{} of", "a {} of", "{}:", "{} picture of"))
    named = _with_article(style) if lead.startswith("a ") else style
    return f"{lead.removeprefix('a ').format(named)} {text}"


def _joined(subject: str, around: list[str], chance: random.Random) -> list[str]:
    lot = chance.random()
    if lot < 0.55:
        return [" ".join([subject, *around])]
    if lot < 0.8:
        return [subject, *around]
    if lot < 0.9 and around:
        return [around[0], " ".join([subject, *around[1:]])]
    return [" ".join([subject, *around[:1]]), *around[1:]]


def _around(scene: Scene, words: Words, chance: random.Random) -> list[str]:
    """Phrases for place, time and weather."""
    found = []
    place, time, weather = words.get("place"), words.get("time"), words.get("weather")
    if place:
        found.append(_where(scene.place, place, chance))
    if time and weather in _MOODS and time in _MOMENTS and chance.random() < 0.5:
        found.append(f"on {_with_article(f'{weather} {time}')}")
    else:
        found += [_when(time, chance)] if time else []
        found += [_under(weather, chance)] if weather else []
    if chance.random() < 0.25:
        chance.shuffle(found)
    return found


def _where(place: str, word: str, chance: random.Random) -> str:
    if word in _BARE:
        return word
    if word in _NAMES:
        return f"in {word}"
    plain_form, *others = _WHERE[place]
    form = plain_form if chance.random() < 0.5 else chance.choice(others)
    if form.endswith(" a {}"):
        several = word.endswith("s") and not word.endswith(("ss", "us"))
        return form[:-4] + (word if several else _with_article(word))
    return form.format(word)


def _when(word: str, chance: random.Random) -> str:
    if word in _BARE or chance.random() < 0.08:
        return word
    if word in _UNDER:
        return f"under the {word}" if word in ("moon", "stars in the sky") else f"under {_with_article(word)}"
    if word in _IN_THE:
        return f"in the {word}"
    if word in _IN:
        return f"in {word}"
    if word in _ON_A:
        return f"on {_with_article(word)}" if word != "day" else chance.choice(("by day", "during the day"))
    return f"at {word}"


def _under(word: str, chance: random.Random) -> str:
    if word in _BARE or chance.random() < 0.2:
        return word
    if word in _MOODS:
        return chance.choice(
            (f"under {_with_article(word)} sky", f"in {word} weather", f"{word} sky", f"{word} weather")
        )
    if word in _UNDER:
        return f"under {word}" if word.endswith("s") else f"under {_with_article(word)}"
    return chance.choice((f"in the {word}", f"in {word}", f"with {word}"))


def _where_in_picture(word: str, chance: random.Random) -> str:
    if word in _BARE:
        return word
    if word in SAYINGS["position"]["center"]:
        return f"in the {word}"
    return chance.choice((f"on the {word}", f"on the {word}", f"to the {word}", f"at the {word}"))


def _named(scene: Scene, words: Words, chance: random.Random, *, article: bool) -> str:
    """The subject with its count, size and colour."""
    noun = words.get("subject")
    if noun is None:
        noun = "things" if scene.count > 1 else "thing"
    elif scene.count > 1:
        forms = plurals(noun)
        noun = forms[0] if chance.random() < 0.7 else chance.choice(forms)
    before, after = _described(words, chance)
    text = " ".join([*before, noun])
    count = words.get("count")
    if count:
        lead = _with_article(count) if count.split()[0] in _NEEDS_ARTICLE else count
        text = f"{lead} {text}"
    elif article and scene.count == 1:
        text = _with_article(text) if chance.random() < 0.9 else f"the {text}"
    return " ".join([text, *after])


_NEEDS_ARTICLE = frozenset(
    listed("""lone, single, solitary, lonely, pair, couple, duo, trio, group, row, bunch, flock, dozen""")
)


def _described(words: Words, chance: random.Random) -> tuple[list[str], list[str]]:
    """What stands before the noun, and what after it."""
    before: list[str] = []
    after: list[str] = []
    size, colour = words.get("size"), words.get("colour")
    if size:
        (after if size in _AFTER else before).append(size)
    if colour and chance.random() < 0.06:
        after.append(f"in {colour}")
    elif colour:
        before.append(colour if chance.random() < 0.94 else f"{colour} colored")
    if len(before) == 2 and chance.random() < 0.15:
        before.reverse()
    if chance.random() < 0.1:
        before.insert(0, chance.choice(_ADJECTIVES))
    return before, after


def _distract(parts: list[str], chance: random.Random) -> None:
    """Add what means nothing."""
    if chance.random() < _PRAISED:
        for _ in range(chance.choices((1, 2, 3), (60, 28, 12))[0]):
            parts.insert(chance.randint(0, len(parts)) if chance.random() < 0.2 else len(parts), chance.choice(PRAISE))
    if chance.random() < _NONSENSE:
        nonsense = chance.choice(_CLAUSES) if chance.random() < 0.65 else _babble(chance)
        at = chance.randrange(len(parts))
        if chance.random() < 0.5:
            parts[at] = f"{parts[at]} {nonsense}"
        else:
            parts.insert(at, nonsense)


def _babble(chance: random.Random) -> str:
    return " ".join("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 3))) for _ in range(chance.randint(1, 2)))


def _with_article(text: str) -> str:
    vowel = text[0] in "aeiou8" and not text.startswith(("one", "uni", "ufo", "eu"))
    return f"an {text}" if vowel else f"a {text}"
