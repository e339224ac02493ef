"""A chat model that writes prompts out, at any server that speaks OpenAI's chat completions.

https://platform.openai.com/docs/api-reference/chat/create  What it may read and write is bounded, so that it can be
priced before; what its usage says is what is settled.
"""

from __future__ import annotations

from collections.abc import Generator
from decimal import ROUND_CEILING
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from providers.contract import Account, Call, Failure, Fault, Image, ImageRequest, Provider, Reply
from proxy.config import EnhancerRow
from proxy.enhance.contract import Written
from proxy.transport import Lease, Transport

TASK = (
    "Rewrite the user's text as a prompt for an image model. Keep every subject, colour, number, name and quoted text "
    "as it is. Add what is left open: light, composition, material, mood. Answer with the prompt alone, in the "
    "language of the text."
)
OVERHEAD = 32
"""Tokens around the messages, more than any known template takes."""
GROWN = 4
"""Bytes that a token which is written may be long; what is longer is cut off."""
MILLION = 1_000_000


class _Said(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Said


class _Spent(Struct):
    prompt_tokens: int
    completion_tokens: int


class _Answer(Struct):
    choices: list[_Choice]
    usage: _Spent | None = None


class Chat:
    """Asks the model."""

    def __init__(self, row: EnhancerRow, transport: Transport) -> None:
        self._row = row
        self._transport = transport
        self.model = row.model
        self._account = Account(base=row.base.rstrip("/"), key=row.key, realm="", options={})
        self._provider = Provider(title="Enhancer", run=_nothing, base=row.base, sign=_sign, models=())

    def prepared(self, request: ImageRequest) -> ImageRequest:
        """The request with room for what its prompt may grow to."""
        return replace(request, grows=self._row.tokens * GROWN)

    def quote(self, prompt: str) -> int:
        """Every byte read counted as a token, and as many written as it may write."""
        return self._micros(len(TASK.encode()) + len(prompt.encode()) + OVERHEAD, self._row.tokens)

    async def write(self, request: ImageRequest, lease: Lease) -> Written:
        """What the model makes of the prompt."""
        conversation = cast(Any, _ask(self._row, self._account, request.prompt))
        answer = await self._transport.hold(
            conversation, self._provider, self._account, _NobodyWatches(), deadline=self._row.deadline_s, lease=lease
        )
        text, spent = cast(tuple[str, _Spent | None], answer)
        micros = self.quote(request.prompt)
        if spent is not None and spent.prompt_tokens >= 0 <= spent.completion_tokens:
            micros = self._micros(spent.prompt_tokens, spent.completion_tokens)
        return Written(_fitting(text, len(request.prompt.encode()) + request.grows), micros)

    def _micros(self, read: int, written: int) -> int:
        usd = (self._row.text_in * read + self._row.text_out * written) / MILLION
        return int((usd * MILLION).to_integral_value(ROUND_CEILING))


def _ask(row: EnhancerRow, account: Account, prompt: str) -> Generator[Call, Reply, tuple[str, _Spent | None]]:
    body = {
        "model": row.model,
        "messages": [{"role": "system", "content": TASK}, {"role": "user", "content": prompt}],
        row.limit_field: row.tokens,
    }
    reply = yield Call(method="POST", url=f"{account.base}/chat/completions", json=body, pays=True)
    answer: _Answer = reply.read(_Answer)
    text = (answer.choices[0].message.content or "").strip() if answer.choices else ""
    if not text:
        raise Failure(Fault.MALFORMED, "the model wrote nothing")
    return text, answer.usage


def _fitting(text: str, most: int) -> str:
    """As many whole words of a text as fit into so many bytes."""
    encoded = text.encode()
    if len(encoded) <= most:
        return text
    return encoded[:most].decode(errors="ignore").rpartition(" ")[0].rstrip(" ,;:") + "."


def _sign(account: Account) -> dict[str, str]:
    return {"authorization": f"Bearer {account.key.reveal()}"} if account.key else {}


def _nothing(*_: Any) -> Any:
    raise AssertionError("it draws nothing")  # pragma: no cover


class _NobodyWatches:
    async def ticket(self, text: str) -> None:
        """There is none."""

    async def preview(self, image: Image, index: int) -> None:
        """There is none."""
