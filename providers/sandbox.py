"""A free, keyless provider that draws a card with the request on it, and fails on demand.

So that clients can test every path they have, errors too: a model named `sandbox/<fault>`, or a word from the
configuration found in the prompt, makes it fail the way a vendor would.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pricing import Usage
from providers.contract import (
    Account,
    Conversation,
    Drawn,
    EditKind,
    Failure,
    Fault,
    Format,
    ImageRequest,
    Model,
    Picture,
    Preview,
    Provider,
    Quality,
    Render,
    Result,
    Sizes,
)
from providers.contract.words import ControlKind, UpscaleKind

SLOW = "slow"
SCRIPTS: dict[str, str] = {
    SLOW: "Answers after a delay, 5 seconds unless configured.",
    Fault.THROTTLED: "Too many requests, with Retry-After.",
    Fault.UNAVAILABLE: "The vendor is down.",
    Fault.MALFORMED: "The vendor answers nonsense.",
    Fault.AMBIGUOUS: "The vendor takes the request and never answers.",
    Fault.CREDENTIAL: "The vendor does not take our key.",
    Fault.REJECTED: "The vendor does not take the request.",
    Fault.MODERATED: "The vendor refuses the content.",
}
"""What can be asked for, by its name."""

DETAILS = {
    Fault.THROTTLED: "the sandbox was told to answer 429",
    Fault.UNAVAILABLE: "the sandbox was told to be down",
    Fault.MALFORMED: "the sandbox was told to answer nonsense",
    Fault.AMBIGUOUS: "the sandbox was told to take the request and never answer",
    Fault.CREDENTIAL: "the sandbox was told to refuse our key",
    Fault.REJECTED: "the sandbox was told to refuse the request",
    Fault.MODERATED: "Your request was rejected by the safety system: the sandbox was told to refuse the content.",
}


def run(request: ImageRequest, model: Model, account: Account) -> Conversation:
    """Do as the name or the prompt says, then draw."""
    script = _script(request, model, account.options)
    if script is not None and script not in SCRIPTS:
        raise Failure(Fault.UNAVAILABLE, f"the sandbox has no fault {script!r}")
    if script is not None and script != SLOW:
        fault = Fault(script)
        raise Failure(fault, DETAILS[fault], retry_after=1.0 if fault is Fault.THROTTLED else None)
    delay = float(account.options.get("delay_s", 5.0)) if script == SLOW else 0.0
    shown = request.previews
    for index in range(shown):
        render = Render(
            engine="card",
            model=model.name,
            request=request,
            done=(index + 1) / (shown + 1),
            after=delay / (shown + 1),
        )
        unfinished: Drawn = yield render
        request = replace(request, seed=unfinished.seeds[0])  # the picture that is coming, not another
        yield Preview(unfinished.images[0], index)
    drawn: Drawn = yield Render(engine="card", model=model.name, request=request, after=delay / (shown + 1))
    pictures = tuple(Picture(image=image, seed=seed) for image, seed in zip(drawn.images, drawn.seeds, strict=True))
    return Result(pictures=pictures, usage=Usage(images=len(pictures), seconds=drawn.seconds))


def _script(request: ImageRequest, model: Model, options: Any) -> str | None:
    _, slash, named = model.name.partition("/")
    if slash:
        return named
    prompt = request.prompt.lower()
    for words, script in options.get("words", {}).items():
        if words.lower() in prompt:
            return str(script)
    return None


OPERATIONS = frozenset(
    {"generate", "generate.reference"}
    | {f"edit.{kind}" for kind in EditKind}
    | {f"upscale.{kind}" for kind in UpscaleKind}
    | {f"control.{kind}" for kind in ControlKind}
)


def _model(name: str, description: str) -> Model:
    return Model(
        name=name,
        title=name,
        description=description,
        operations=OPERATIONS,
        sizes=Sizes(step=1, min_side=16, max_side=4096),
        qualities=tuple(Quality),
        formats=(Format.PNG, Format.JPEG, Format.WEBP),
        honours=frozenset(
            {"negative", "seed", "style", "steps", "guidance", "background", "compression", "moderation", "user"}
            | {"complexity", "fidelity", "strength"}
        ),
        at_once=10,
        inputs=16,
        previews=3,
    )


PROVIDER = Provider(
    title="Sandbox",
    run=run,
    here=True,
    models=(
        _model("sandbox", "Draws a card with the request on it. Free."),
        *(
            _model(f"sandbox/{script}", f"{says} For testing a client's error paths.")
            for script, says in SCRIPTS.items()
        ),
    ),
)
