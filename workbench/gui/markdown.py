"""A model's Markdown as styled HTML for Qt's text widgets: no raw HTML, no fetched image, code highlighted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, MutableMapping, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.style import Style
from pygments.token import Comment, Error, Generic, Keyword, Literal, Name, Number, Operator, String
from pygments.util import ClassNotFound
from PySide6.QtGui import QFontDatabase

from workbench.gui import reading, theme
from workbench.gui.theme import Points, Space, Tokens

MAX_RENDERED_CHARACTERS = 400_000
MAX_NESTING = 40
MAX_HIGHLIGHTED_CHARACTERS = 60_000

# Zero-width characters, soft hyphens, and marks, embeddings, overrides and isolates of the writing direction.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_HEADINGS = {"h1": 1.35, "h2": 1.2, "h3": 1.1}


def to_html(text: str, tokens: Tokens | None = None) -> str:
    """HTML in the subset Qt's text widgets know, with every style inline; text beyond the limit stays plain."""
    tokens = tokens or theme.current()
    if len(text) > MAX_RENDERED_CHARACTERS:
        return _plain(text)
    parser = _parser(tokens)
    environment: dict[str, object] = {}
    found = parser.parse(text.expandtabs(4), environment)
    # The parser leaves out what is nested deeper than its limit; no text may be lost.
    if any(token.level >= MAX_NESTING - 2 for token in found):
        return _plain(text)
    _unmask_links(found)
    rendered: str = parser.renderer.render(found, parser.options, environment)
    return rendered.rstrip("\n")  # Qt would show the last line end as a blank


def pieces(text: str, size: int) -> Iterator[str]:
    """The source in parts of about ``size`` characters that can be rendered one after the other: each begins where a
    block does, at a line that is not indented, after an empty one, outside of fenced code."""
    lines: list[str] = []
    length, fence, after_blank = 0, "", False
    for line in text.splitlines(keepends=True):
        if not fence and after_blank and length >= size and line[:1].strip() and line[0] not in ">|":
            yield "".join(lines)
            lines, length = [], 0
        mark = line.lstrip()[:3]
        if mark in ("```", "~~~") and fence in ("", mark):
            fence = "" if fence else mark
        after_blank = not line.strip()
        lines.append(line)
        length += len(line)
    yield "".join(lines)


def _plain(text: str) -> str:
    return f'<pre style="white-space:pre-wrap;">{html.escape(text)}</pre>'


def _unmask_links(found: Sequence[Token]) -> None:
    """Characters nobody sees, or that turn the order of others round, are named in the words of a link."""
    for token in found:
        depth = 0
        for child in token.children or ():
            depth += {"link_open": 1, "link_close": -1}.get(child.type, 0)
            if depth and child.content:
                child.content = _UNSEEN.sub(_named, child.content)


def _named(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"


@lru_cache(maxsize=4)
def _parser(tokens: Tokens) -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "maxNesting": MAX_NESTING}, renderer_cls=_QtRenderer
    )
    parser.enable(["table", "strikethrough"])
    assert isinstance(parser.renderer, _QtRenderer)
    parser.renderer.tokens = tokens
    return parser


class _QtRenderer(RendererHTML):
    """Where Qt's HTML differs from a browser's: boxes are tables, sizes are points, alignment an attribute."""

    tokens = theme.LIGHT

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        language = tokens[idx].info.strip().split(maxsplit=1)[0] if tokens[idx].info.strip() else ""
        return self._box(_highlighted(tokens[idx].content.rstrip("\n"), language, self.tokens))

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return self._box(html.escape(tokens[idx].content.rstrip("\n")))

    def code_inline(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        style = f"font-family:{_mono()};background-color:{self.tokens.code};"
        return f'<span style="{style}">{html.escape(tokens[idx].content)}</span>'

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        """Never fetched: what it would show, and from where."""
        token = tokens[idx]
        words = self.renderInlineAsText(token.children or [], options, env)
        address = str(token.attrs.get("src", ""))
        said = f"[image: {words}] ({address})" if words else f"[image] ({address})"
        return f'<span style="color:{self.tokens.muted};">{html.escape(said)}</span>'

    def heading_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        # Qt scales its own headings on top of any size given, so these are paragraphs to it.
        size = Points.BODY * theme.scale() * reading.zoom() * _HEADINGS.get(tokens[idx].tag, 1.0)
        above = 0 if idx == 0 else Space.M
        style = f"font-size:{size:.1f}pt;font-weight:600;margin-top:{above}px;margin-bottom:{Space.XS}px;"
        return f'<p style="{style}">'

    def heading_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return "</p>"

    def bullet_list_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return f'<ul style="{_list_margins(tokens[idx])}">'

    def ordered_list_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        start = tokens[idx].attrs.get("start", 1)
        return f'<ol start="{start}" style="{_list_margins(tokens[idx])}">'

    def list_item_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return f'<li style="margin-top:0;margin-bottom:{Space.XS // 2}px;">'

    def paragraph_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        if tokens[idx].hidden:
            return ""
        below = 0 if tokens[idx].level else Space.S
        return f'<p style="margin-top:0;margin-bottom:{below}px;">'

    def blockquote_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return (
            f'<table width="100%" cellspacing="0" cellpadding="0" '
            f'style="margin-top:{Space.XS}px;margin-bottom:{Space.S}px;"><tr>'
            f'<td width="3" bgcolor="{self.tokens.faint}"></td>'
            f'<td style="padding-left:{Space.M}px;color:{self.tokens.muted};">'
        )

    def blockquote_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return "</td></tr></table>"

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        style = (
            f"border-collapse:collapse;border-style:solid;border-color:{self.tokens.border};"
            f"margin-top:{Space.XS}px;margin-bottom:{Space.S}px;"
        )
        return f'<table border="1" cellspacing="0" cellpadding="5" style="{style}">'

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        return f'<th align="{_alignment(tokens[idx])}" bgcolor="{self.tokens.code}">'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        return f'<td align="{_alignment(tokens[idx])}">'

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        address = html.escape(str(tokens[idx].attrs.get("href", "")))
        return f'<a href="{address}" style="color:{self.tokens.accent};">'

    def _box(self, content: str) -> str:
        return (
            f'<table width="100%" cellspacing="0" cellpadding="{Space.S}" bgcolor="{self.tokens.code}" '
            f'style="margin-top:{Space.XS}px;margin-bottom:{Space.S}px;"><tr><td>'
            f'<pre style="margin:0;white-space:pre-wrap;font-family:{_mono()};">{content}</pre></td></tr></table>'
        )


def _list_margins(token: Token) -> str:
    return f"margin-top:0;margin-bottom:{0 if token.level else Space.S}px;"


def _alignment(token: Token) -> str:
    style = str(token.attrs.get("style", ""))
    return next((side for side in ("center", "right") if style.endswith(side)), "left")


def _mono() -> str:
    return f"'{QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()}'"


def _highlighted(code: str, language: str, tokens: Tokens) -> str:
    if not language or len(code) > MAX_HIGHLIGHTED_CHARACTERS:
        return html.escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return html.escape(code)
    return str(highlight(code, lexer, _formatter(tokens))).rstrip("\n")


@lru_cache(maxsize=4)
def _formatter(tokens: Tokens) -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True, noclasses=True, style=code_style(tokens))


def code_style(tokens: Tokens) -> type[Style]:
    """Pygments' colours, taken from the theme."""

    class Highlighting(Style):
        background_color = tokens.code
        styles = {  # noqa: RUF012 - Pygments' own way to declare a style
            Comment: f"italic {tokens.muted}",
            Keyword: tokens.accent,
            Keyword.Constant: tokens.mistral,
            Name.Builtin: tokens.accent,
            Name.Decorator: tokens.caution,
            Name.Function: f"bold {tokens.text}",
            Name.Class: f"bold {tokens.text}",
            Name.Tag: tokens.accent,
            Name.Attribute: tokens.caution,
            Number: tokens.mistral,
            Literal: tokens.mistral,
            Operator.Word: tokens.accent,
            String: tokens.good,
            Generic.Deleted: tokens.bad,
            Generic.Inserted: tokens.good,
            Generic.Heading: f"bold {tokens.text}",
            Error: "",
        }

    return Highlighting
