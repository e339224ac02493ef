"""A remembered fit or quote is the one that would be worked out anew, for every model and price there is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import providers
from pricing import Book, Price, quote
from providers.contract import (
    Adapter,
    Background,
    Edit,
    EditKind,
    Fit,
    Format,
    Generate,
    Image,
    ImageRequest,
    Model,
    Moderation,
    Quality,
    Sampler,
    fit,
)
from proxy.policy.remembered import LONGEST, Fitting, shape
from tests.pictures import png
from tests.properties import MANY

MODELS = [model for name in sorted(providers.NAMES) for model in providers.load(name).models]
MODELS += [
    Model(name="seeded", honours=frozenset({"seed", "guidance"}), ranges={"seed": (0, 100), "guidance": (1, 10)}),
    Model(name="short", prompt_limit=10, needs=frozenset({"prompt", "negative"})),
    Model(name="styled", honours=frozenset({"style", "seed", "user"}), styles={"vivid": "VIVID"}),
]
PRICES: list[Price] = [price for _, _, price in Book.load()]


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


sizes = st.sampled_from([(None, None), (1024, 1024), (1000, 1000), (1536, 1024), (256, 256), (300, 2000)])
requests = st.builds(
    lambda size, **fields: Generate(model="any", width=size[0], height=size[1], **fields),
    sizes,
    prompt=st.sampled_from(["", "A boat", "A boat on a lake", "x" * 5000]),
    n=st.integers(1, 4),
    quality=maybe(st.sampled_from(Quality)),
    negative=st.sampled_from([None, "", "people", "fog"]),
    seed=st.sampled_from([None, 0, 7, 2**40]),
    style=st.sampled_from([None, "vivid", "natural", "VIVID", "y" * (LONGEST + 1)]),
    guidance=st.sampled_from([None, 0.5, 7.5, 30.0]),
    steps=st.sampled_from([None, 1, 30, 500]),
    sampler=maybe(st.sampled_from(Sampler)),
    adapters=st.sampled_from([None, (Adapter("a"),), tuple(Adapter(str(n)) for n in range(9))]),
    background=maybe(st.sampled_from(Background)),
    format=maybe(st.sampled_from(Format)),
    moderation=maybe(st.sampled_from(Moderation)),
    user=st.sampled_from([None, "u-1", "u-2"]),
    previews=st.integers(0, 3),
    exact=st.booleans(),
    enhance=st.booleans(),
    grows=st.sampled_from([0, 300]),
)


@MANY
@given(st.lists(requests, min_size=1, max_size=4), st.booleans())
def test_every_request_fits_every_model_as_if_it_were_the_first(asked: list[Generate], any_area: bool) -> None:
    for request in asked:
        for again in (request, replace(request, prompt=request.prompt[::-1], user=request.user and "u-3")):
            fitting = Fitting(again, any_area=any_area)
            for model in MODELS:
                assert fitting.to(model) == fit(again, model, any_area=any_area), model.name


@MANY
@given(requests, requests)
def test_every_price_is_quoted_as_if_it_were_for_the_first_time(one: Generate, two: Generate) -> None:
    for request in (one, two, replace(one, prompt="other words", grows=9)):
        fitting = Fitting(request, any_area=False)
        billable = request.billable()
        assert fitting.quote(request, None) == (billable, None)
        for price in PRICES:
            assert fitting.quote(request, price) == (billable, quote(price, billable))


def test_what_differs_in_words_alone_is_remembered_together_and_what_counts_apart() -> None:
    plain = Generate(model="any", prompt="A boat", seed=1, user="me", negative="fog")
    assert shape(plain) == shape(replace(plain, prompt="A house", seed=2, user="you", negative="rain", model="other"))
    for other in (
        replace(plain, prompt=""),
        replace(plain, seed=None),
        replace(plain, user=None),
        replace(plain, negative=""),
        replace(plain, n=2),
        replace(plain, width=512, height=512),
        replace(plain, exact=True),
        replace(plain, strength=0.5),
    ):
        assert shape(other) != shape(plain)


@pytest.mark.parametrize(
    "request_",
    [
        Generate(model="any", references=(Image(png()),)),
        Edit(model="any", kind=EditKind.GENERAL, pictures=(Image(png()),)),
        Generate(model="any", style="y" * (LONGEST + 1)),
        Generate(model="any", adapters=tuple(Adapter(str(n)) for n in range(9))),
    ],
)
def test_pictures_and_what_would_fill_the_memory_are_fitted_anew(request_: ImageRequest) -> None:
    assert shape(request_) is None
    fitting = Fitting(request_, any_area=False)
    for model in MODELS:
        assert fitting.to(model) == fit(request_, model)


def test_a_model_in_the_place_of_another_is_not_taken_for_it() -> None:
    request = Generate(model="any")
    for name in range(50):  # each is gone before the next is made, and may lie where it lay
        model = Model(name=str(name), operations=frozenset({"generate"} if name % 2 else {"edit.erase"}))
        assert isinstance(Fitting(request, any_area=False).to(model), Fit) is bool(name % 2)


def test_a_price_in_the_place_of_another_is_not_taken_for_it() -> None:
    request = Generate(model="any", width=1024, height=1024)
    for name in range(50):
        price = replace(PRICES[name % len(PRICES)], since=date(2020, 1, 1 + name % 28), until=None)
        assert Fitting(request, any_area=False).quote(request, price)[1] == quote(price, request.billable())
