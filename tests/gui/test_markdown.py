"""A model's Markdown: shown in full, in the theme's colours, and never as markup of its own."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextDocument, QTextTable
from PySide6.QtWidgets import QApplication

from tests.gui.test_theme import contrast
from workbench.gui.markdown import MAX_RENDERED_CHARACTERS, code_style, to_html
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
