"""A model's Markdown as styled HTML for Qt's text widgets: no raw HTML, no fetched image, code highlighted."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore, inline, text_join
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.style import Style
from pygments.token import Comment, Error, Generic, Keyword, Literal, Name, Number, Operator, String
from PySide6.QtGui import QFontDatabase

from workbench.gui import long_blocks, reading, theme
from workbench.gui.theme import Points, Space, Tokens

MAX_RENDERED_CHARACTERS = 400_000
MAX_NESTING = 40
PART = 1_500  # characters of a part, about
PART_LINES = 60
STRIDE = 100  # lines that are parsed in one go
MAX_HIGHLIGHTED_CHARACTERS = 60_000

# Zero-width characters, soft hyphens, and marks, embeddings, overrides and isolates of the writing direction.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_LINE_END = re.compile("\r\n|\r|\n")
_LISTS = ("bullet_list_open", "ordered_list_open")
_HEADINGS = {"h1": 1.35, "h2": 1.2, "h3": 1.1}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a text as HTML, and the first of the lines that it was written in; ``boxed`` begins with a table."""

    html: str
    line: int
    boxed: bool


def to_html(text: str, tokens: Tokens | None = None) -> str:
    """HTML in the subset Qt's text widgets know, with every style inline; text beyond the limit stays plain."""
    return "".join(part.html for part in parts(text, tokens) if part is not None)


def parts(text: str, tokens: Tokens | None = None) -> Iterator[Part | None]:
    """The same in parts that are small enough for one visit of the event loop each: whole blocks, a few rows of a long
    table, a few lines of long code.  Each is rendered when it is asked for; None: something was parsed."""
    tokens = tokens or theme.current()
    if len(text) > MAX_RENDERED_CHARACTERS:
        yield Part(_plain(text), 0, boxed=False)
        return
    parser, environment = _parser(tokens), dict[str, object]()
    found: list[Token] = []
    for some in _parsed(parser, text.expandtabs(4), environment):
        found += some
        yield None
    # The parser leaves out what is nested deeper than its limit; no text may be lost.
    if any(token.level >= MAX_NESTING - 2 for token in found):
        yield Part(_plain(text), 0, boxed=False)
        return
    if found:
        found[0].meta["first"] = True
    waiting: list[Token] = []
    for block in _blocks(found):
        if waiting and (_is_long(block) or _line(block) - _line(waiting) >= PART_LINES or _length(waiting) > PART):
            yield _rendered(parser, waiting, environment)
            waiting = []
        if _is_long(block):
            yield from _long(parser, block, environment, tokens)
        else:
            waiting += block
    if waiting:
        yield _rendered(parser, waiting, environment)


def _parsed(parser: MarkdownIt, text: str, environment: dict[str, object]) -> Iterator[list[Token]]:
    """The blocks of some lines at a time.  The last of them may go on in the lines after it: it is parsed again."""
    lines = _LINE_END.sub("\n", text).split("\n")
    start, count = 0, STRIDE
    while start < len(lines):
        found = parser.parse("\n".join(lines[start : start + count]), environment)
        last = next((each for each in reversed(found) if each.level == 0 and each.nesting >= 0), None)
        goes_on = start + count < len(lines)
        if goes_on and (last is None or not last.map or not last.map[0]):
            count *= 2
            yield []
            continue
        end = last.map[0] if goes_on and last is not None and last.map else count
        whole = found[: found.index(last)] if goes_on and last is not None else found
        for token in whole:
            token.map = [token.map[0] + start, token.map[1] + start] if token.map else None
        yield whole
        start, count = start + end, STRIDE


def _blocks(found: Sequence[Token]) -> Iterator[list[Token]]:
    """Those that stand in no other."""
    block: list[Token] = []
    for token in found:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _line(block: Sequence[Token]) -> int:
    return block[0].map[0] if block[0].map else 0


def _length(block: Sequence[Token]) -> int:
    return sum(len(token.content) for token in block)


def _is_long(block: Sequence[Token]) -> bool:
    if block[0].type in ("fence", "code_block"):
        return block[0].content.count("\n") > long_blocks.CODE_LINES
    if block[0].type in _LISTS:
        return sum(one.type == "list_item_open" and one.level == 1 for one in block) > long_blocks.ITEMS
    return block[0].type == "table_open" and sum(one.type == "tr_open" for one in block) > long_blocks.TABLE_ROWS


def _long(
    parser: MarkdownIt, block: Sequence[Token], environment: MutableMapping[str, object], tokens: Tokens
) -> Iterator[Part]:
    if block[0].type not in ("table_open", *_LISTS):
        yield from _code_parts(block[0], tokens)
        return
    cut = long_blocks.tables if block[0].type == "table_open" else long_blocks.lists
    for some in cut(block):
        yield _rendered(parser, some, environment)


def _rendered(parser: MarkdownIt, block: Sequence[Token], environment: MutableMapping[str, object]) -> Part:
    """What stands in a line is parsed now: of a long text it takes longer than all else."""
    state = StateCore("", parser, environment, list(block))
    inline(state)
    text_join(state)
    _unmask_links(block)
    # Qt would show the last line end as a blank.
    rendered: str = parser.renderer.render(block, parser.options, environment).rstrip("\n")
    return Part(rendered, _line(block), boxed=rendered.startswith("<table"))


def _code_parts(token: Token, tokens: Tokens) -> Iterator[Part]:
    line = token.map[0] if token.map else 0
    fenced = token.type == "fence"
    code, first = token.content.rstrip("\n"), True
    last_line = line + fenced + code.count("\n") + 1
    for content, lines in long_blocks.pieces(code, _lexer(code, token.info), _formatter(tokens)):
        after = line + lines + (fenced and first)
        yield Part(_box(content, tokens, first=first, last=after >= last_line), line, boxed=True)
        line, first = after, False


def long_parts(text: str, size: int) -> Iterator[Part | None]:
    """Those of a text that takes too long to be parsed as a whole."""
    line = 0
    for piece in pieces(text, size):
        for part in parts(piece):
            yield replace(part, line=line + part.line) if part is not None else None
        line += len(_LINE_END.findall(piece))


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
    parser.core.ruler.enableOnly(["normalize", "block"])  # what stands in a line is parsed part by part
    assert isinstance(parser.renderer, _QtRenderer)
    parser.renderer.tokens = tokens
    return parser


class _QtRenderer(RendererHTML):
    """Where Qt's HTML differs from a browser's: boxes are tables, sizes are points, alignment an attribute."""

    tokens = theme.LIGHT

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        return _box(_highlighted(tokens[idx].content.rstrip("\n"), tokens[idx].info, self.tokens), self.tokens)

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        return _box(html.escape(tokens[idx].content.rstrip("\n")), self.tokens)

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
        above = 0 if tokens[idx].meta.get("first") else Space.M
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
            f"{long_blocks.margins(tokens[idx])}"
        )
        return f'<table border="1" cellspacing="0" cellpadding="5"{long_blocks.width(tokens[idx])} style="{style}">'

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        return f'<th align="{_alignment(tokens[idx])}"{long_blocks.width(tokens[idx])} bgcolor="{self.tokens.code}">'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]) -> str:
        return f'<td align="{_alignment(tokens[idx])}"{long_blocks.width(tokens[idx])}>'

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, object]
    ) -> str:
        address = html.escape(str(tokens[idx].attrs.get("href", "")))
        return f'<a href="{address}" style="color:{self.tokens.accent};">'


def _box(content: str, tokens: Tokens, *, first: bool = True, last: bool = True) -> str:
    """Those of one code stand upon each other as if they were one."""
    margins = f"margin-top:{Space.XS if first else 0}px;margin-bottom:{Space.S if last else 0}px;"
    inner = f"{'' if first else 'padding-top:0px;'}{'' if last else 'padding-bottom:0px;'}"
    return (
        f'<table width="100%" cellspacing="0" cellpadding="{Space.S}" bgcolor="{tokens.code}" '
        f'style="{margins}"><tr><td style="{inner}">'
        f'<pre style="margin:0;white-space:pre-wrap;font-family:{_mono()};">{content}</pre></td></tr></table>'
    )


def _list_margins(token: Token) -> str:
    below = Space.XS // 2 if token.meta.get("below") else Space.S
    return f"margin-top:0;margin-bottom:{0 if token.level else below}px;"


def _alignment(token: Token) -> str:
    style = str(token.attrs.get("style", ""))
    return next((side for side in ("center", "right") if style.endswith(side)), "left")


def _mono() -> str:
    return f"'{QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()}'"


def _highlighted(code: str, info: str, tokens: Tokens) -> str:
    lexer = _lexer(code, info)
    return html.escape(code) if lexer is None else str(highlight(code, lexer, _formatter(tokens))).rstrip("\n")


def _lexer(code: str, info: str) -> Lexer | None:
    """For the language that the fence names."""
    language = info.split(maxsplit=1)[0] if info.strip() else ""
    if not language or len(code) > MAX_HIGHLIGHTED_CHARACTERS:
        return None
    return long_blocks.lexer_named(language)


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
