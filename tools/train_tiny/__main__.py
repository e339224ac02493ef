"""`python -m tools.train_tiny`: draws, trains, judges and saves `darkroom-tiny`. README.md says what to expect."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
import torch
from diffusers import StableDiffusionPipeline

from .autoencoding import refine_decoder, train_autoencoder
from .denoising import encoded_scenes, train_denoiser
from .drawing import picture_of
from .judging import Mark, agreement, examine, painted, train_judge
from .network import parameters, pipeline
from .scene import examined_scenes
from .sheet import CAPTIONS, sheet
from .tokenizer import build_tokenizer

_WORK = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Train the tiny model, judge it, and draw its sample sheet."""


@main.command()
@click.option(
    "--work", type=_WORK, default=Path("build/tiny"), help="What is kept on the way: a run goes on from here."
)
@click.option("--scenes", default=60_000, help="Different pictures to learn from.")
@click.option("--coder-pictures", default=6_000, help="Pictures that the autoencoder learns from.")
@click.option("--coder-steps", default=4_000, help="Steps of the autoencoder, and again of its decoder, 8 crops each.")
@click.option("--steps", default=6_000, help="Steps of the denoiser, 64 pictures each.")
@click.option("--seed", default=1, help="Of everything that is left to chance.")
def train(work: Path, scenes: int, coder_pictures: int, coder_steps: int, steps: int, seed: int) -> None:
    """Train the model and save it as a diffusers pipeline in float16."""
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    coder = train_autoencoder(work / "autoencoder.pt", coder_pictures, coder_steps, seed)
    told, latents = encoded_scenes(work, coder, scenes, seed)
    learnt = train_denoiser(work, tokenizer, told, latents, steps, seed)
    coder = refine_decoder(work / "refined.pt", coder, coder_pictures, coder_steps, seed)
    made = pipeline(tokenizer, learnt.text, coder, learnt.noise)
    click.echo(f"{parameters(coder, learnt.text, learnt.noise):,} parameters")
    made.to(torch.float16).save_pretrained(work / "darkroom-tiny", safe_serialization=True)


@main.command()
@click.option("--work", type=_WORK, default=Path("build/tiny"))
@click.option("--many", default=400, help="Held-out captions to paint.")
@click.option("--seed", default=1)
@click.option("--steps", default=(16,), multiple=True)
@click.option("--guidance", default=(3.0,), multiple=True)
@click.option("--judge-steps", default=2_500)
@click.option("--judge-scenes", default=24_000)
def judge(
    work: Path,
    many: int,
    seed: int,
    steps: tuple[int, ...],
    guidance: tuple[float, ...],
    judge_steps: int,
    judge_scenes: int,
) -> None:
    """Say how often the model paints what held-out captions ask for; write it to marks.json."""
    referee = train_judge(work / "judge.pt", judge_scenes, judge_steps, seed)
    scenes = examined_scenes(many, seed + 3)
    real = Mark(0, 0.0, agreement(referee, [picture_of(scene) for scene in scenes], scenes))
    click.echo(f"drawn scenes (the judge's own limit): {_line(real)}")
    made = opened(work / "darkroom-tiny")
    marks = [examine(made, referee, many, count, strength, seed) for count in steps for strength in guidance]
    for mark in marks:
        click.echo(f"{mark.steps} steps, guidance {mark.guidance:g}: {_line(mark)}")
    (work / "marks.json").write_bytes(msgspec.json.format(msgspec.json.encode([real, *marks])))


@main.command()
@click.option("--work", type=_WORK, default=Path("build/tiny"))
@click.option("--steps", default=16)
@click.option("--guidance", default=3.0)
@click.option("--seed", default=1)
def samples(work: Path, steps: int, guidance: float, seed: int) -> None:
    """Draw the sheet of sample pictures: samples.png."""
    sheet(painted(opened(work / "darkroom-tiny"), list(CAPTIONS), steps, guidance, seed), work / "samples.png")


def opened(folder: Path) -> StableDiffusionPipeline:
    """The saved pipeline, in float32."""
    made = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)
    made.set_progress_bar_config(disable=True)
    return made


def _line(mark: Mark) -> str:
    return ", ".join(f"{name} {part:.1%}" for name, part in mark.right.items())


if __name__ == "__main__":
    main()
