"""A world where pictures are really retouched and kept, for the routes that work on finished ones."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Pillow

from providers.contract import Code, Failure, Fault, Image
from proxy.dialects.alwrity import DIALECT
from proxy.dialects.wants import Asset, Drop, Find, Keep, Retouch, Want
from proxy.retouch import DamagedError, Retouched, retouch
from tests.dialects.alwrity.asking import error_of, talked

PIXELS = 1_000_000


class Finishing:
    """Answers wants as the server does, and remembers them."""

    def __init__(self) -> None:
        self.retouched: list[Retouch] = []
        self.kept: dict[str, Asset] = {}

    def __call__(self, want: Want) -> Any:
        """Its answer to a want."""
        match want:
            case Retouch():
                return self._retouch(want)
            case Keep():
                return self._keep(want)
            case Find():
                assert want.kind == "library"
                return self.kept.get(want.id)
            case Drop():
                assert want.kind == "library"
                return self.kept.pop(want.id, None) is not None
        raise AssertionError(want)

    def _retouch(self, want: Retouch) -> Retouched:
        self.retouched.append(want)
        try:
            return retouch(want.body, want.encoding, want.shape, pixels=PIXELS)
        except DamagedError as error:
            detail = f"Invalid image in '{want.field}': {error}."
            raise Failure(Fault.REJECTED, detail, code=Code.NOT_AN_IMAGE, field=want.field) from error

    def _keep(self, want: Keep) -> Asset:
        assert want.body is not None
        assert want.name is None
        try:
            image = Image(want.body)
        except ValueError as error:
            raise Failure(Fault.REJECTED, "no picture", code=Code.NOT_AN_IMAGE, field="file") from error
        id_ = f"a{len(self.kept) + 1}"
        self.kept[id_] = Asset(
            id=id_,
            kind=want.kind,
            created=1_700_000_000_000,
            facts=want.facts,
            link=f"http://here/{id_}",
            format=image.format,
            bytes=len(want.body),
        )
        return self.kept[id_]


def posted(path: str, body: Any, world: Finishing | None = None) -> Any:
    """What a route answers."""
    return talked(path, body, world=world or Finishing())


def got(path: str, *, parts: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> Any:
    """What a route without a body answers, from nothing but what it was asked."""
    return talked(path, method="GET", parts=parts, query=query)


def refused(
    path: str, body: Any = None, *, method: str = "POST", world: Finishing | None = None, **more: Any
) -> tuple[int, str]:
    """Status and detail of a refusal, by the caller's own fault; nothing was kept by then."""
    world = world or Finishing()
    with pytest.raises(Failure) as caught:
        talked(path, body, method=method, world=world, **more)
    assert caught.value.fault is Fault.REJECTED
    return error_of(DIALECT.render_error(caught.value))


def shown(url: str, kind: str) -> Pillow.Image:
    """The picture in a data URL, which says of it what is true."""
    head, _, text = url.partition(",")
    assert head == f"data:image/{kind};base64"
    picture = Pillow.open(BytesIO(base64.b64decode(text, validate=True)))
    picture.load()
    assert picture.format == kind.upper()
    return picture
