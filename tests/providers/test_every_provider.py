"""What holds for every provider. It walks the folder `providers/`, so that a new file is tested by existing."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from PIL import Image as Pillow

import providers
from providers import sandbox
from providers.contract import (
    Adapter,
    Background,
    Call,
    Control,
    Edit,
    Failure,
    Fault,
    Fidelity,
    Fit,
    Generate,
    Image,
    ImageRequest,
    Mask,
    Model,
    Moderation,
    Polarity,
    Preview,
    Provider,
    Render,
    Result,
    Sampler,
    Step,
    Ticket,
    fit,
    from_text,
)
from providers.contract.model import parse_size
from providers.contract.request import OPTIONAL
from proxy.transport.home import at_home
from tests.pictures import png
from tests.providers.asking import request_for, sides
from tests.providers.recording import (
    FOLDER,
    KEY,
    Recording,
    account,
    hold,
    picture,
    recordings,
    told,
    waiting,
    with_mask_turned,
)

NAMES = sorted(providers.NAMES)
RECORDINGS = {name: recordings(name) for name in NAMES}
ALL = [recording for name in NAMES for recording in RECORDINGS[name]]
MODELS = [(name, model) for name in NAMES for model in providers.load(name).models]
DECLARED = [(each.vendor, each.declares) for each in ALL if each.declares is not None]
"""Models a recording declares, as a row of config.yaml would."""
UNASKED = {f"sandbox/{fault}" for fault in Fault}
"""Models that fail before anything is asked of anybody."""
TASKS = [
    pytest.param(name, model, operation, id=f"{name}/{model.name} {operation}")
    for name, model in {(name, model.name): (name, model) for name, model in [*MODELS, *DECLARED]}.values()
    for operation in sorted(model.operations)
    if model.name not in UNASKED
]

VALUES: dict[str, tuple[Any, Any]] = {
    "negative": ("people", "cars"),
    "seed": (0, 1),
    "style": ("vivid", "natural"),
    "steps": (20, 21),
    "guidance": (2.0, 3.0),
    "sampler": (Sampler.EULER, Sampler.DDIM),
    "tiling": (False, True),
    "contrast": (1.0, 3.5),
    "adapters": ((Adapter("one"),), (Adapter("two", 0.5),)),
    "background": (Background.OPAQUE, Background.TRANSPARENT),
    "compression": (0, 90),
    "moderation": (None, Moderation.LOW),
    "complexity": ("low", "high"),
    "frames": (2, 3),
    "frame_ms": (100, 200),
    "vector_model": ("v3", "v4"),
    "vector_effort": ("low", "high"),
    "user": ("u-1", "u-2"),
    "fidelity": (Fidelity.LOW, Fidelity.HIGH),
    **dict.fromkeys(("strength", "creativity", "detail", "resemblance"), (0.25, 0.75)),
    **dict.fromkeys(("style_strength", "composition_fidelity", "change_strength"), (0.25, 0.75)),
}
"""Two values of every field a model may or may not take."""

each_provider = pytest.mark.parametrize("name", NAMES)
each_task = pytest.mark.parametrize(("name", "model", "operation"), TASKS)


@cache
def free_answers(name: str) -> dict[tuple[str, str], Any]:
    """What a vendor was recorded to answer where nothing is paid, by method and path."""
    found: dict[tuple[str, str], Any] = {}
    for recording in RECORDINGS[name]:
        for row in recording.steps:
            if row.call is not None and not row.call.call().pays and row.reply.status < 300:
                call = row.call.call()
                found.setdefault((call.method, urlsplit(call.url).path), row.answer())
    return found


def opening(name: str, model: Model, request: ImageRequest) -> list[Step]:
    """What is asked for until something is paid, for a request that fits the model just as it is."""
    fitted = fit(request, model)
    assert isinstance(fitted, Fit), fitted
    assert not fitted.notes, fitted.notes
    provider = providers.load(name)
    conversation = provider.run(with_mask_turned(fitted.request, model), model, account(provider))
    steps = [next(conversation)]
    while isinstance(step := steps[-1], Call) and not step.pays:  # a picture is taken there first
        steps.append(conversation.send(free_answers(name)[step.method, urlsplit(step.url).path]))
    conversation.close()
    return steps


def asked(name: str, model: Model, request: ImageRequest) -> list[Any]:
    """The same, as values that can be compared."""
    return [told(step) for step in opening(name, model, request)]


def noted(name: str, model: Model, request: ImageRequest) -> set[str]:
    """What is noted of a request where the vendor answers as recorded first."""
    provider = providers.load(name)
    conversation = provider.run(request, model, account(provider))
    good = [each for each in RECORDINGS[name] if each.gives is not None]
    recorded = next((each for each in good if each.model == model.name), good[0])
    return {note.field for note in through(conversation, [row.answer() for row in recorded.steps]).notes}


def through(conversation: Any, answers: list[Any]) -> Result:
    """Hold a conversation to its end, whatever it asks."""
    next(conversation)
    for answer in answers:
        try:
            conversation.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result
    raise AssertionError("the conversation goes on")


def carried(steps: list[Step]) -> list[Image]:
    """The pictures steps take along, in order, whether as files, as base64 or as `data:` URLs."""
    found: list[Image] = []
    for step in steps:
        if isinstance(step, Render):
            found += step.request.images
            continue
        assert isinstance(step, Call)
        found += [Image(part.value) for part in step.form if isinstance(part.value, bytes)]
        for text in texts(step.json):
            try:
                found.append(from_text(text))
            except Failure:
                continue
    return found


def texts(tree: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list | tuple):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from texts(inner)


def two_values(model: Model, plain: ImageRequest, field: str) -> tuple[Any, Any]:
    """Two values of a field that the model takes just as they are."""
    if field == "style" and model.styles:
        one, *others = model.styles
        return one, next((other for other in others if model.styles[other] != model.styles[one]), None)
    one, other = VALUES["strength" if field == "fidelity" and isinstance(plain, Control) else field]
    if field in model.ranges:
        least, most = model.ranges[field]
        if not (least <= one <= most and least <= other <= most):
            kind = type(one)
            one, other = kind(least), kind(min(least + 1, most)) if kind is int else (least + most) / 2
    return one, other


# The folder.


def test_every_file_of_the_folder_is_a_provider() -> None:
    folder = Path(providers.__path__[0])
    files = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    files -= {"__init__", "contract"}
    assert files == providers.NAMES
    assert all(isinstance(providers.load(name), Provider) for name in files)


@pytest.mark.parametrize("name", ["contract", "nobody", "../openai", ""])
def test_there_is_no_provider_without_its_file(name: str) -> None:
    with pytest.raises(KeyError):
        providers.load(name)


def test_only_what_is_configured_is_imported() -> None:
    code = (
        "import sys, providers; providers.load('local'); print(*[m for m in sys.modules if m.startswith('providers.')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.split(".")[1] for name in ran.stdout.split()}
    assert imported == {"contract", "local"}


@each_provider
def test_a_provider_has_a_recording_that_succeeds_and_no_two_of_a_name(name: str) -> None:
    titles = [recording.title for recording in RECORDINGS[name]]
    assert len(set(titles)) == len(titles)
    assert any(recording.gives is not None for recording in RECORDINGS[name])


def test_no_recording_is_without_a_provider() -> None:
    assert {path.name for path in FOLDER.iterdir()} <= providers.NAMES


# What is declared.


@each_provider
def test_a_provider_says_where_it_is_and_where_its_key_comes_from(name: str) -> None:
    provider = providers.load(name)
    assert provider.title
    if provider.here:
        assert (provider.base, provider.realm, provider.key_from, provider.resume) == ("", "", "", None)
        return
    home = urlsplit(provider.base)
    assert home.hostname
    assert not provider.base.endswith("/")
    if home.hostname == "127.0.0.1":  # a server of the operator's own
        return
    assert home.scheme == "https"
    assert provider.key_from
    if provider.realm:
        assert f".{home.hostname}".endswith(f".{provider.realm}")


@each_provider
def test_a_key_is_put_into_the_headers_and_no_key_makes_none(name: str) -> None:
    provider = providers.load(name)
    shown = (KEY, b64encode(KEY.encode()).decode())
    assert sum(any(key in value for key in shown) for value in provider.sign(account(provider)).values()) == 1
    assert provider.sign(account(provider, key="")) == {}


@pytest.mark.parametrize(("name", "model"), MODELS, ids=[f"{name}/{model.name}" for name, model in MODELS])
def test_a_model_is_declared_sound(name: str, model: Model) -> None:
    provider, sizes = providers.load(name), model.sizes
    assert [each.name for each in provider.models].count(model.name) == 1
    assert model.operations <= sandbox.OPERATIONS
    assert model.honours <= set(OPTIONAL)
    assert sizes.follows_input or all(sizes.draws(*parse_size(size)) for size in (sizes.default, *sizes.auto))
    assert list(model.qualities) == sorted(set(model.qualities), key=lambda quality: quality.rank)
    assert len(set(model.formats)) == len(model.formats) > 0
    assert model.at_once > 0
    assert model.inputs > 0 or model.operations == {"generate"}
    assert provider.resume is not None or not model.asynchronous


# What is asked of the vendor.


@each_task
def test_whatever_a_model_takes_is_sent_or_said(name: str, model: Model, operation: str) -> None:
    plain = request_for(model, operation)
    for field in sorted(model.honours & set(plain.__struct_fields__)):
        if field == "strength" and not plain.images:
            continue
        values = two_values(model, plain, field)
        told_apart = False
        for encoding in (None, *model.formats):  # some are for an animation or a drawing alone
            one, other = (replace(plain, format=encoding, **{field: value}) for value in values)
            told_apart = told_apart or asked(name, model, one) != asked(name, model, other)
        assert told_apart or field in noted(name, model, replace(plain, **{field: values[1]})), field


def wishes(model: Model) -> Iterator[list[dict[str, Any]]]:
    """What a model can be asked besides, each as ways to ask that a vendor must tell apart."""
    yield [{"prompt": "a red boat"}, {"prompt": "a blue boat"}]
    yield [{"quality": quality} for quality in model.qualities]
    yield [{"format": encoding} for encoding in model.formats]
    yield [{"n": n} for n in range(1, min(model.at_once, 3) + 1)]
    yield [{"previews": previews} for previews in range(model.previews + 1)]
    if not model.sizes.follows_input:
        width, height = parse_size(model.sizes.default)
        sizes = {(width, height), (width + model.sizes.step, height), (width, height + model.sizes.step)}
        sizes |= {parse_size(size) for size in model.sizes.listed}
        yield [{"width": width, "height": height} for width, height in sorted(sizes)]


@each_task
def test_a_vendor_can_tell_apart_whatever_a_model_can_be_asked(name: str, model: Model, operation: str) -> None:
    for ways in wishes(model):
        steps = [asked(name, model, request_for(model, operation, **fields)) for fields in ways]
        if len(ways) > 1 and any(steps.count(step) > 1 for step in steps):  # then the caller is told
            said = {"size" if field in ("width", "height") else field for field in ways[-1]}
            assert said <= noted(name, model, request_for(model, operation, **ways[-1])), ways


@each_task
def test_every_picture_sent_along_reaches_the_vendor_as_it_came(name: str, model: Model, operation: str) -> None:
    request = request_for(model, operation)
    width, height = sides(model)
    several = tuple(Image(png(width + place, height)) for place in range(model.inputs))
    if isinstance(request, Edit) and request.mask is None:
        request = replace(request, pictures=several)
    elif isinstance(request, Generate) and request.references:
        request = replace(request, references=several)
    sent = [image.body for image in carried(opening(name, model, request))]
    pictures = request.images if getattr(request, "mask", None) is None else request.images[:-1]
    assert sent[: len(pictures)] == [image.body for image in pictures]
    assert len(sent) == len(request.images)


@pytest.mark.parametrize("polarity", Polarity)
@pytest.mark.parametrize(
    ("name", "model"),
    [pytest.param(*task.values[:2], id=str(task.id)) for task in TASKS if task.values[2] == "edit.inpaint"],
)
def test_a_mask_reaches_the_vendor_in_the_polarity_it_wants(name: str, model: Model, polarity: Polarity) -> None:
    stripes = {Polarity.WHITE: "white+black", Polarity.BLACK: "black+white", Polarity.TRANSPARENT: "clear+white"}
    width, height = sides(model)
    mask = Mask(Image(picture(f"{stripes[polarity]}-{width}x{height}.png")), polarity)
    request = replace(request_for(model, "edit.inpaint"), mask=mask)
    sent = Pillow.open(BytesIO(carried(opening(name, model, request))[-1].body)).convert("RGBA")
    red, alpha = sent.getchannel("R").tobytes(), sent.getchannel("A").tobytes()
    changing = {
        Polarity.WHITE: [value == 255 for value in red],
        Polarity.BLACK: [value == 0 for value in red],
        Polarity.TRANSPARENT: [value == 0 for value in alpha],
    }[model.mask]
    assert changing == [at % width < width // 2 for at in range(width * height)]
    assert model.mask is Polarity.TRANSPARENT or set(alpha) == {255}


@each_task
def test_the_first_that_is_asked_of_a_vendor_goes_home_and_so_does_what_pays(
    name: str, model: Model, operation: str
) -> None:
    steps = opening(name, model, request_for(model, operation))
    first, last = steps[0], steps[-1]
    provider = providers.load(name)
    if provider.here:
        assert isinstance(first, Render)
        assert first.model == model.name
        return
    for step in (first, last):
        assert isinstance(step, Call)
        assert at_home(step.url, account(provider))
    assert isinstance(last, Call)
    assert last.pays


@each_provider
def test_a_provider_is_asked_where_the_operator_says(name: str) -> None:
    for recording in RECORDINGS[name]:
        moved = replace(recording, base="http://10.0.0.7:8000/here")
        if recording.steps and recording.steps[0].call is not None:
            step = next(moved.begin())
            assert isinstance(step, Call)
            assert step.url.startswith("http://10.0.0.7:8000/here/")


# On the way.


@each_provider
def test_no_step_and_no_outcome_shows_the_key(name: str) -> None:
    for recording in RECORDINGS[name]:
        for _, step, conversation in waiting(recording):
            assert KEY not in repr(step)
            conversation.close()
        assert KEY not in repr(told(recording.expected()))


@each_provider
def test_a_conversation_pays_once_and_every_call_of_it_can_be_signed(name: str) -> None:
    for recording in RECORDINGS[name]:
        steps = [step for _, step, _ in waiting(recording)]
        calls = [step for step in steps if isinstance(step, Call)]
        assert sum(call.pays for call in calls) <= 1, recording.title
        for call in calls:  # a picture may be left where the vendor's reply says, without the key
            leaves = any(part.filename is not None for part in call.form) and not call.pays
            assert at_home(call.url, recording.account) or leaves, recording.title


@each_provider
def test_a_job_that_outlives_the_connection_leaves_its_ticket_before_anything_else(name: str) -> None:
    for recording in RECORDINGS[name]:
        steps = [step for _, step, _ in waiting(recording)]
        kinds = [type(step) for step in steps]
        _, model = recording.asked()
        if model.asynchronous:
            paid = next((place for place, step in enumerate(steps) if isinstance(step, Call) and step.pays), len(steps))
            assert kinds[paid + 1 : paid + 2] in ([], [Ticket]), recording.title
            assert kinds.count(Ticket) <= 1
        else:
            assert Ticket not in kinds


RESUMABLE = [each for each in ALL if any(row.ticket is not None for row in each.steps)]


@pytest.mark.parametrize("recording", RESUMABLE, ids=[f"{each.vendor}: {each.title}" for each in RESUMABLE])
def test_a_job_taken_up_by_its_ticket_comes_to_the_same_without_paying_again(recording: Recording) -> None:
    place = next(place for place, row in enumerate(recording.steps) if row.ticket is not None)
    rest = recording.steps[place + 1 :]
    assert not any(row.call.call().pays for row in rest if row.call is not None)
    assert told(hold(recording, recording.resume(), rest)) == told(recording.expected())


def test_unfinished_pictures_are_counted_from_nought() -> None:
    for recording in ALL:
        shown = [step.index for _, step, _ in waiting(recording) if isinstance(step, Preview)]
        assert shown == list(range(len(shown))), recording.title


ELSEWHERE = "https://elsewhere.example"
HOST = re.compile(rb"https?://[^/\"\\\s]+")


@each_provider
def test_wherever_a_reply_leads_the_key_does_not_follow(name: str) -> None:
    """A vendor that was broken into may name any host to poll, to upload to or to fetch from."""
    led = 0
    for recording in RECORDINGS[name]:
        for place, (row, step, conversation) in enumerate(waiting(recording)):
            if not isinstance(step, Call) or not HOST.search(bytes(row.answer().body)):
                continue
            answer = row.answer()
            try:
                step = conversation.send(replace(answer, body=HOST.sub(ELSEWHERE.encode(), bytes(answer.body))))
                while isinstance(step, Ticket):
                    step = conversation.send(None)
            except (Failure, StopIteration):
                continue  # it did not follow
            assert KEY not in repr(step), (recording.title, place)
            if isinstance(step, Call) and step.url.startswith(ELSEWHERE):
                assert not at_home(step.url, recording.account), recording.title
                led += 1
    base = providers.load(name).base
    own = [each for each in RECORDINGS[name] if each.base is None]
    told_where = [
        step for each in own for _, step, _ in waiting(each) if isinstance(step, Call) and base not in step.url
    ]
    assert led or not told_where
