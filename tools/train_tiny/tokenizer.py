"""The tiny model's tokenizer: CLIP's kind, its merges learnt from the project's own captions.

Byte-level, so that no prompt is unreadable: a word it has not met is spelt out in pieces.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from tools.train_tiny.captions import caption
from tools.train_tiny.scene import random_scene
from tools.train_tiny.words import SAYINGS, plurals

LONGEST = 48
"""Tokens of a prompt, its start and end among them."""
ENTRIES = 2048
_CAPTIONS = 2000
_OFTEN = 25
"""Uses in those captions that are worth merges."""
_PLAIN = 400
_OTHER = 60
_ENOUGH = 6000
"""Entries with which every word of `SAYINGS` would be one."""
_START, _END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer() -> CLIPTokenizer:
    """The same one on every call."""
    symbols = _byte_symbols()
    letters = [*symbols, *(f"{symbol}</w>" for symbol in symbols)]
    merges = _thinned(_merges(letters, _ENOUGH), ENTRIES - len(letters) - 2)
    entries = [*letters, *("".join(pair) for pair in merges), _START, _END]
    return CLIPTokenizer(vocab={entry: at for at, entry in enumerate(entries)}, merges=merges, model_max_length=LONGEST)


def encode(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.LongTensor:
    """Ids of shape [texts, `LONGEST`], filled up with the end's. As calling the tokenizer, but far faster: nothing is
    joined across a space, so what stands between two is looked up once.
    """
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    rows = []
    for text in texts:
        inner = [found for piece in text.split(" ") for found in _ids(tokenizer, piece)][: LONGEST - 2]
        rows.append([start, *inner, *[end] * (LONGEST - 1 - len(inner))])
    return torch.tensor(rows, dtype=torch.long)  # type: ignore[return-value]


@lru_cache(maxsize=1 << 16)
def _ids(tokenizer: CLIPTokenizer, piece: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(piece, add_special_tokens=False))


def _merges(letters: list[str], many: int) -> list[tuple[str, str]]:
    """The pairs to join, most frequent first."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    # Letters are handed over as special tokens: they then have ids from the start. Ids break ties between equally
    # frequent pairs, and would otherwise follow the order of a hash table, another one in every process.
    trainer = trainers.BpeTrainer(
        vocab_size=len(letters) + many, special_tokens=letters, end_of_word_suffix="</w>", show_progress=False
    )
    learner.train_from_iterator(_text(), trainer)
    return [(left, right) for left, right in json.loads(learner.to_str())["model"]["merges"]]


def _thinned(merges: list[tuple[str, str]], many: int) -> list[tuple[str, str]]:
    """Without merges that only complete one rarer word, last ones first: that word is then two tokens, and no other
    word changes. Merges stopped early would leave other words in four pieces instead.
    """
    built_on = {part for pair in merges for part in pair}
    kept = list(merges)
    for pair in reversed(merges):
        if len(kept) <= many:
            break
        if "".join(pair) not in built_on:
            kept.remove(pair)
    return kept


def _text() -> Iterator[str]:
    """What the merges are learnt from: every saying's words, and what else captions say often."""
    chance = random.Random(0)  # noqa: S311
    captions = (caption(random_scene(chance), chance) for _ in range(_CAPTIONS))
    said = Counter(word for text in captions for word in re.findall("[a-z]+", text.lower()))
    words = {word: times for word, times in said.items() if times >= _OFTEN}
    for attribute, values in SAYINGS.items():
        for first, *others in values.values():
            _count(words, first, _PLAIN)
            if attribute == "subject":
                _count(words, plurals(first)[0], _PLAIN)
            for saying in others:
                _count(words, saying, _OTHER)
    for word, times in words.items():
        yield from [word] * times


def _count(words: dict[str, int], saying: str, times: int) -> None:
    for word in saying.split():
        words[word] = max(words.get(word, 0), times)


def _byte_symbols() -> list[str]:
    """The printable character that stands for each byte in CLIP's vocabulary, in its order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(printable)
    return [chr(code) for code in (*printable, *range(256, 256 + others))]
