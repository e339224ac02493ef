"""What the documents say is held against what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from proxy import config
from proxy.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = re.findall(r"(?:^\$ |\$\()(darkroom .+?)(?:\)$| &$|\s+#.*$|$)", README, re.MULTILINE)
SPOKEN = re.findall(r"`(darkroom [a-z ]+)`", README)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        assert link.startswith("https://") or (document.parent / link).exists(), link


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) > 6
    assert len(SPOKEN) > 4


@pytest.mark.parametrize("line", [*COMMANDS, *SPOKEN])
def test_every_command_of_the_readme_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, name
        command, context = found, click.Context(found, parent=context)
        if not words and isinstance(command, click.Group):
            return  # a group is spoken of
    if line in COMMANDS:
        command.parse_args(context, words)


def test_every_configuration_of_the_readme_is_one() -> None:
    snippets = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    assert snippets
    for snippet in snippets:
        assert config.parse(snippet, {}).providers


def test_every_setting_the_readme_names_exists() -> None:
    sections = set(config.Config.__struct_fields__)
    for name in ("providers", "models", "policy", "limits", "links", "store", "repeats", "ledger", "metrics", "log"):
        assert f"`{name}" in README or f"`{name}.rules`" in README
        assert name in sections
    for section, setting in re.findall(r"`([a-z]+)\.([a-z_]+)`", README):
        if section in sections and section != "config":
            row = type(getattr(config.Config(), section))
            assert setting in row.__struct_fields__, f"{section}.{setting}"


def test_every_header_the_readme_names_is_read_or_written() -> None:
    sources = "\n".join(path.read_text().lower() for path in (ROOT / "proxy").rglob("*.py"))
    for header in re.findall(r"`(X-Darkroom-[A-Za-z-]+)", README, re.IGNORECASE):
        assert header.lower() in sources, header


def test_every_section_of_the_shipped_configuration_is_a_known_one() -> None:
    assert set(yaml.safe_load((ROOT / "config.yaml").read_text())) <= set(config.Config.__struct_fields__)
