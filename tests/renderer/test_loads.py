"""What config.yaml may say of a local model."""

from __future__ import annotations

import msgspec
import pytest

from proxy.renderer import Folder, Load, Untrained


def read(text: str) -> Load:
    load: Load = msgspec.yaml.decode(text, type=Untrained | Folder)
    return load


def test_both_kinds() -> None:
    assert read("{type: untrained}") == Untrained()
    assert read("{type: untrained, seed: 5, steps: 4}") == Untrained(seed=5, steps=4)
    assert read("{type: folder, path: models/sd}") == Folder(path="models/sd")
    full = read(
        "{type: folder, path: m, dtype: float16, device: 'cuda:1', steps: 30, guidance: 7.5, max_pixels: 65536}"
    )
    assert full == Folder(path="m", dtype="float16", device="cuda:1", steps=30, guidance=7.5, max_pixels=65_536)


@pytest.mark.parametrize(
    "text",
    [
        "{type: hub, id: someone/something}",
        "{type: untrained, path: x}",
        "{type: untrained, seed: -1}",
        "{type: untrained, steps: 0}",
        "{type: folder}",
        "{type: folder, path: ''}",
        "{type: folder, path: m, dtype: int8}",
        "{type: folder, path: m, device: tpu}",
        "{type: folder, path: m, revision: main}",
    ],
)
def test_nothing_else(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(text)
