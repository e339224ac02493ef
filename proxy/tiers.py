"""What a class of models is worth beside another: its tier, and the grade that gives each of its models."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.config import ClassRow, Config, ConfigError

TIERS: Mapping[str, int] = {"draft": 1, "standard": 2, "premium": 3}
"""Grades by tier, as `Offer.grade` counts them."""


def tier(grade: int) -> str:
    """The tier of a grade."""
    return next(name for name, known in TIERS.items() if known == grade)


def classes(config: Config) -> dict[str, ClassRow]:
    """The classes as if all of them were written out."""
    return {name: row if isinstance(row, ClassRow) else ClassRow(models=row) for name, row in config.classes.items()}


def tier_of(name: str, row: ClassRow) -> str:
    """The tier of a class: the one it states, else the one its name ends in, else `standard`."""
    ending = name.rpartition(".")[2]
    return row.tier or (ending if ending in TIERS else "standard")


def grades(config: Config) -> dict[str, int]:
    """The grade of every model that is in a class. Raises ConfigError for one that two classes rate differently."""
    found: dict[str, tuple[int, str]] = {}
    for name, row in classes(config).items():
        grade = TIERS[tier_of(name, row)]
        for model in row.models:
            known, elsewhere = found.setdefault(model, (grade, name))
            if known != grade:
                raise ConfigError(f"classes: {model} is in {elsewhere} and in {name}, and a model has one tier")
    return {model: grade for model, (grade, _) in found.items()}
