"""From the text of config.yaml to a `Config`, or to a sentence about what is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from providers.contract import Secret
from proxy.config.whole import Config


class ConfigError(ValueError):
    """The configuration is not as it should be; the message says where and what to do."""


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read config.yaml; the defaults where there is none. Raises ConfigError."""
    return Config() if path is None else parse(read_text(path), environ, str(path))


def read_text(path: Path) -> str:
    """The text of a file. Raises ConfigError."""
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Give the right path with --config.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text") from error


def parse(text: str, environ: Mapping[str, str], name: str = "config.yaml") -> Config:
    """The configuration in a text, `${NAME}` and `${NAME:-default}` taken from the environment. Raises ConfigError."""
    try:
        tree = yaml.load(text, _Loader)  # noqa: S506  a safe loader
    except yaml.MarkedYAMLError as error:  # its own text would show the line, and a line may hold a key
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}, line {line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # YAML's own ValueError: a date like 2026-13-01
        raise ConfigError(f"{name} is not YAML: {error}") from error
    tree = _expand({} if tree is None else tree, environ)
    try:
        return _converted(tree)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_with_names(tree, str(error))}") from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the earlier one would be dropped in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in names:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


def _converted(tree: Any) -> Config:
    return msgspec.convert(tree, Config, dec_hook=_hook)


_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[(\.\.\.)\]")


def _with_names(tree: Any, message: str) -> str:
    """The message, its path with the names that msgspec leaves out: `$.providers.openai`, not `$.providers[...]`."""
    says, found, path = message.rpartition(" - at `$")
    if not found:
        return message
    node, walked = tree, "$"
    for name, place, nameless in _STEP.findall(path):
        step = int(place) if place else _culprit(tree, node, message) if nameless else name
        walked += f"[{step}]" if place else f".{step}"
        node = node[step]
    return f"{says} - at `{walked}`"


def _culprit(tree: Any, entries: dict[str, Any], message: str) -> str:
    """The entry because of which the tree is refused with that message. Leaves the tree with no other."""
    kept = dict(entries)
    return next(name for name in kept if _complaint(tree, entries, {name: kept[name]}) == message)


def _complaint(tree: Any, entries: dict[str, Any], instead: dict[str, Any]) -> str:
    entries.clear()
    entries.update(instead)
    try:
        _converted(tree)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _expand(tree: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {name: _expand(value, environ) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_expand(value, environ) for value in tree]
    if isinstance(tree, str):
        return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2] or "", tree)
    return tree


def _hook(kind: type, value: Any) -> Any:
    assert kind is Secret, kind
    if not isinstance(value, str):
        raise ValueError("a key is text: put it in quotes")  # noqa: TRY004  what msgspec adds the place to
    return Secret(value)
