"""`darkroom models`: what is fetched from a hub, what is refused, and what shows that it still is what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main
from proxy.renderer.models.pulled import cache_folder
from proxy.renderer.models.pulling import fetch, look_up
from proxy.renderer.models.sources import Source
from tests.hub import Hub, serving, tensors

INDEX = {
    "_class_name": "StableDiffusionXLPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "image_encoder": [None, None],
}
NEEDED = {
    "model_index.json": json.dumps(INDEX).encode(),
    "unet/config.json": b'{"of": "unet"}',
    "unet/diffusion_pytorch_model.safetensors": tensors(halves=5000),
    "vae/config.json": b'{"of": "vae"}',
    "vae/diffusion_pytorch_model.safetensors": tensors(halves=20),
    "text_encoder/config.json": b'{"of": "text_encoder"}',
    "text_encoder/model.safetensors.index.json": b'{"weight_map": {}}',
    "text_encoder/model-00001-of-00002.safetensors": tensors(halves=30),
    "text_encoder/model-00002-of-00002.safetensors": tensors(halves=40),
    "tokenizer/vocab.json": b'{"a": 1}',
    "tokenizer/merges.txt": b"a b",
    "scheduler/scheduler_config.json": b"{}",
}
OTHERS = {
    "README.md": b"# A model",
    "all-in-one.safetensors": tensors(halves=70),
    "unet/diffusion_pytorch_model.bin": b"pickled",
    "unet/diffusion_pytorch_model.fp16.safetensors": tensors(halves=50),
    "unet/diffusion_pytorch_model.non_ema.safetensors": tensors(halves=60),
    "unet/model.onnx": b"onnx",
    "text_encoder/pytorch_model.bin.index.json": b"{}",
    "image_encoder/model.safetensors": tensors(),
    "pipeline.py": b"raise SystemExit('this was run')",
}
CONTROL = {"diffusion_pytorch_model.safetensors": tensors(halves=400)}
NUMBERS = 5000 + 20 + 30 + 40


@pytest.fixture(scope="module")
def served() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def hub(served: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    served.repos.clear()
    served.gated.clear()
    served.lies.clear()
    served.fetched.clear()
    served.put("studio/xl", NEEDED | OTHERS)
    configure()
    return served


def configure(*loads: str) -> None:
    """The models `m1`, `m2` ... with those loads."""
    rows = "".join(
        f"      - {{name: m{number}, load: {load}, price: {{per: {{type: second, usd: '0.0003', seconds: '20'}}}}}}\n"
        for number, load in enumerate(loads or ("{type: hub, repo: studio/xl}",), 1)
    )
    Path("config.yaml").write_text(f"default_model: m1\nproviders:\n  local:\n    models:\n{rows}")


def run(*arguments: str) -> Result:
    told = CliRunner().invoke(main, ["models", *arguments])
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    return told


def listed() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return told


def snapshot(hub: Hub, repo: str = "studio/xl") -> Path:
    return cache_folder() / f"models--{repo.replace('/', '--')}" / "snapshots" / hub.commits[repo]


def test_pulls_what_is_used_and_nothing_else(hub: Hub) -> None:
    (before,) = listed()
    assert before["pulled"] is False
    assert before["out"] == "studio/xl was not pulled: run `darkroom models pull`"
    pulled = run("pull")
    assert pulled.exit_code == 0, pulled.stderr
    assert pulled.stdout == f"studio/xl: 12 files, 0.0 MB, at {hub.commits['studio/xl'][:12]}\n"
    assert sorted(hub.fetched) == sorted(NEEDED)
    assert {each.relative_to(snapshot(hub)).as_posix() for each in snapshot(hub).rglob("*.*")} == set(NEEDED)
    (after,) = listed()
    assert after == before | {
        "pulled": True,
        "out": None,
        "kind": "StableDiffusionXLPipeline",
        "bytes": 2 * NUMBERS,
    }
    assert (after["where"], after["price"]) == ("studio/xl", "$0.0003 a second")


def test_check_says_what_was_not_pulled(hub: Hub) -> None:
    def check() -> str:
        return CliRunner().invoke(main, ["check"]).stdout

    configure("{type: hub, repo: studio/xl}", "{type: untrained}")
    lacks = "out: studio/xl was not pulled: run `darkroom models pull`"
    told = check()
    assert f"local/m1\tgenerate\t$0.006\t{lacks}\n" in told
    assert "local/m2\tgenerate\t$0.006\tready\n" in told
    assert "local\t2\tready\n" in told, "one of its models is there"
    run("pull")
    assert "local/m1\tgenerate\t$0.006\tready\n" in check()
    configure("{type: hub, repo: studio/other}")
    assert "local\t1\tout: studio/other was not pulled" in check()


def test_what_is_here_is_not_fetched_again(hub: Hub) -> None:
    run("pull", "m1")
    hub.fetched.clear()
    assert run("pull", "local/m1").exit_code == 0
    assert hub.fetched == []


def test_a_branch_is_brought_to_its_newest_commit_and_a_commit_never_changes(hub: Hub) -> None:
    first = hub.commits["studio/xl"]
    configure("{type: hub, repo: studio/xl}", f"{{type: hub, repo: studio/xl, revision: {first}}}")
    assert run("pull").exit_code == 0
    hub.put("studio/xl", NEEDED | {"vae/diffusion_pytorch_model.safetensors": tensors(halves=200)})
    hub.fetched.clear()
    assert run("pull", "m1").exit_code == 0
    assert "vae/diffusion_pytorch_model.safetensors" in hub.fetched
    assert "unet/diffusion_pytorch_model.safetensors" not in hub.fetched, "it did not change"
    assert [each["bytes"] for each in listed()] == [2 * (NUMBERS + 180), 2 * NUMBERS]


def test_a_variant_is_taken_where_there_is_one(hub: Hub) -> None:
    configure("{type: hub, repo: studio/xl, variant: fp16}", "{type: hub, repo: studio/xl}")
    assert run("pull", "m1").exit_code == 0
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in hub.fetched
    assert "unet/diffusion_pytorch_model.safetensors" not in hub.fetched
    assert run("pull", "m2").exit_code == 0
    assert [each["bytes"] for each in listed()] == [2 * (NUMBERS - 4950), 2 * NUMBERS]
    assert run("verify").stdout.count("as it was pulled") == 2


def test_loras_and_controlnets_are_pulled_too(hub: Hub) -> None:
    hub.put("studio/ink", {"ink.safetensors": tensors(halves=300), "ink.bin": b"pickled", "README.md": b""})
    hub.put("studio/edges", {"config.json": b'{"_class_name": "ControlNetModel"}', "x.md": b""} | CONTROL)
    loras, control = "loras: [{repo: studio/ink, weight: 0.5}]", "controlnet: {repo: studio/edges}"
    configure(f"{{type: hub, repo: studio/xl, {loras}, {control}}}", f"{{type: untrained, {loras}}}")
    assert [each["pulled"] for each in listed()] == [False, False]
    assert run("pull").exit_code == 0
    assert hub.fetched.count("ink.safetensors") == 1
    assert "ink.bin" not in hub.fetched
    assert [each["bytes"] for each in listed()] == [2 * (NUMBERS + 300 + 400), 16_000_000 + 600]


def refusal() -> Result:
    told = run("pull")
    assert told.exit_code == 1
    return told


def test_pickled_weights_are_not_fetched(hub: Hub) -> None:
    files = NEEDED | OTHERS
    del files["unet/diffusion_pytorch_model.safetensors"]
    del files["unet/diffusion_pytorch_model.fp16.safetensors"]
    hub.put("studio/xl", files)
    assert "its unet has only pickled weights (diffusion_pytorch_model.bin)" in refusal().stderr
    assert hub.fetched == ["model_index.json"]
    hub.put("studio/ink", {"ink.bin": b"pickled"})
    configure("{type: untrained, loras: [{repo: studio/ink}]}")
    assert "it has no safetensors file; no other is read" in refusal().stderr


def test_a_repository_with_code_of_its_own_is_not_fetched(hub: Hub) -> None:
    index = json.dumps(INDEX | {"unet": ["pipeline", "Mine"]}).encode()
    hub.put("studio/xl", NEEDED | OTHERS | {"model_index.json": index})
    assert "its unet is made by code of its own (pipeline)" in refusal().stderr
    assert hub.fetched == ["model_index.json"]


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json"])
def test_what_is_not_what_the_hub_states_is_removed(hub: Hub, name: str) -> None:
    body = NEEDED[name]
    hub.lies[name] = body[:-1] + bytes([body[-1] ^ 1])
    assert f"{name} of studio/xl has another checksum than the hub states, and was removed" in refusal().stderr
    assert hub.fetched.count(name) == 2, "it was tried once more"
    assert listed()[0]["pulled"] is False
    hub.lies.clear()
    assert run("pull").exit_code == 0
    assert run("verify").exit_code == 0


def test_clear_words_for_what_the_hub_refuses(hub: Hub) -> None:
    hub.gated.add("studio/xl")
    assert f"has terms to accept: do so at {hub.url}/studio/xl, and set HF_TOKEN" in refusal().stderr
    configure("{type: hub, repo: no/body}")
    assert "the hub has no no/body, or HF_TOKEN may not see it" in refusal().stderr
    hub.gated.clear()
    configure("{type: hub, repo: studio/xl, revision: v9}", "{type: hub, repo: studio/xl}")
    told = refusal()
    assert "studio/xl has no revision 'v9'" in told.stderr
    assert "1 of 2 could not be pulled" in told.stderr
    assert [each["pulled"] for each in listed()] == [False, True], "the other one was"
    assert "no local model is called 'x'; there are: m1, m2" in run("pull", "x").stderr


def test_no_hub_at_all(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "studio/xl cannot be pulled: ConnectError" in refusal().stderr


def test_verify_finds_what_changed_and_pull_repairs_it(hub: Hub) -> None:
    assert "studio/xl was not pulled" in run("verify").stdout
    run("pull")
    assert run("verify").exit_code == 0
    place = snapshot(hub) / "unet" / "diffusion_pytorch_model.safetensors"
    body = bytearray(place.read_bytes())
    body[-1] ^= 1
    place.resolve().write_bytes(body)
    assert listed()[0]["pulled"] is True, "its size is as it was: only its checksum tells"
    told = run("verify", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)[0]["harm"] == [
        "unet/diffusion_pytorch_model.safetensors has another checksum than when it was pulled"
    ]
    hub.fetched.clear()
    assert run("pull").exit_code == 0
    assert hub.fetched == ["unet/diffusion_pytorch_model.safetensors"]
    assert run("verify").exit_code == 0
    place.unlink()
    assert "diffusion_pytorch_model.safetensors is missing: run `darkroom models pull`" in listed()[0]["out"]
    (snapshot(hub) / "tokenizer" / "merges.txt").resolve().write_bytes(b"a")
    assert "merges.txt has 1 bytes instead of 3" in run("verify").stdout


def test_folders_are_seen_to_be_whole(hub: Hub, tmp_path: Path) -> None:
    for name, body in NEEDED.items():
        place = tmp_path / "mine" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    configure("{type: folder, path: mine}", "{type: untrained, family: flux}", "{type: folder, path: nowhere}")
    assert [(each["kind"], each["bytes"], each["pulled"]) for each in listed()] == [
        ("StableDiffusionXLPipeline", 2 * NUMBERS, None),
        ("flux", 16_000_000, None),
        (None, None, None),
    ]
    assert "nowhere is no diffusers folder" in run("list").stdout
    assert run("verify", "m1").stdout == "what\tcommit\tfiles\tstate\nlocal/m1\t\t0\twhole\n"
    (tmp_path / "mine" / "text_encoder" / "model-00002-of-00002.safetensors").write_bytes(tensors()[:-1])
    told = run("verify", "m1")
    assert told.exit_code == 1
    assert "model-00002-of-00002.safetensors is no whole safetensors file" in told.stdout
    (tmp_path / "mine" / "text_encoder" / "model-00002-of-00002.safetensors").unlink()
    assert "some of its weights are missing" in listed()[0]["out"]


def test_progress_counts_every_byte_once(hub: Hub) -> None:
    source, told = Source("pipeline", "studio/xl", "main"), list[tuple[str, int]]()
    wanted = look_up(source, cache_folder())
    assert wanted.bytes == sum(len(body) for body in NEEDED.values())
    fetch(wanted, cache_folder(), lambda path, done: told.append((path, done)))
    counted = [done for _, done in told]
    assert counted == sorted(counted)
    assert (counted[0], counted[-1]) == (0, wanted.bytes)
    assert {path for path, _ in told} == set(NEEDED)


def test_nothing_to_pull(hub: Hub) -> None:
    configure("{type: untrained}")
    assert "no model needs anything of the hub" in run("pull").stderr
    assert run().stdout == run("list").stdout


def test_the_cache_is_where_every_program_of_the_hub_has_it() -> None:
    from huggingface_hub import constants

    assert cache_folder({}) == Path(constants.default_home).expanduser() / "huggingface" / "hub"
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/huggingface/hub")
    assert cache_folder({"XDG_CACHE_HOME": "/x", "HF_HOME": "/h"}) == Path("/h/hub")
    assert cache_folder({"HF_HOME": "/h", "HF_HUB_CACHE": "/c"}) == Path("/c")
