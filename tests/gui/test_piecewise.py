"""A long answer is laid out part by part where it stands: the same in the end, and nobody loses their place."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QTextCursor, QTextDocument, QTextFormat, QTextList, QTextTable
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.chat.answer import Answer
from workbench.chat.pane import Exchange, Pane
from workbench.engine.fake import fake_model
from workbench.gui import markdown, theme
from workbench.gui.compare.transcript import Transcript
from workbench.gui.widgets.piecewise import same_place
from workbench.gui.widgets.text_view import AT_ONCE, LONGEST_BLOCK, AnswerView

TABLE = "| a | b |\n|:-:|--:|\n" + "| r | **2** |\n" * 70 + "\n"
CODE = "```python\n" + 'x = """\n\nabc\n"""\ny = 2\n' * 30 + "```\n\n"
PIECES = (
    "# Head\n\n",
    "some *words* here\nand there\n\n",
    "- a\n- b\n  1. c\n  2. d\n\n    code\n",
    "3. x\n4. y\n\n",
    "| a | b |\n|---|---|\n| 1 | **2** |\n\n",
    "```python\nx = 1\n\n\ndef f(): pass\n```\n\n",
    "```\n" + "line\n\n<x>\n" * 40 + "```\n",
    "> quote\n> - l\n\n",
    "---\n\n",
    "***\n",
    "[ref]: https://example.org\n\n",
    "a [ref] b `c`  \nd &amp; \\* x\n\n",
    "\n\n\n",
    "    indented\n\n",
    "- it\n" * 90 + "\n",
    "1. it\n\n" * 50 + "\n",
    "~~~\nunclosed\n",
    TABLE,
    CODE,
)
PROSE = "".join(f"## Heading {n}\n\nParagraph {n} with *emphasis* and `code`.\n\n- one\n- two\n\n" for n in range(200))

Properties = list[tuple[int, str]]


def properties(form: QTextFormat) -> Properties:
    """Without what numbers an object of the one document, and no indent said or unsaid."""
    indent, number = QTextFormat.Property.BlockIndent.value, QTextFormat.Property.ObjectIndex.value
    return sorted(
        (key, re.sub(" at 0x[0-9a-f]+", "", str(value)))
        for key, value in form.properties().items()
        if key != number and not (key == indent and not value)
    )


def blocks(document: QTextDocument) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    block = document.begin()
    while block.isValid():
        table: QTextTable | None = QTextCursor(block).currentTable()  # Qt's stubs leave out that there may be none
        items: QTextList | None = block.textList()
        stands = (table.rows(), table.columns(), properties(table.format())) if table is not None else None
        item = (items.itemText(block), items.format().indent()) if items is not None else None
        letters = [(each.format.foreground().color().name(), each.start, each.length) for each in block.textFormats()]
        found.append((block.text(), properties(block.blockFormat()), stands, item, letters))
        block = block.next()
    return found


@pytest.mark.parametrize("from_end", [False, True])
@given(chosen=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), part=st.sampled_from([1, 1_000]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_the_same_in_the_end_as_laid_out_at_once(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, chosen: list[str], part: int, from_end: bool
) -> None:
    monkeypatch.setattr(markdown, "PART", part)
    text = "".join(chosen)
    if not markdown.to_html(text):
        return
    view = AnswerView()
    view.setPlainText(text)
    assert view.piecewise.begin(markdown.parts(text), text.count("\n") + 1, from_end=from_end)
    while view.piecewise.is_at_work:
        view.piecewise._visit()
    whole = QTextDocument()
    whole.setDefaultFont(view.document().defaultFont())
    whole.setHtml(markdown.to_html(text))
    assert blocks(view.document()) == blocks(whole)
    view.deleteLater()


@pytest.fixture
def view(qtbot: QtBot) -> AnswerView:
    shown = AnswerView()
    qtbot.addWidget(shown)
    shown.resize(400, 300)
    shown.show()
    return shown


def until_laid_out(qtbot: QtBot, view: AnswerView) -> None:
    qtbot.waitUntil(lambda: not view.piecewise.is_at_work)


def at_once(text: str) -> str:
    whole = QTextDocument()
    whole.setHtml(markdown.to_html(text))
    return whole.toPlainText()


def test_what_streamed_stands_there_until_its_part_has_its_turn(view: AnswerView, qtbot: QtBot) -> None:
    text = "**A** word, " * (2 * LONGEST_BLOCK // 12) + "\n\n" + PROSE[:AT_ONCE]
    for start in range(0, len(text), 50):
        view.append_text(text[start : start + 50])
    view.show_markdown(text)
    assert view.piecewise.is_at_work
    assert "**A** word" in view.toPlainText()
    until_laid_out(qtbot, view)
    assert view.toPlainText() == at_once(text)
    assert view.raw_text == text


def test_selected_words_stay_selected(view: AnswerView, qtbot: QtBot) -> None:
    view.append_text(PROSE)
    cursor = view.textCursor()
    start = PROSE.index("Paragraph 20 with")
    cursor.setPosition(start)
    cursor.setPosition(PROSE.index(".", PROSE.index("Paragraph 22")), QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    view.show_markdown(PROSE)
    until_laid_out(qtbot, view)
    chosen = view.textCursor().selectedText()
    assert chosen.startswith("Paragraph 20 with emphasis and code.")
    assert chosen.endswith("Paragraph 22 with emphasis and code")


def test_a_place_in_the_source_is_found_again_by_its_words() -> None:
    source, shown = "## One\n\n**two** three", "One\ntwo three"
    assert shown[same_place(source, shown, source.index("two")) :] == "two three"
    assert shown[same_place(source, shown, source.index("ree")) :] == "ree"
    assert same_place(source, shown, 0) == 0
    assert same_place(source, shown, len(source)) == len(shown)


Deed = Callable[[AnswerView], object]


@pytest.mark.parametrize(
    ("deed", "text"),
    [
        (lambda view: view.resize(250, 200), at_once),
        (lambda view: view.verticalScrollBar().setValue(500), at_once),
        (lambda view: theme.changed.emit(), at_once),
        (lambda view: view.hide(), at_once),
        (lambda view: view.show_text("other"), lambda _text: "other"),
        (lambda view: view.append_text("more"), lambda text: f"{text}more"),
        (lambda view: view.show_markdown("**o**"), lambda _text: "o"),
        (lambda view: view.show_markdown(CODE * 9), lambda _text: at_once(CODE * 9)),
    ],
    ids=["width", "scrolled", "theme", "hidden", "other text", "more text", "other answer", "other long answer"],
)
def test_what_happens_meanwhile_does_no_harm(
    view: AnswerView, qtbot: QtBot, deed: Deed, text: Callable[[str], str]
) -> None:
    view.show_markdown(PROSE)
    view.piecewise._visit()
    assert view.piecewise.is_at_work
    deed(view)
    until_laid_out(qtbot, view)
    assert view.toPlainText() == text(PROSE)


def test_it_may_be_closed_meanwhile(qtbot: QtBot, qapp: QApplication) -> None:
    view = AnswerView()
    gone: list[bool] = []
    view.destroyed.connect(lambda: gone.append(True))
    view.show_markdown(PROSE)
    assert view.piecewise.is_at_work
    view.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))


def read_line(transcript: Transcript, view: AnswerView) -> int:
    """The number of the paragraph at the upper edge."""
    top = view.mapFrom(transcript.viewport(), transcript.viewport().rect().topLeft())
    cursor = view.cursorForPosition(top)
    while not cursor.block().text().startswith("Only"):
        cursor.movePosition(QTextCursor.MoveOperation.NextBlock)
    return int(re.sub("[^0-9]", "", cursor.block().text()))


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_reader_keeps_the_line_while_what_is_above_it_is_laid_out(
    qtbot: QtBot, qapp: QApplication, share: float
) -> None:
    plain = "Only words in paragraph {n}.\n\n"  # the same as Markdown, but for the empty lines
    text = PROSE[:6_000] + "".join(plain.format(n=n) for n in range(300))
    pane = Pane(1)
    pane.model = fake_model("model")
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(500, 400)
    transcript.show()
    pane.queue("Go on.")
    transcript.draw(pane)
    shown = transcript.views[-1].text
    answer = Answer("Model", "m.gguf", "llama", "Q8_0", synthetic=False, text=text, stop_reason="end")
    shown.append_text(text)
    shown.show()
    qtbot.waitUntil(lambda: transcript.verticalScrollBar().maximum() > 3_000)
    transcript.verticalScrollBar().setValue(round(share * transcript.verticalScrollBar().maximum()))
    assert not transcript.follows
    before = read_line(transcript, shown)
    pane.exchanges = [Exchange(pane.exchanges[-1].prompt, answer)]
    transcript.draw(pane)
    until_laid_out(qtbot, shown)
    qtbot.waitUntil(lambda: abs(read_line(transcript, shown) - before) <= 2)  # once the column has found its height
    for _ in range(5):
        qapp.processEvents()
    assert abs(read_line(transcript, shown) - before) <= 2, "and there it stays"


def test_who_follows_stays_at_the_end(qtbot: QtBot) -> None:
    pane = Pane(1)
    pane.model = fake_model("model")
    answer = Answer("Model", "m.gguf", "llama", "Q8_0", synthetic=False, text=PROSE, stop_reason="end")
    pane.exchanges = [Exchange("Go on.", answer)]
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(500, 400)
    transcript.show()
    transcript.draw(pane)
    transcript.to_end()
    until_laid_out(qtbot, transcript.views[-1].text)
    bar = transcript.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
    assert transcript.follows


@given(chosen=st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), stride=st.sampled_from([3, 17]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_how_many_lines_are_parsed_in_one_go_changes_nothing(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, chosen: list[str], stride: int
) -> None:
    text = "".join(chosen)
    monkeypatch.setattr(markdown, "STRIDE", 1_000_000)
    whole = [part for part in markdown.parts(text) if part is not None]
    monkeypatch.setattr(markdown, "STRIDE", stride)
    assert [part for part in markdown.parts(text) if part is not None] == whole


def test_the_numbers_of_a_long_list_go_on(qapp: QApplication) -> None:
    shown = QTextDocument()
    shown.setHtml(markdown.to_html("3. an item\n" * 100))
    numbers = [shown.findBlockByNumber(line).textList().itemText(shown.findBlockByNumber(line)) for line in range(100)]
    assert numbers == [f"{number}." for number in range(3, 103)]
