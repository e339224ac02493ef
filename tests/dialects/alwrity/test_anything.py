"""Whatever is sent is a request that holds together, or a refusal that can be read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Control, Edit, Failure, Fault, Generate, Upscale
from proxy.dialects.alwrity import DIALECT
from proxy.dialects.alwrity.catalogue import TEMPLATES
from proxy.dialects.alwrity.control import CONTROL
from proxy.dialects.alwrity.create import CREATE
from proxy.dialects.alwrity.edit import EDIT
from proxy.dialects.alwrity.upscale import UPSCALE
from tests.dialects.alwrity.asking import PHOTO, composed, error_of, incoming, route, text, url
from tests.dialects.outcome import outcome
from tests.properties import MANY

TABLES = {"/create": CREATE, "/edit/process": EDIT, "/upscale": UPSCALE, "/control/process": CONTROL}
words = st.sampled_from(
    [
        *("auto", "draft", "premium", "stability", "ideogram", "16:9", "1.91:1", "png", "jpg", "web", "print", "fast"),
        *("remove_background", "inpaint", "outpaint", "search_replace", "general_edit", "relight", "sketch", "style"),
        *("style_transfer", "linkedin_post", url(PHOTO), text(PHOTO), "@@@", "-1", "0", "2.0", "1024"),
    ]
)
leaves = st.none() | st.booleans() | st.integers(-3, 5000) | st.floats(allow_nan=False) | words | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each, max_size=3),
    max_leaves=5,
)


def bodies(path: str) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(sorted(TABLES[path]))
    likely = {
        "prompt": st.just("A boat"),
        "image_base64": st.just(url(PHOTO)),
        "control_image_base64": st.just(text(PHOTO)),
        "operation": words,
        "template_id": st.sampled_from(sorted(TEMPLATES)),
        "width": st.integers(1, 9000),
        "height": st.integers(1, 9000),
        "preset": st.sampled_from(["web", "print", None]),
        "expand_left": st.integers(0, 100),
    }
    sensible = st.fixed_dictionaries({}, optional={name: likely[name] for name in likely if name in TABLES[path]})
    odd = st.dictionaries(names | st.text(max_size=6), values, max_size=5)
    return st.builds(lambda first, rest: rest | first, sensible, odd)


@pytest.mark.parametrize("path", TABLES)
def test_any_object_is_a_request_or_a_refusal(path: str) -> None:
    @MANY
    @given(bodies(path))
    def hold(body: dict[str, Any]) -> None:
        ask = outcome(route(path).parse, incoming(msgspec.json.encode(body)))
        if isinstance(ask, Failure):
            assert ask.fault is Fault.REJECTED
            status, detail = error_of(DIALECT.render_error(ask))
            assert status == 400
            assert 0 < len(detail) < 10_000
            return
        request = composed(ask)
        assert isinstance(request, Generate | Edit | Upscale | Control)
        assert 1 <= request.n <= 10
        assert (request.width is None) is (request.height is None)
        assert request.width is None or request.exact
        assert len(request.images) == len(ask.sources)
        assert request.model
        assert request.billable().n == request.n

    hold()


@pytest.mark.parametrize("path", TABLES)
def test_a_refusal_never_repeats_a_body(path: str) -> None:
    for field in TABLES[path]:
        body = {"prompt": "A", "image_base64": url(PHOTO), "operation": "sketch", field: "x" * 100_000}
        ask = outcome(route(path).parse, incoming(body))
        if isinstance(ask, Failure):
            assert len(ask.detail) < 1000
