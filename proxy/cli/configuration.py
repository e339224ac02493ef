"""`docs/configuration.md`: every setting of config.yaml, its type, its default and what it means.

`python -m proxy.cli.configuration` writes it, or another file that is named. Types and defaults are those the strict
reader goes by, and the meanings stand under the settings in the code: there is nothing here to keep up to date by hand.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as shapes

from providers.contract import Secret
from proxy.config import Config
from proxy.policy import rules

DEFAULT = Path("docs/configuration.md")
NONE, OWN = "none", "its own"
"""What stands for no value, and for a section whose settings have defaults of their own."""
BAR = r"\|"
"""A bar that ends no cell."""

HEAD = """# Configuration

Every setting of `config.yaml`. Written by `python -m proxy.cli.configuration` from the code that reads the file; do not
edit it. `config.yaml` itself has the usual ones with examples.

Everything has a default unless it says *required*. A setting that is not here is an error, and so is one that stands
twice. `${NAME}` is taken from the environment, and `${NAME:-default}` where it may be missing. USD are written in
quotes, `"0.04"`: a price is never a binary fraction. In a place like `providers.NAME.models[]`, `NAME` is any name and
`[]` any of a list.
"""

RULES = """## rules of a policy

What stands in `policy.rules` and in the lists of `policies`: a name, or a name with its settings:
`prefer_local: {worth: "0.01"}`. A rule drops an offer with a reason, or says what it is worth in USD.

| rule | setting | type | default | meaning |
|---|---|---|---|---|"""


def document() -> str:
    """`docs/configuration.md`."""
    return "\n".join([HEAD, *[_section(each, places) for each, places in structs().items()], *_rules(), ""])


def structs() -> dict[type[msgspec.Struct], list[str]]:
    """Everything config.yaml is made of, where it first stands, and all the places where it does."""
    found: dict[type[msgspec.Struct], list[str]] = {}
    waiting: list[tuple[type[msgspec.Struct], str]] = [(Config, "")]
    while waiting:
        struct, place = waiting.pop(0)
        found.setdefault(struct, []).append(place)
        waiting[:0] = [
            (each, f"{place}.{field.encode_name}{steps}".lstrip("."))
            for field in _fields(struct)
            for each, steps in _within(field.type)
        ]
    return found


@cache
def _shape(struct: type[msgspec.Struct]) -> shapes.StructType:
    shape = shapes.type_info(struct)
    assert isinstance(shape, shapes.StructType)
    return shape


def _fields(struct: type[msgspec.Struct]) -> tuple[shapes.Field, ...]:
    return _shape(struct).fields


def _within(shape: Any, steps: str = "") -> Iterator[tuple[type[msgspec.Struct], str]]:
    """The structs a type is made of, however deep, and the way to each."""
    match shape:
        case shapes.StructType():
            yield shape.cls, steps
        case shapes.UnionType():
            for each in shape.types:
                yield from _within(each, steps)
        case shapes.DictType():
            yield from _within(shape.value_type, f"{steps}.NAME")
        case shapes.VarTupleType() | shapes.ListType() | shapes.FrozenSetType():
            yield from _within(shape.item_type, f"{steps}[]")
        case shapes.Metadata():
            yield from _within(shape.type, steps)


# A section.


def _section(struct: type[msgspec.Struct], places: list[str]) -> str:
    shape = _shape(struct)
    at = ", ".join(f"`{place}`" for place in dict.fromkeys(places) if place)
    chosen = f", chosen by `{shape.tag_field}: {shape.tag}`" if shape.tag else ""
    lines = [f"## {title(struct)}\n", *([f"At {at}{chosen}.\n"] if at else []), f"{_prose(struct.__doc__)}\n"]
    lines += ["| setting | type | default | meaning |", "|---|---|---|---|", *[_row(cells) for cells in rows(struct)]]
    return "\n".join([*lines, ""])


def rows(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    """Setting, type, default and meaning; a section's own first sentence, where nothing is said of it here."""
    said = meanings(struct)
    for field in _fields(struct):
        sections = [_prose(each.__doc__) for each, _ in _within(field.type)]
        own = sections[0].partition(". ")[0].removesuffix(".") + "." if len(sections) == 1 else ""
        yield f"`{field.encode_name}`", _type(field.type), _default(field), said.get(field.name, own)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(each.replace('|', BAR) for each in cells)} |"


def _rules() -> Iterator[str]:
    yield RULES
    for name in sorted(rules.NAMES):
        module = import_module(f"{rules.__name__}.{name}")
        yield _row((f"`{name}`", "", "", "", _prose(module.__doc__)))
        if hasattr(module, "Options"):
            yield from [_row(("", *cells)) for cells in rows(module.Options)]


def title(struct: type[msgspec.Struct]) -> str:
    """What a section is called: `config.yaml`, a row by its setting, anything else by what it is in the code."""
    if struct is Config:
        return "config.yaml"
    name = struct.__name__.removesuffix("Row") or "Row"
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip()


@cache
def meanings(struct: type[msgspec.Struct]) -> Mapping[str, str]:
    """What the code says under every setting that has words of its own, in one line."""
    said: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        if each in (object, msgspec.Struct) or not issubclass(each, msgspec.Struct):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(tree, ast.ClassDef)
        for setting, words in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(setting, ast.AnnAssign) and isinstance(setting.target, ast.Name):
                said.pop(setting.target.id, None)
                if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant):
                    said[setting.target.id] = _prose(str(words.value.value))
    return said


def _prose(text: str | None) -> str:
    return " ".join((text or "").split())


# A type, in words.


def _type(shape: Any) -> str:
    match shape:
        case shapes.Metadata():
            return _type(shape.type)
        case shapes.UnionType():
            return _union(shape)
        case shapes.StructType():
            name = title(shape.cls)
            return f"[{name}](#{_anchor(name)})"
        case shapes.DictType():
            return f"map of names to: {_type(shape.value_type)}"
        case shapes.VarTupleType() | shapes.ListType() | shapes.FrozenSetType():
            return f"list of: {_type(shape.item_type)}"
        case shapes.TupleType():
            return f"[{', '.join(_type(each) for each in shape.item_types)}]"
        case shapes.LiteralType():
            return ", ".join(f"`{each}`" for each in shape.values)
        case shapes.EnumType():
            return ", ".join(f"`{each.value}`" for each in shape.cls)
    return _plain(shape)


def _union(shape: shapes.UnionType) -> str:
    kinds = [_type(each) for each in shape.types if not isinstance(each, shapes.NoneType)]
    return " or ".join(kinds)


def _plain(shape: Any) -> str:
    match shape:
        case shapes.BoolType():
            return "`true`, `false`"
        case shapes.IntType():
            return f"whole number{_bounds(shape)}"
        case shapes.FloatType():
            return f"number{_bounds(shape)}"
        case shapes.DecimalType():
            return "number, in quotes"
        case shapes.StrType():
            return f"text like `{shape.pattern}`" if shape.pattern else "text"
        case shapes.DateType():
            return "day, `2026-11-21`"
        case shapes.AnyType():
            return "anything"
        case shapes.CustomType() if shape.cls is Secret:
            return "text, secret"
    raise TypeError(f"nobody has said what {shape} is in words: say it in {__name__}")


def _bounds(shape: Any) -> str:
    bounds = (("at least", shape.ge), ("above", shape.gt), ("at most", shape.le), ("below", shape.lt))
    return "".join(f", {words} {_told(bound)}" for words, bound in bounds if bound is not None)


def _anchor(name: str) -> str:
    return "".join(each for each in name.lower().replace(" ", "-") if each.isalnum() or each in "-_")


# A default.


def _default(field: shapes.Field) -> str:
    if field.required:
        return "*required*"
    made = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    told = _told(made)
    return f"`{told}`" if told not in (NONE, OWN) else told


def _told(value: Any) -> str:
    """A value as config.yaml would have it."""
    match value:
        case _ if value is None or (not value and isinstance(value, str | tuple | frozenset | Mapping | Secret)):
            return NONE
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case int():
            return f"{value:_}"
        case float():
            return f"{int(value):_}" if value.is_integer() else f"{value:g}"
        case Decimal():
            return f'"{value}"'
        case Mapping():
            return ", ".join(value)
        case tuple() | frozenset():
            listed = [_told(each) for each in value]
            return f"[{', '.join(sorted(listed) if isinstance(value, frozenset) else listed)}]"
        case msgspec.Struct():
            return OWN
    return str(value)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    target.write_text(document())
