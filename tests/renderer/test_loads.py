"""What config.yaml may say of a local model."""

from __future__ import annotations

import msgspec
import pytest

from proxy.renderer import Folder, Load, Untrained
from proxy.renderer.loads import ControlNet, Hub, Lora, Speed, Tiny


def read(text: str) -> Load:
    load: Load = msgspec.yaml.decode(text, type=Load)
    return load


def test_every_kind() -> None:
    assert read("{type: untrained}") == Untrained()
    assert read("{type: untrained, family: flux, seed: 5, steps: 4}") == Untrained(family="flux", seed=5, steps=4)
    assert read("{type: folder, path: models/sd}") == Folder(path="models/sd")
    assert read("{type: hub, repo: owner/name}") == Hub(repo="owner/name", revision="main")
    assert read("{type: tiny}") == Tiny()
    full = read(
        "{type: folder, path: m, dtype: float16, device: 'cuda:1', steps: 30, guidance: 7.5, max_pixels: 65536,"
        " deterministic: true, sampler: euler_ancestral-karras-trailing, variant: fp16}"
    )
    assert full == Folder(
        path="m",
        dtype="float16",
        device="cuda:1",
        steps=30,
        guidance=7.5,
        max_pixels=65_536,
        deterministic=True,
        sampler="euler_ancestral-karras-trailing",
        variant="fp16",
    )


def test_what_is_put_to_the_weights() -> None:
    said = read(
        "{type: hub, repo: a/b, revision: refs/pr/1, controlnet: {path: edges},"
        " loras: [{path: ink.safetensors, weight: 0.5}, {repo: c/d, revision: v2, file: x.safetensors}]}"
    )
    assert said == Hub(
        repo="a/b",
        revision="refs/pr/1",
        controlnet=ControlNet(path="edges"),
        loras=(Lora(path="ink.safetensors", weight=0.5), Lora(repo="c/d", revision="v2", file="x.safetensors")),
    )


def test_what_makes_it_faster() -> None:
    said = read(
        "{type: untrained, family: flux, scale: real, speed: {attention: flash3, channels_last: true, compile: whole,"
        " compile_cache: /var/cache/darkroom, cuda_graphs: true, fp8: true, warm_up: [1024x1024, 512x768]}}"
    )
    assert said == Untrained(
        family="flux",
        scale="real",
        speed=Speed(
            attention="flash3",
            channels_last=True,
            compile="whole",
            compile_cache="/var/cache/darkroom",
            cuda_graphs=True,
            fp8=True,
            warm_up=("1024x1024", "512x768"),
        ),
    )
    assert read("{type: tiny, speed: {compile: blocks, first_block_cache: 0.1}}").speed.first_block_cache == 0.1
    assert read("{type: tiny}").speed == Speed()


@pytest.mark.parametrize(
    "speed",
    [
        "attention: nosuch",
        "compile: off",
        "compile: everything",
        "cuda_graphs: true",
        "fp8: true",
        "compile_cache: /tmp/x",
        "first_block_cache: 0",
        "first_block_cache: 1.5",
        "first_block_cache: 0.1, compile: whole",
        "first_block_cache: 0.1, compile: blocks, cuda_graphs: true",
        "warm_up: [1024]",
        "warm_up: [0x512]",
        "nosuch: true",
    ],
)
def test_no_other_speed(speed: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(f"{{type: untrained, speed: {{{speed}}}}}")


@pytest.mark.parametrize(
    "text",
    [
        "{type: hub}",
        "{type: hub, id: someone/something}",
        "{type: hub, repo: something}",
        "{type: hub, repo: ../something}",
        "{type: hub, repo: a/..}",
        "{type: hub, repo: a/b/c}",
        "{type: hub, repo: a/b, revision: ../../c}",
        "{type: hub, repo: a/b, revision: /c}",
        "{type: untrained, path: x}",
        "{type: untrained, family: dalle}",
        "{type: untrained, seed: -1}",
        "{type: untrained, steps: 0}",
        "{type: untrained, scale: huge}",
        "{type: untrained, sampler: nosuch}",
        "{type: untrained, sampler: euler-nosuch}",
        "{type: tiny, path: x}",
        "{type: folder}",
        "{type: folder, path: ''}",
        "{type: folder, path: m, dtype: int8}",
        "{type: folder, path: m, device: tpu}",
        "{type: folder, path: m, revision: main}",
        "{type: folder, path: m, loras: [{}]}",
        "{type: folder, path: m, loras: [{path: x, repo: a/b}]}",
        "{type: folder, path: m, loras: [{repo: a/../b}]}",
        "{type: folder, path: m, loras: [{path: x, weight: 11}]}",
        "{type: folder, path: m, controlnet: {path: x, weight: 1}}",
    ],
)
def test_nothing_else(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(text)
