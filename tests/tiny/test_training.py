"""The training program from end to end, in a few steps: what it makes is a pipeline, if not a painter."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from tools.train_tiny.__main__ import main, opened
from tools.train_tiny.judging import ATTRIBUTES, Mark, agreement, answers
from tools.train_tiny.judging import painted as paint
from tools.train_tiny.pen import SIDE
from tools.train_tiny.scene import Scene, examined_scenes, held_out, training_scenes

MOST_BYTES = 12_000_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the libraries warn about their own insides
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def run(*words: str) -> str:
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def train(work: Path, steps: int) -> str:
    few = ("--scenes", "70", "--coder-pictures", "8", "--coder-steps", "1")
    return run("train", "--work", str(work), *few, "--steps", str(steps))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "build"
    train(folder, 1)
    return folder


def test_what_it_makes_is_small_and_paints(work: Path) -> None:
    made = work / "darkroom-tiny"
    assert sum(file.stat().st_size for file in made.rglob("*.safetensors")) < MOST_BYTES
    one, again = (paint(opened(made), ["a red house"], 2, 3.0, seed=1) for _ in range(2))
    assert one[0].size == (SIDE, SIDE)
    assert one[0].tobytes() == again[0].tobytes()


def test_it_goes_on_where_it_was_interrupted(work: Path) -> None:
    said = train(work, 2)
    assert "step 2 of 2" in said
    assert "step 1 of 2" not in said
    assert "autoencoder:" not in said
    assert "scenes:" not in said
    assert torch.load(work / "denoiser.pt")["step"] == 2


def test_the_judge_marks_every_attribute(work: Path) -> None:
    few = ("--many", "3", "--steps", "1", "--judge-steps", "1", "--judge-scenes", "66")
    assert "guidance 3" in run("judge", "--work", str(work), *few)
    real, marked = msgspec.json.decode((work / "marks.json").read_bytes(), type=list[Mark])
    assert real.right.keys() == marked.right.keys() == ATTRIBUTES.keys()


def test_agreement_is_the_part_that_is_as_asked() -> None:
    scenes = examined_scenes(4, seed=1)

    def sure(_: torch.Tensor) -> dict[str, torch.Tensor]:
        """Right of the first three, wrong of the last."""
        told = {}
        for name, known in ATTRIBUTES.items():
            places = answers(scenes, name)
            places[3] = (places[3] + 1) % len(known)
            told[name] = torch.nn.functional.one_hot(places, len(known)).float()
        return told

    right = agreement(sure, [Image.new("RGB", (SIDE, SIDE))] * 4, scenes)
    assert right["subject"] == right["colour"] == right["place"] == 0.75


def test_the_sheet_is_drawn(work: Path) -> None:
    run("samples", "--work", str(work), "--steps", "1")
    with Image.open(work / "samples.png") as drawn:
        assert drawn.width > 6 * SIDE


def test_what_is_examined_was_never_taught() -> None:
    def combined(scenes: list[Scene]) -> set[tuple[str, str, str]]:
        return {(scene.subject, scene.colour, scene.place) for scene in scenes}

    assert not combined(training_scenes(3_000, seed=1)) & combined(examined_scenes(500, seed=1))
    assert all(held_out(scene) for scene in examined_scenes(50, seed=2))
