"""Opening real pipelines: what is refused before it is read, what is put to the weights, what it all weighs."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from providers.contract import Failure, Fault
from proxy.renderer.engine import opening
from proxy.renderer.engine.opening import CONTROLNET, Opener, device_of, dtype_of
from proxy.renderer.engine.samplers import SAMPLERS
from proxy.renderer.engine.shelf import ShortError
from proxy.renderer.engine.untrained import build
from proxy.renderer.engine.untrained.parts import sown
from proxy.renderer.engine.untrained.sd import controlnet
from proxy.renderer.loads import ControlNet, Folder, Hub, Load, Lora, Sampler, Untrained
from proxy.renderer.models.pulled import Pulled, PulledFile, digest, folder_of, write_record
from proxy.renderer.models.sources import bytes_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class Drawn:
    """A family, as far as opening goes."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline, a ControlNet and two LoRAs for it, as the library saves them."""
    folder = tmp_path_factory.mktemp("saved")
    pipeline = build(Untrained(seed=5))
    pipeline.save_pretrained(folder / "sd")
    with sown(5):
        controlnet(pipeline).save_pretrained(folder / "control")
    for name, scale in (("one", 0.5), ("two.5", 0.2)):
        pipeline.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"]), adapter_name=name.replace(".", "_"))
        layers = get_peft_model_state_dict(pipeline.unet, adapter_name=name.replace(".", "_"))
        layers = {key: torch.full_like(value, scale) for key, value in layers.items()}
        StableDiffusionPipeline.save_lora_weights(folder / name, unet_lora_layers=layers)
        pipeline.unet.delete_adapters(name.replace(".", "_"))
    return folder


def opener(**models: Load) -> Opener:
    return Opener(models, lambda pipeline: Drawn(), "cpu")  # type: ignore[arg-type,return-value]


def copied(saved: Path, to: Path) -> Path:
    shutil.copytree(saved / "sd", to / "sd")
    return to / "sd"


def refused(load: Load) -> str:
    """The reason, which is the same before it is opened as when it is."""
    made = opener(m=load)
    with pytest.raises(Failure) as before:
        made.needs("m")
    with pytest.raises(Failure) as opened:
        made.open("m")
    assert before.value.fault is opened.value.fault is Fault.UNAVAILABLE
    assert before.value.detail == opened.value.detail
    return opened.value.detail.removeprefix("the local model 'm' cannot be loaded: ")


def heat(pipeline: Any) -> torch.Tensor:
    """What the denoiser makes of something fixed."""
    with torch.inference_mode():
        shape = torch.ones(1, 4, 8, 8), torch.tensor([500]), torch.ones(1, 77, 64)
        result: torch.Tensor = pipeline.unet(*[each.to(pipeline.unet.device) for each in shape]).sample
    return result


def test_its_weight_is_known_before_it_is_opened(saved: Path) -> None:
    for load in (
        Folder(path=str(saved / "sd")),
        Folder(path=str(saved / "sd"), dtype="bfloat16"),
        Folder(
            path=str(saved / "sd"),
            loras=(Lora(path=str(saved / "one")),),
            controlnet=ControlNet(path=str(saved / "control")),
        ),
    ):
        made = opener(m=load)
        known, opened = made.needs("m"), made.open("m")
        assert made.weigh(opened) == opened.used_bytes
        assert known == pytest.approx(opened.used_bytes, rel=0.001), "but for what the libraries count by themselves"
    assert bytes_of(load) > bytes_of(Folder(path=str(saved / "sd"))) + 1000
    untrained = opener(m=Untrained())
    assert untrained.weigh(untrained.open("m")) <= untrained.needs("m")


def test_a_folder_opens_as_what_it_was_saved_from(saved: Path) -> None:
    opened = opener(m=Folder(path=str(saved / "sd"), dtype="float32")).open("m")
    assert torch.equal(heat(opened.pipeline), heat(build(Untrained(seed=5))))
    assert isinstance(opened.family, Drawn)
    assert opened.device == torch.device("cpu")
    half = opener(m=Folder(path=str(saved / "sd"), dtype="bfloat16")).open("m").pipeline
    assert {half.unet.dtype, half.vae.dtype, half.text_encoder.dtype} == {torch.bfloat16}


def test_a_pulled_model_opens_without_a_network(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    load = Hub(repo="studio/sd")
    assert refused(load) == "studio/sd was not pulled: run `darkroom models pull`"
    files = [each for each in (saved / "sd").rglob("*") if each.is_file()]
    pulled = Pulled(
        *("studio/sd", "main", "c0ffee"),
        tuple(PulledFile(str(each.relative_to(saved / "sd")), each.stat().st_size, digest(each)) for each in files),
    )
    shutil.copytree(saved / "sd", folder_of(pulled, tmp_path))
    write_record(pulled, tmp_path)
    assert torch.equal(heat(opener(m=load).open("m").pipeline), heat(build(Untrained(seed=5))))
    (folder_of(pulled, tmp_path) / "vae" / "config.json").unlink()
    assert refused(load) == "of studio/sd, vae/config.json is missing: run `darkroom models pull`"


def test_loras_are_adapters_by_their_weights(saved: Path) -> None:
    one, two = Lora(path=str(saved / "one")), Lora(path=str(saved / "two.5"))
    loads: dict[str, tuple[Lora, ...]] = {
        "none": (Lora(path=str(saved / "one"), weight=0),),
        "half": (Lora(path=str(saved / "one" / "pytorch_lora_weights.safetensors"), weight=0.5),),
        "one": (one,),
        "both": (one, two),
    }
    folder = str(saved / "sd")
    seen = {name: heat(opener(m=Folder(path=folder, loras=loras)).open("m").pipeline) for name, loras in loads.items()}
    assert torch.allclose(heat(build(Untrained(seed=5))), seen["none"], atol=1e-6)
    different = list(seen.values())
    assert all((first - second).abs().max() > 1e-4 for first, second in pairwise(different))


def test_a_lora_for_another_kind_of_model_is_refused(saved: Path, tmp_path: Path) -> None:
    layers = load_file(saved / "one" / "pytorch_lora_weights.safetensors")
    odd = {key.replace("unet.", "transformer.single_blocks."): value for key, value in layers.items()}
    save_file(odd, tmp_path / "odd.safetensors")
    load = Folder(path=str(saved / "sd"), loras=(Lora(path=str(tmp_path / "odd.safetensors")),))
    with pytest.raises(Failure, match=r"cannot be loaded: the LoRA odd.safetensors has nothing for this model"):
        opener(m=load).open("m")


def test_a_controlnet_lies_beside_the_model(saved: Path) -> None:
    load = Folder(path=str(saved / "sd"), controlnet=ControlNet(path=str(saved / "control")))
    made = opener(m=load)
    opened = made.open("m")
    assert type(opened.kept[CONTROLNET]).__name__ == "ControlNetModel"
    opened.kept["sibling"] = object()
    made.park(opened)
    assert set(opened.kept) == {CONTROLNET}
    wrong = Folder(path=str(saved / "sd"), controlnet=ControlNet(path=str(saved / "sd" / "unet")))
    with pytest.raises(Failure, match="UNet2DConditionModel is no ControlNet"):
        opener(m=wrong).open("m")
    assert "it has no config.json" in refused(Folder(path=load.path, controlnet=ControlNet(path=str(saved / "one"))))


def test_code_from_a_folder_is_never_run(saved: Path, tmp_path: Path) -> None:
    folder = copied(saved, tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w').close()\nfrom diffusers import *\n"
    (folder / "pipeline.py").write_text(trap)
    (folder / "unet" / "modeling.py").write_text(trap)
    for change, reason in (
        ({"_class_name": ["pipeline", "Mine"]}, "its model_index.json asks for a class of its own"),
        ({"unet": ["modeling", "UNet2DConditionModel"]}, "its unet is made by code of its own (modeling)"),
        ({"unet": ["os", "system"]}, "its unet is made by code of its own (os)"),
    ):
        (folder / "model_index.json").write_text(json.dumps(index | change))
        assert reason in refused(Folder(path=str(folder)))
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(Failure, match="has no UNet2DConditionModel"):
        opener(m=Folder(path=str(folder))).open("m")
    assert not (tmp_path / "sprung").exists()


def test_pickled_weights_are_never_read(saved: Path, tmp_path: Path) -> None:
    folder = copied(saved, tmp_path)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    opener(m=Folder(path=str(folder))).open("m")  # it may lie there
    weights.unlink()
    assert refused(Folder(path=str(folder))) == (
        "its unet has only pickled weights (diffusion_pytorch_model.bin), which can run code when they are read: "
        "convert them to safetensors"
    )
    torch.save({}, tmp_path / "lora.ckpt")
    for path in (tmp_path / "lora.ckpt", tmp_path):
        load = Folder(path=str(saved / "sd"), loras=(Lora(path=str(path), file=None),))
        if path.is_dir():
            shutil.rmtree(folder)
        assert "could run code" in refused(load)


def test_a_file_that_is_cut_off_is_refused(saved: Path, tmp_path: Path) -> None:
    weights = copied(saved, tmp_path) / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert refused(Folder(path=str(tmp_path / "sd"))) == (
        "diffusion_pytorch_model.safetensors is no whole safetensors file: it is cut off, or something else"
    )


def test_what_is_not_there(saved: Path) -> None:
    assert refused(Folder(path=str(saved / "nowhere"))).endswith("is no diffusers folder: it has no model_index.json")
    assert refused(Folder(path=str(saved / "sd"), variant="fp16")) == "it has no weights of the variant 'fp16'"
    lora = Lora(path=str(saved / "one"), file="x.safetensors")
    assert refused(Folder(path=str(saved / "sd"), loras=(lora,))) == "it has no file x.safetensors"
    with pytest.raises(Failure, match="no local model is called 'nobody'"):
        opener().needs("nobody")


def test_a_shortage_while_opening_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(load: Untrained) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(opening, "build", lack)
    with pytest.raises(ShortError):
        opener(m=Untrained()).open("m")


def test_a_load_knows_the_samplers_there_are() -> None:
    for name in SAMPLERS:
        msgspec.convert({"type": "untrained", "sampler": f"{name}-karras-trailing"}, Load)
    pattern = get_args(Sampler)[1].pattern
    assert re.findall(r"\w+(?=[|)])", pattern.partition(")")[0] + ")") == list(SAMPLERS)


def test_where_and_in_which_precision() -> None:
    assert device_of("cuda:1") == torch.device("cuda", 1)
    assert device_of("auto").type in ("cpu", "cuda", "mps")
    assert dtype_of(Untrained(), torch.device("cpu")) == "float32"
    assert dtype_of(Untrained(), torch.device("cuda")) == "bfloat16"
    assert dtype_of(Untrained(dtype="float16"), torch.device("cpu")) == "float16"
