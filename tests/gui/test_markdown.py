"""A model's Markdown: shown in full, in the theme's colours, and never as markup of its own."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QTextDocument, QTextTable
from PySide6.QtWidgets import QApplication

from tests.gui.colours import contrast
from workbench.gui.markdown import MAX_RENDERED_CHARACTERS, code_style, pieces, to_html
from workbench.gui.theme import DARK, LIGHT, Tokens


def document(text: str, tokens: Tokens = LIGHT) -> QTextDocument:
    shown = QTextDocument()
    shown.setHtml(to_html(text, tokens))
    return shown


def tables(shown: QTextDocument) -> list[QTextTable]:
    return [frame for frame in shown.rootFrame().childFrames() if isinstance(frame, QTextTable)]


def test_raw_html_stays_visible_text(qapp: QApplication) -> None:
    assert document("<b onclick='x()'>hello</b> <script>y</script>").toPlainText() == (
        "<b onclick='x()'>hello</b> <script>y</script>"
    )


def test_an_image_becomes_its_words_and_its_address(qapp: QApplication) -> None:
    source = "![a <i>cat</i>](https://example.org/cat.png?who=me)"
    assert "<img" not in to_html(source)
    assert document(source).toPlainText() == "[image: a <i>cat</i>] (https://example.org/cat.png?who=me)"


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "vbscript:x", "data:text/html,x", "file:///etc/passwd"])
def test_links_of_other_kinds_than_the_web_stay_text(qapp: QApplication, scheme: str) -> None:
    assert "href" not in to_html(f"[look]({scheme})")


def test_a_web_link_keeps_its_address(qapp: QApplication) -> None:
    assert 'href="https://example.org/a?b=1&amp;c=2"' in to_html("[look](https://example.org/a?b=1&c=2)")


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_code_stands_on_its_own_ground_with_highlighting(qapp: QApplication, tokens: Tokens) -> None:
    shown = document("```python\ndef f(x):\n    return 'a'\n```", tokens)
    (box,) = tables(shown)
    assert box.format().background().color() == QColor(tokens.code)
    assert shown.toPlainText().strip("\n\ufdd0\ufdd1") == "def f(x):\n    return 'a'"
    assert tokens.accent.lower() in to_html("```python\ndef f(x): ...\n```", tokens).lower()


@pytest.mark.parametrize("language", ["nonsense", "", "python {.line-numbers}", "<script>"])
def test_a_language_nobody_knows_leaves_the_code_as_it_is(qapp: QApplication, language: str) -> None:
    assert "1 &lt; 2" in re.sub(r"</?span[^>]*>", "", to_html(f"```{language}\n1 < 2\n```"))


def test_an_unclosed_fence_is_code_to_the_end(qapp: QApplication) -> None:
    assert len(tables(document("text\n\n```python\nprint(1)\n"))) == 1


def test_a_table_keeps_its_borders_and_its_alignment(qapp: QApplication) -> None:
    shown = document("| name | tok/s |\n|:--|--:|\n| a | 12 |\n")
    (table,) = tables(shown)
    assert (table.rows(), table.columns()) == (2, 2)
    assert table.format().border() == 1
    right = table.cellAt(1, 1).firstCursorPosition().blockFormat().alignment()
    assert right & Qt.AlignmentFlag.AlignRight


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_every_highlighting_colour_is_readable(tokens: Tokens) -> None:
    colors = {found["color"] for _, found in code_style(tokens) if found["color"]}
    assert len(colors) >= 5
    assert all(contrast(f"#{color}", tokens.code) >= 4.5 for color in colors)


def test_deep_nesting_and_great_length_are_survived(qapp: QApplication) -> None:
    for mark in ("> ", "- ", "* > "):
        assert document(mark * 5000 + "deep").toPlainText().endswith("deep")
    assert document("x" + "*" * 20_000).toPlainText()
    assert document("[" * 20_000).toPlainText()
    long = "<b>" + "x" * MAX_RENDERED_CHARACTERS
    assert to_html(long).startswith('<pre style="white-space:pre-wrap;">&lt;b&gt;')


def test_ten_thousand_quotes_within_each_other_lose_no_word(qapp: QApplication) -> None:
    assert "the innermost" in document("> " * 10_000 + "the innermost").toPlainText()


def test_a_giant_table_is_laid_out_whole(qapp: QApplication) -> None:
    shown = document("| a | b |\n|---|---|\n" + "".join(f"| {row} | x |\n" for row in range(1000)))
    found = tables(shown)
    assert sum(table.rows() for table in found) == 1001
    assert {tuple(length.rawValue() for length in table.format().columnWidthConstraints()) for table in found} == {
        (50.0, 50.0)
    }


@pytest.mark.parametrize(
    "source",
    [
        "![](https://example.org/a.png)",
        '<img src="https://example.org/a.png">',
        "![x][pic]\n\n[pic]: https://example.org/a.png",
        "[![x](https://example.org/a.png)](https://example.org)",
        "<https://example.org/a.png>\n\n<iframe src='file:///etc/passwd'></iframe>",
        '<link rel="stylesheet" href="https://example.org/a.css"><object data="file:///a"></object>',
        "<svg onload=alert(1)><image href='https://example.org/a'/></svg>",
    ],
)
def test_nothing_is_asked_for_from_outside(qapp: QApplication, source: str) -> None:
    asked: list[object] = []

    class Watched(QTextDocument):
        def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802  # Qt's
            asked.append(name)
            return None

    shown = Watched()
    shown.setHtml(to_html(source))
    shown.setTextWidth(300)
    assert shown.size().height() > 0
    assert asked == []
    assert "<img" not in to_html(source)
    assert "<iframe" not in to_html(source)


@pytest.mark.parametrize(
    "link",
    ["[x](JaVaScRiPt:alert(1))", "[x](data:text/html;base64,PHN)", "[x](file:///etc/passwd)", "<javascript:alert(1)>"],
)
def test_no_link_runs_anything(qapp: QApplication, link: str) -> None:
    assert "href" not in to_html(link)


def test_characters_nobody_sees_are_named_in_links_and_left_alone_elsewhere(qapp: QApplication) -> None:
    shown = document("[exam\u202eple\u200b.org](https://evil.example) and \u200fשלום")
    assert shown.toPlainText() == "exam⟨U+202E⟩ple⟨U+200B⟩.org and \u200fשלום"


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("مرحبا بالعالم", Qt.LayoutDirection.RightToLeft),
        ("שלום עולם", Qt.LayoutDirection.RightToLeft),
        ("hello", Qt.LayoutDirection.LeftToRight),
    ],
)
def test_each_paragraph_and_item_runs_in_the_direction_of_its_own_text(
    qapp: QApplication, text: str, direction: Qt.LayoutDirection
) -> None:
    shown = document(f"{text}\n\nplain English\n\n- {text}\n\n# {text}")
    blocks = [shown.findBlockByNumber(number) for number in range(shown.blockCount())]
    assert {block.textDirection() for block in blocks if block.text() == text} == {direction}
    english = next(block for block in blocks if block.text() == "plain English")
    assert english.textDirection() == Qt.LayoutDirection.LeftToRight


def test_pieces_are_the_whole_source_and_never_cut_code_or_lists() -> None:
    source = ("A paragraph.\n\n```python\nx = 1\n\ny = 2\n```\n\n- one\n\n  more of one\n\n" * 40) + "The end."
    found = list(pieces(source, 200))
    assert "".join(found) == source
    assert len(found) > 10
    assert all(piece.count("```") % 2 == 0 for piece in found)
    assert not any(piece.startswith(" ") for piece in found)
