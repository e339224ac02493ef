"""The real engine in its real worker: one worker for all of this, because torch takes seconds to load."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image as Pillow
from PIL import ImageChops, ImageDraw, ImageStat

from providers.contract import (
    Code,
    Drawn,
    Edit,
    EditKind,
    Failure,
    Fault,
    Format,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Polarity,
    Render,
    Upscale,
    UpscaleKind,
)
from proxy.renderer import CardRenderer, Folder, Load, LocalRenderer, Untrained
from proxy.renderer.homes.process import ProcessHome
from proxy.renderer.wire import Setup
from tests.pictures import png

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SAVE = """
import sys, shutil, pathlib, torch
from proxy.renderer.loads import Untrained
from proxy.renderer.engine.untrained import build
pipeline = build(Untrained(seed=11))
saved, pickled = map(pathlib.Path, sys.argv[1:])
pipeline.save_pretrained(saved)
shutil.copytree(saved, pickled)
(pickled / "unet" / "diffusion_pytorch_model.safetensors").unlink()
torch.save(pipeline.unet.state_dict(), pickled / "unet" / "diffusion_pytorch_model.bin")
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalRenderer]:
    folder = tmp_path_factory.mktemp("models")
    saved, pickled = folder / "saved", folder / "pickled"
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SAVE, str(saved), str(pickled)], check=True, capture_output=True
    )
    models: dict[str, Load] = {
        "tiny": Untrained(steps=4),
        "other": Untrained(seed=11, steps=4),
        "exact": Untrained(steps=4, deterministic=True),
        "saved": Folder(path=str(saved), device="cpu", dtype="float32", steps=4, guidance=4.0),
        "pickled": Folder(path=str(pickled)),
        "missing": Folder(path=str(saved / "nowhere")),
        "vast": Untrained(max_pixels=10**15),
    }
    renderer = LocalRenderer(ProcessHome(Setup(models, ("tiny",))), models, lambda _: None)
    await renderer.start()
    yield renderer
    await renderer.close()


async def draw(local: LocalRenderer, request: ImageRequest) -> Drawn:
    return await local.draw(Render(engine="diffusers", model=request.model, request=request))


def words(
    prompt: str = "a red house", *, side: int = 64, seed: int | None = 1, model: str = "tiny", **more: Any
) -> Generate:
    return Generate(model=model, prompt=prompt, seed=seed, **({"width": side, "height": side} | more))


def opened(image: Image) -> Pillow.Image:
    return Pillow.open(BytesIO(image.body)).convert("RGB")


def distance(one: Image, other: Image) -> float:
    """Mean difference of all channels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(opened(one), opened(other))).mean) / 3


async def test_exact_sizes(local: LocalRenderer) -> None:
    for width, height in ((16, 16), (64, 96), (200, 136), (512, 64)):
        (image,) = (await draw(local, words(width=width, height=height))).images
        assert (image.width, image.height) == (width, height)
        assert image.format is Format.PNG


async def test_a_picture_is_not_flat(local: LocalRenderer) -> None:
    drawn = await draw(local, words(side=256))
    assert max(ImageStat.Stat(opened(drawn.images[0])).stddev) > 20
    assert drawn.seconds > 0
    exponent = drawn.seconds.as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent >= -6


async def test_prompt_seed_guidance_and_negative_each_show(local: LocalRenderer) -> None:
    plain = (await draw(local, words())).images[0]
    for request in (
        words("blue sea at night"),
        words(seed=2),
        words(guidance=9.0),
        words(negative="fog"),
        words(steps=9),
    ):
        assert distance(plain, (await draw(local, request)).images[0]) > 0.5


async def test_a_seed_is_a_picture(local: LocalRenderer) -> None:
    """The same alone, again, or among several; whatever was drawn between. To the bit where that is configured."""
    for model, apart in (("exact", 0.0), ("tiny", 0.01)):
        single = await draw(local, words(seed=8, model=model))
        await draw(local, words("something else", side=128, seed=99))
        several = await draw(local, words(seed=7, n=2, model=model))
        assert several.seeds == (7, 8)
        assert distance(several.images[1], single.images[0]) <= apart
        assert distance(several.images[0], single.images[0]) > 0.5


async def test_seeds_of_any_size(local: LocalRenderer) -> None:
    for seed in (-1, 0, 2**64 - 1, 2**63):
        assert (await draw(local, words(seed=seed))).seeds == (seed,)


async def test_without_a_seed_one_is_chosen_and_told(local: LocalRenderer) -> None:
    drawn = await draw(local, words(seed=None))
    again = await draw(local, words(seed=drawn.seeds[0]))
    assert again.images[0].body == drawn.images[0].body


@pytest.mark.parametrize("wanted", [Format.JPEG, Format.WEBP])
async def test_formats(local: LocalRenderer, wanted: Format) -> None:
    small = (await draw(local, words(format=wanted, compression=10))).images[0]
    large = (await draw(local, words(format=wanted, compression=95))).images[0]
    assert small.format is large.format is wanted
    assert len(small.body) < len(large.body)


async def test_any_prompt_is_read(local: LocalRenderer) -> None:
    for prompt in ("", "一只猫 🐱", "word " * 500):
        assert (await draw(local, words(prompt))).images


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def photo() -> Image:
    """Something with detail, of a size no pipeline draws in."""
    cards = CardRenderer()
    request = Generate(model="photo", prompt="a photo", width=150, height=99, seed=4)
    drawn = await cards.draw(Render(engine="card", model="photo", request=request))
    await cards.close()
    return drawn.images[0]


async def test_from_a_picture(local: LocalRenderer, photo: Image) -> None:
    lean = words(references=(photo,), width=None, height=None, strength=0.3)
    one = (await draw(local, lean)).images[0]
    assert (one.width, one.height) == (150, 99), "it keeps the picture's own size"
    other = (await draw(local, words(references=(Image(png(150, 99)),), width=None, height=None, strength=0.3))).images[
        0
    ]
    assert distance(one, other) > 0.5, "it leans on the picture"
    assert one.body == (await draw(local, lean)).images[0].body
    sized = (await draw(local, words(references=(photo,), width=64, height=100))).images[0]
    assert (sized.width, sized.height) == (64, 100)


async def test_the_least_strength_still_draws(local: LocalRenderer, photo: Image) -> None:
    assert (await draw(local, words(references=(photo,), strength=0.01, steps=1))).images


def masked(photo: Image, polarity: Polarity = Polarity.WHITE, **more: Any) -> Edit:
    inside, outside = (255, 0) if polarity is Polarity.WHITE else (0, 255)
    mask = Pillow.new("L", (photo.width, photo.height), outside)
    ImageDraw.Draw(mask).rectangle((50, 30, 99, 69), fill=inside)
    body = BytesIO()
    mask.save(body, "PNG")
    return Edit(
        model="tiny",
        prompt="a red balloon",
        kind=EditKind.INPAINT,
        pictures=(photo,),
        mask=Mask(Image(body.getvalue()), polarity),
        seed=1,
        **more,
    )


@pytest.mark.parametrize("polarity", [Polarity.WHITE, Polarity.BLACK])
async def test_inside_a_mask(local: LocalRenderer, photo: Image, polarity: Polarity) -> None:
    (image,) = (await draw(local, masked(photo, polarity))).images
    change = ImageChops.difference(opened(photo), opened(image))
    assert change.getbbox() is not None
    left, top, right, bottom = change.getbbox() or (0, 0, 0, 0)
    assert left >= 50
    assert top >= 30
    assert right <= 100
    assert bottom <= 70
    assert sum(ImageStat.Stat(change.crop((50, 30, 100, 70))).mean) > 10


async def test_inside_a_mask_in_another_size(local: LocalRenderer, photo: Image) -> None:
    (image,) = (await draw(local, masked(photo, width=128, height=128))).images
    assert (image.width, image.height) == (128, 128)


@pytest.mark.parametrize(
    ("request_", "field", "code"),
    [
        (words(side=60), "size", Code.INVALID),
        (words(side=8), "size", Code.BELOW_MINIMUM),
        (words(side=8192), "size", Code.ABOVE_MAXIMUM),
        (words(steps=1001), "steps", Code.ABOVE_MAXIMUM),
        (words(steps=0), "steps", Code.BELOW_MINIMUM),
        (words(format=Format.SVG), "format", Code.INVALID),
        (words(references=(Image(png()), Image(png()))), "image", Code.INVALID),
        (words(references=(Image(png(64, 64)),), strength=0.0), "strength", Code.INVALID),
        (words(references=(Image(png(64, 64)[:80]),)), "image", Code.NOT_AN_IMAGE),
        (Edit(model="tiny", kind=EditKind.INPAINT, pictures=(Image(png()),)), "mask", Code.MISSING),
        (Edit(model="tiny", kind=EditKind.ERASE, pictures=(Image(png()),)), "model", Code.INVALID),
        (Upscale(model="tiny", kind=UpscaleKind.FAST, picture=Image(png())), "model", Code.INVALID),
    ],
)
async def test_what_it_cannot_do_is_refused(
    local: LocalRenderer, request_: ImageRequest, field: str, code: Code
) -> None:
    with pytest.raises(Failure) as caught:
        await draw(local, request_)
    assert (caught.value.fault, caught.value.field, caught.value.code) == (Fault.REJECTED, field, code)


async def test_lack_of_memory_is_one_requests_failure(local: LocalRenderer) -> None:
    with pytest.raises(Failure, match="memory is too small") as caught:
        await draw(local, words(model="vast", side=8_000_000))
    assert caught.value.fault is Fault.UNAVAILABLE
    assert (await draw(local, words())).images


async def test_a_model_that_cannot_be_loaded_is_one_requests_failure(local: LocalRenderer) -> None:
    for _ in range(2):
        with pytest.raises(Failure, match=r"'missing' cannot be loaded: .*model_index") as caught:
            await draw(local, words(model="missing"))
        assert caught.value.fault is Fault.UNAVAILABLE
    assert (await draw(local, words())).images


async def test_pickled_weights_are_not_opened(local: LocalRenderer) -> None:
    with pytest.raises(Failure, match=r"'pickled' cannot be loaded: .*safetensors"):
        await draw(local, words(model="pickled"))


async def test_a_saved_folder_draws_the_same(local: LocalRenderer) -> None:
    built = (await draw(local, words(model="other"))).images[0]
    saved = (await draw(local, words(model="saved"))).images[0]
    assert built.body == saved.body
    assert distance(built, (await draw(local, words())).images[0]) > 1, "another seed of weights is another painter"


async def test_cancelled_in_the_middle(local: LocalRenderer) -> None:
    job = asyncio.create_task(draw(local, words(side=256, steps=500)))
    await asyncio.sleep(0.5)
    job.cancel()
    async with asyncio.timeout(10):  # all its steps would take half a minute
        assert (await draw(local, words())).images


IMPORTS = """
import sys
import proxy.renderer, proxy.renderer.local, proxy.renderer.homes, proxy.renderer.card, proxy.renderer.wire
print(sorted({"torch", "diffusers", "transformers", "numpy"} & set(sys.modules)))
"""


async def test_the_proxy_process_stays_light(photo: Image) -> None:
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", IMPORTS],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert ran.stdout.strip() == "[]"
