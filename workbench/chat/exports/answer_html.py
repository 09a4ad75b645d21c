"""A model's Markdown as inert HTML for a browser: no raw HTML, no image, no style; links say where they go."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_RENDERED_CHARACTERS = 400_000
MAX_NESTING = 40
MAX_HIGHLIGHTED_CHARACTERS = 60_000
CLASS_PREFIX = "k-"
"""Of the classes of highlighted code."""
_SCHEMES = ("https://", "http://", "mailto:")


def answer_html(text: str) -> str:
    """HTML without attributes but ``class``, ``start``, and ``href`` and ``rel`` of links; text beyond the limits stays
    plain."""
    if len(text) > MAX_RENDERED_CHARACTERS:
        return plain_html(text)
    parser = _parser()
    environment: dict[str, object] = {}
    found = parser.parse(text, environment)
    # The parser leaves out what is nested deeper than its limit; no text may be lost.
    if any(token.level >= MAX_NESTING - 2 for token in found):
        return plain_html(text)
    for token in found:
        if token.children:
            token.children = list(_disarmed(token.children))
        if "style" in token.attrs:
            # A class: the page's policy lets no style attribute pass.
            token.attrs = {"class": str(token.attrs["style"]).rsplit(":", 1)[-1]}
    rendered: str = parser.renderer.render(found, parser.options, environment)
    return rendered


def plain_html(text: str) -> str:
    """As it was written, line by line."""
    return f'<pre class="plain">{html.escape(text)}</pre>'


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    options = {"html": False, "linkify": False, "maxNesting": MAX_NESTING, "highlight": _highlighted}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def _disarmed(tokens: Sequence[Token]) -> Iterator[Token]:
    """Images as words, links with their address behind them; one elsewhere than to the web or to mail is none."""
    address, words = "", ""
    for token in tokens:
        if token.type == "image":
            said = "".join(child.content for child in token.children or [])
            source = token.attrs.get("src", "")
            yield _text(f"[image: {said}] ({source})" if said else f"[image] ({source})")
            continue
        if token.type == "link_open":
            address, words = str(token.attrs.get("href", "")), ""
            if _goes_out(address):
                token.attrs = {"href": address, "rel": "noopener noreferrer"}
                yield token
        elif token.type == "link_close":
            if _goes_out(address):
                yield token
            if words != address:
                yield _text(f" ({address})")
        else:
            words += token.content
            yield token


def _goes_out(address: str) -> bool:
    return address.lower().startswith(_SCHEMES)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _highlighted(code: str, language: str, _attributes: str) -> str:
    """Empty where there is nothing to highlight, which the parser takes for: escape it."""
    if not language or len(code) > MAX_HIGHLIGHTED_CHARACTERS:
        return ""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True, classprefix=CLASS_PREFIX)))
