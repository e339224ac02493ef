"""The official client, unmodified, with this dialect at the other end of its wire."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import studiolm

from providers.contract import Code, Failure, Fault, Generate, Image
from proxy.dialects.contract import Ask, Incoming, Outgoing, Served, Shown
from proxy.dialects.studiolm.claims import claims
from proxy.dialects.studiolm.parse import parse
from proxy.dialects.studiolm.render import available_models, render, render_error
from tests.dialects.studiolm.asking import LINK, PHOTO, composed
from tests.dialects.studiolm.test_render import CARDS


class Wire:
    """Answers the client, and remembers what became of its requests."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.failure: Failure | None = None
        http = httpx.Client(base_url="http://here", transport=httpx.MockTransport(self._answer))
        self.client = studiolm.Client(api_key="sk-1")
        self.client.close()
        self.client._http = self.client.images._http = http

    @property
    def request(self) -> Generate:
        """The latest request, in our words."""
        return composed(self.asks[-1])

    def _answer(self, request: httpx.Request) -> httpx.Response:
        incoming = Incoming(method=request.method, path=request.url.path, headers={}, body=request.read())
        try:
            outgoing = self._told(incoming)
        except Failure as failure:
            outgoing = render_error(failure)
        return httpx.Response(outgoing.status, headers=dict(outgoing.headers), content=b"".join(outgoing.body))

    def _told(self, incoming: Incoming) -> Outgoing:
        if self.failure is not None:
            raise self.failure
        if incoming.path == "/v1/images/available-models":
            return available_models(incoming, CARDS)
        assert claims(incoming)
        ask = parse(incoming)
        self.asks.append(ask)
        picture = Shown(image=Image(PHOTO), link="http://here/v1/images/view/abc", pixels=b"\1\2\3" * 1200, seed=11)
        return render(ask, Served(request_id="r", created=1, model="standard", pictures=(picture,)))


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.client.close()


def test_the_documented_example(wire: Wire) -> None:
    image = wire.client.generate("A serene mountain lake at dawn, cinematic lighting", style="vivid", size="1024x1024")
    assert (image.url, image.b64_json, image.hxd, image.seed) == ("http://here/v1/images/view/abc", None, None, 11)
    assert (wire.request.width, wire.request.height, wire.request.style) == (1024, 1024, None)
    assert wire.asks[-1].notes == ()


def test_the_documented_example_with_a_picture(wire: Wire) -> None:
    wire.client.generate(
        "Transform into oil painting style", reference_image_url="https://example.com/photo.jpg", denoising_strength=0.6
    )
    [source] = wire.asks[-1].sources
    assert (source.url, wire.request.strength) == (LINK, 0.6)
    assert wire.asks[-1].notes == ()


@pytest.mark.parametrize(("size", "drawn"), [("512x768", (832, 1216)), ("1216x832", (1216, 832)), (None, (1024, 1024))])
def test_its_sizes_are_ratios(wire: Wire, size: str | None, drawn: tuple[int, int]) -> None:
    wire.client.generate("A boat", size=size)
    assert (wire.request.width, wire.request.height) == drawn


@pytest.mark.parametrize("style", ["preview", "natural", "normal", "vivid", "upscaled"])
@pytest.mark.parametrize("response_format", ["url", "b64_json", "hxd", ["url", "b64_json", "hxd"]])
def test_every_style_and_format_it_knows(wire: Wire, style: str, response_format: Any) -> None:
    image = wire.client.images.generate("A boat", style=style, response_format=response_format)
    wanted = [response_format] if isinstance(response_format, str) else response_format
    found = {"url": image.url, "b64_json": image.b64_json, "hxd": image.hxd}
    assert [name for name, value in found.items() if value is not None] == wanted
    assert len(image.data) == 1


def test_everything_it_can_say(wire: Wire) -> None:
    wire.client.generate(
        "A boat",
        model="imagen-v3",
        aspect_ratio="portrait",
        negative_prompt="fog",
        seed=-1,
        disable_safety_checker=True,
        force_prompt_enhancement=True,
        reference_image=base64.b64encode(PHOTO).decode(),
    )
    request, ask = wire.request, wire.asks[-1]
    assert (request.model, request.negative, request.seed, request.enhance) == ("imagen-v3", "fog", None, True)
    assert (request.strength, ask.unfiltered, ask.sources[0].body, ask.notes) == (0.75, True, PHOTO, ())


def test_it_saves_what_it_was_sent(wire: Wire, tmp_path: Path) -> None:
    saved = wire.client.generate("A boat", response_format=["b64_json", "url"]).save(tmp_path / "a.png")
    assert saved.read_bytes() == PHOTO


def test_it_lists_models_as_documented(wire: Wire) -> None:
    told = [f"{each['display_name']} - {each['description']}" for each in wire.client.images.available_models()]
    assert told[0] == "imagen-v3 - Our own words."


def test_it_raises_what_is_refused(wire: Wire) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        wire.client.generate(" ")
    assert caught.value.response.status_code == 400
    wire.failure = Failure(Fault.REJECTED, "Invalid API key", code=Code.UNAUTHENTICATED)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        wire.client.images.available_models()
    assert caught.value.response.json()["error"]["code"] == 401
