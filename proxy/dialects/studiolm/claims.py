"""Whether a request on a path that dialects share speaks this one.

Asked of every request there, so it has to cost next to nothing: the body is walked once, and no value in it is built.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from proxy.dialects.contract import Incoming

ABSENT = Raw()
STYLES = frozenset({b'"preview"', b'"normal"', b'"upscaled"'})
"""As they stand in the body. `vivid` and `natural` are OpenAI's words as well."""


class Signs(Struct, frozen=True, gc=False):
    """What only this dialect sends, as it stands in the body; of `style` and `response_format`, some values are."""

    aspect_ratio: Raw = ABSENT
    user_selected_model: Raw = ABSENT
    reference_image: Raw = ABSENT
    reference_image_url: Raw = ABSENT
    denoising_strength: Raw = ABSENT
    disable_safety_checker: Raw = ABSENT
    force_prompt_enhancement: Raw = ABSENT
    style: Raw = ABSENT
    response_format: Raw = ABSENT


_DECODER = msgspec.json.Decoder(Signs)


def claims(incoming: Incoming) -> bool:
    """Whether the body is a JSON object with anything in it that only this dialect sends, null or not."""
    try:
        signs = _DECODER.decode(incoming.body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return (
        signs.aspect_ratio is not ABSENT
        or signs.denoising_strength is not ABSENT
        or signs.user_selected_model is not ABSENT
        or signs.reference_image is not ABSENT
        or signs.reference_image_url is not ABSENT
        or signs.disable_safety_checker is not ABSENT
        or signs.force_prompt_enhancement is not ABSENT
        or bytes(signs.style) in STYLES
        or bytes(signs.response_format).startswith((b"[", b'"hxd"'))
    )
