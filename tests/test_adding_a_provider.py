"""The guide for the next provider says what is so: it shows a real file, and one file is all there is to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import providers
from providers.contract import Provider

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "adding-a-provider.md"
VENDORS = sorted(name for name in providers.NAMES if not providers.load(name).here)
SPEAKS = {"openai"}
"""A protocol as much as a vendor: dialects and rows of config.yaml have its name too."""
OWN = (
    "providers/{}.py",
    "providers/{}/",
    "pricing/prices/{}.yaml",
    "proxy/stub/vendors/{}.py",
    "proxy/stub/vendors/{}/",
    "tests/recordings/{}/",
)
"""Where a vendor may be named."""


def test_the_guide_shows_the_file_as_it_is() -> None:
    shown = re.search(r"<!-- (\S+) -->\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert shown is not None
    assert shown[2] == (ROOT / shown[1]).read_text()


def test_the_smallest_provider_is_under_sixty_lines() -> None:
    files = [path for name in VENDORS if (path := ROOT / "providers" / f"{name}.py").is_file()]
    assert min(len(path.read_text().splitlines()) for path in files) < 60


@pytest.mark.parametrize("name", VENDORS)
def test_a_provider_is_found_by_its_file_alone(name: str) -> None:
    assert isinstance(providers.load(name), Provider)
    assert (ROOT / "tests" / "recordings" / name).is_dir()


@pytest.mark.parametrize("name", sorted(set(VENDORS) - SPEAKS))
def test_no_shared_file_names_a_vendor(name: str) -> None:
    own = tuple(place.format(each) for place in OWN for each in providers.NAMES)
    word = re.compile(rf"[\"'.]{name}\b", re.IGNORECASE)
    named = [
        f"{place}: {line.strip()}"
        for folder in ("pricing", "providers", "proxy")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not (place := path.relative_to(ROOT).as_posix()).startswith(own) and "/dialects/" not in place
        for line in path.read_text().splitlines()
        if word.search(line) and not line.lstrip().startswith('"""')
    ]
    assert not named
