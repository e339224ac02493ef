"""The description as one page of HTML: nothing is fetched, everything is on it to be found by the browser's search."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any

from proxy.dialects.contract import Dialect
from proxy.dialects.documents import Document, Example, Field
from proxy.edge.documentation import own
from proxy.edge.documentation.entries import (
    HOST,
    KEY,
    Entry,
    curl,
    earlier,
    entries,
    limits,
    plain,
    pretty,
    refusals,
    shown,
    unkinded,
)
from proxy.edge.documentation.looks import SCRIPT, STYLE

CODE = re.compile(r"`([^`]+)`")
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    f"script-src 'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with it: nothing but show it and run its own few lines."""


def page(dialects: Sequence[Dialect]) -> str:
    """The whole of it."""
    every = entries(dialects)
    groups = [(dialect.name, dialect.says, dialect.base) for dialect in dialects] + [(own.OWN, own.SAYS, "")]
    sections = [
        _section(name, says, base, [entry for entry in every if entry.dialect == name], dialects)
        for name, says, base in groups
    ]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Darkroom: every route</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="color-scheme" content="light dark"><style>{STYLE}</style></head><body>',
            f"<nav><a class=home href=#top>Darkroom</a>{''.join(_menu(every, name) for name, _, _ in groups)}</nav>",
            f"<main id=top>{_opening(every)}{''.join(sections)}</main><script>{SCRIPT}</script></body></html>",
        ]
    )


def _menu(every: Iterable[Entry], name: str) -> str:
    links = [
        f'<li><a href="#{entry.id}">{_method(entry)}<span>{_breaking(_tail(entry))}</span></a>'
        for entry in every
        if entry.dialect == name
    ]
    return f'<div class=group><a class=dialect href="#{name}">{name}</a><ul>{"".join(links)}</ul></div>'


def _tail(entry: Entry) -> str:
    """A path without what all of its dialect's have in common."""
    for begins in ("/api/image-studio", "/api/rest/v1", "/v1/darkroom", "/v1"):
        if entry.path.startswith(f"{begins}/"):
            return entry.path.removeprefix(begins)
    return entry.path


def _opening(every: Sequence[Entry]) -> str:
    return "".join(
        [
            f"<header><h1>Every route of this server</h1><p>{len(every)} routes, each with an example that works as ",
            f"it stands. Set <code>{HOST[1:]}</code> to the server's address, without <code>/v1</code>, and ",
            f"<code>{KEY[1:]}</code> to a key. The model <code>sandbox</code> draws for nothing. The same as ",
            '<a href="/v1/darkroom/openapi.json">OpenAPI 3.1</a>.</p>',
            "<h2>Headers you may send</h2><p>With every request for pictures, in any dialect.</p>",
            _pairs(own.REQUEST_HEADERS),
            f"<h2>Headers that come back</h2>{_pairs(own.ANSWER_HEADERS)}</header>",
        ]
    )


def _pairs(pairs: Mapping[str, str]) -> str:
    rows = [f"<dt><code>{_breaking(name)}</code><dd>{_text(says)}" for name, says in pairs.items()]
    return f"<dl>{''.join(rows)}</dl>"


def _section(name: str, says: str, base: str, found: Iterable[Entry], dialects: Sequence[Dialect]) -> str:
    dialect = next((each for each in dialects if each.name == name), None)
    where = ""
    if dialect is not None:
        where = (
            f"<p class=base>Clients take as their base <code>{HOST}{base}</code>. Every path is also there with "
            f"<code>/{name}</code> before it, where it is never taken for another dialect's.</p>"
        )
    head = f'<section id="{name}"><h2 class=dialect>{name}</h2><p>{_text(says)}</p>{where}'
    return f"{head}{''.join(_route(entry) for entry in found)}{_errors(dialect) if dialect else ''}</section>"


def _route(entry: Entry) -> str:
    document = entry.document
    marks = [*(["no key"] if entry.public else []), *(["makes pictures"] if entry.generating else [])]
    return "".join(
        [
            f'<article id="{entry.id}"><h3><a href="#{entry.id}">{_method(entry)}',
            f"<code>{_breaking(entry.path)}</code></a>",
            "".join(f"<small>{mark}</small>" for mark in marks),
            f"</h3><p>{_text(document.says)}</p>",
            f"<p class=base>Also <code>{entry.pinned}</code>.</p>" if entry.pinned else "",
            _fields(document),
            *[_example(entry, example) for example in document.examples],
            _answer(entry),
            "</article>",
        ]
    )


def _method(entry: Entry) -> str:
    return f"<b class={entry.method.lower()}>{entry.method}</b>"


def _fields(document: Document) -> str:
    if not document.fields:
        return ""
    rows = "".join(_field(field) for field in document.fields)
    head = "<tr><th>Field<th>Takes<th>Meaning<th>Becomes"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _field(field: Field) -> str:
    marks = "<small>required</small>" * field.required
    marks += "" if field.place == "body" else f"<small>{field.place}</small>"
    default = "" if field.default is None else f"<br>default <code>{escape(shown(field.default))}</code>"
    kind, colon, words = field.becomes.partition(": ")
    becomes = f"<i>{kind}</i> {escape(words)}" if colon else _codes(field.becomes.split(", "))
    takes = f"{_text(limits(field))}{default}"
    return f"<tr><td><code>{_breaking(field.name)}</code>{marks}<td>{takes}<td>{_text(field.text)}<td>{becomes}"


def _codes(words: Iterable[str]) -> str:
    return " ".join(f"<code>{_breaking(word)}</code>" for word in words)


def _example(entry: Entry, example: Example) -> str:
    title = f"Example: {example.title}" if example.title else "Example"
    told = [f"<h4>{escape(title)}</h4>", _copied(curl(entry, example), "curl", "Copy curl")]
    if example.json is not None:
        told[-1] = told[-1].replace("</button>", "</button>" + _json_button(pretty(plain(example.json))), 1)
    where = list(_whence(example))
    return "".join([*told, f"<p class=base>{'; '.join(where)}.</p>" if where else ""])


def _json_button(text: str) -> str:
    return f'<button type=button data-json="{escape(text)}">Copy JSON</button>'


def _copied(text: str, kind: str, label: str) -> str:
    return f"<div class=copy><button type=button>{label}</button><pre class={kind}>{escape(text)}</pre></div>"


def _whence(example: Example) -> Iterator[str]:
    """Where the values of an example come from that an earlier answer has."""
    for each in earlier(example):
        at = f"header <code>{each.header}</code>" if each.header else f"<code>{'.'.join(map(str, each.path))}</code>"
        yield f"<code>{each.shown}</code> is {at} in the answer of <code>{unkinded(each.route)}</code>"


def _answer(entry: Entry) -> str:
    status, media = entry.document.status, entry.document.media
    if entry.answer is None:
        return f"<h4>Answer</h4><p class=base>{status}{'' if status == 204 else f', <code>{media}</code>'}</p>"
    return f"<h4>Answer <span>{status}</span></h4><pre class=shape>{escape(shaped(entry.answer))}</pre>"


def shaped(shape: Any, indent: str = "") -> str:
    """The shape of an answer, in brief: names of types in the place of values."""
    further = f"{indent}  "
    if isinstance(shape, Mapping):
        if not shape:
            return "{}"
        members = [f"{further}{name}: {shaped(each, further)}" for name, each in shape.items()]
        return "\n".join(["{", *members, f"{indent}}}"])
    if isinstance(shape, list):
        return f"[{shaped(shape[0], indent)}, …]" if shape else "[]"
    return str(shape)


def _errors(dialect: Dialect) -> str:
    rows = [
        f"<tr><td><b>{refusal.status}</b><td>{'<br>'.join(escape(when) for when in refusal.when)}"
        f"<td><code>{escape(_said(refusal.body))}</code>"
        for refusal in refusals(dialect)
    ]
    head = "<tr><th>Status<th>When<th>Body"
    return (
        f'<article id="{dialect.name}-errors"><h3>Errors of {dialect.name}</h3>'
        f"<table class=errors><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></article>"
    )


def _said(body: Any) -> str:
    return re.sub(r"\s*\n\s*", " ", pretty(body))


def _text(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def _breaking(text: str) -> str:
    """A long name that may be broken after its separators."""
    return re.sub(r"([/._\]-])(?=[^\s])", r"\1<wbr>", escape(text))
