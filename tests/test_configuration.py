"""`docs/configuration.md` is what the strict reader does: every setting, its type, its default, its meaning."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import yaml
from msgspec import Meta, Struct, structs

from proxy.cli.configuration import DEFAULT, document, meanings, rows, title
from proxy.cli.configuration import structs as sections
from proxy.config import Config, ConfigError, parse

ROOT = Path(__file__).parents[1]
WRITTEN = ROOT / DEFAULT
AGAIN = "write it again with: python -m proxy.cli.configuration"


def test_the_document_is_what_the_code_says() -> None:
    assert WRITTEN.read_text() == document(), f"{DEFAULT} is out of date; {AGAIN}"


@pytest.mark.parametrize("struct", sections(), ids=lambda struct: str(struct.__name__))
def test_every_setting_says_what_it_means(struct: type[Struct]) -> None:
    silent = [setting for setting, _, _, meaning in rows(struct) if not meaning]
    assert silent == [], f"say in a docstring under each of them in {struct.__module__}.{struct.__name__}; then {AGAIN}"
    assert struct.__doc__


def test_every_setting_there_is_has_a_row_and_every_link_a_section() -> None:
    text = document()
    for struct in sections():
        section = text.partition(f"## {title(struct)}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
            field.encode_name for field in structs.fields(struct)
        ]
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= {heading.replace(" ", "-") for heading in headings}


def test_all_that_the_shipped_file_sets_is_in_it() -> None:
    text = document()
    for section, settings in yaml.safe_load((ROOT / "config.yaml").read_text()).items():
        assert f"| `{section}` |" in text
        if section in {"limits", "store", "links", "policy", "log", "drift"}:
            at = text.partition(f"At `{section}`.")[2].partition("\n## ")[0]
            assert [name for name in settings if f"| `{name}` |" not in at] == []


def numbers() -> list[tuple[str, str, str, str]]:
    """Section, setting, type and default, as the written document has them, of sections that stand at the top."""
    found = []
    for section in re.split(r"^## ", WRITTEN.read_text(), flags=re.MULTILINE)[2:]:
        at = re.search(r"^At `(\w+)`\.$", section, re.MULTILINE)
        if at and isinstance(getattr(Config(), at[1], None), Struct):
            found += [
                (at[1], setting, kind, default)
                for setting, kind, default in re.findall(
                    r"^\| `(\w+)` \| ((?:whole )?number[^|]*) \| (\S+) \|", section, re.MULTILINE
                )
            ]
    return found


@pytest.mark.parametrize(("section", "setting", "kind", "default"), numbers())
def test_a_default_and_its_bounds_are_those_of_the_reader(section: str, setting: str, kind: str, default: str) -> None:
    """The written table against the reader: what it says is the default is, and what it says is too little is."""
    read: Any = getattr(getattr(Config(), section), setting)
    if default != "none":
        assert Decimal(str(read)) == Decimal(default.strip('`"'))
    else:
        assert read is None
    for words, bound in re.findall(r"(at least|above|at most|below) ([\d_.]+)", kind):
        edge = Decimal(bound)
        wrong = {"at least": edge - 1, "above": edge, "at most": edge + 1, "below": edge}[words]
        with pytest.raises(ConfigError, match=rf"{section}\.{setting}"):
            parse(f"{section}: {{{setting}: {wrong}}}", {})


def test_there_are_numbers_to_hold_against_the_reader() -> None:
    assert len(numbers()) > 10


class Base(Struct):
    """What both have."""

    kept: int = 0
    """As the base
    says."""
    changed: int = 0
    """Not any more."""


class Made(Base):
    """An example."""

    changed: int = 1
    plain: Annotated[float, Meta(ge=0.5, lt=2)] = 1.5
    odd: frozenset[str] = frozenset({"b", "a"})
    """A set | with a bar."""


def test_meanings_are_inherited_until_a_setting_is_stated_anew() -> None:
    assert meanings(Made) == {"kept": "As the base says.", "odd": "A set | with a bar."}
    assert [row[1:3] for row in rows(Made)] == [
        ("whole number", "`0`"),
        ("whole number", "`1`"),
        ("number, at least 0.5, below 2", "`1.5`"),
        ("list of: text", "`[a, b]`"),
    ]


def test_a_type_nobody_has_words_for_is_an_error_and_not_a_blank() -> None:
    class Strange(Struct):
        """With what YAML cannot say."""

        raw: msgspec.Raw = msgspec.Raw()

    with pytest.raises(TypeError, match="nobody has said what RawType"):
        list(rows(Strange))
