"""Every visible word goes through translation: read in the sources, and seen in the window in a made-up language."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QApplication

import workbench.gui
from workbench.gui.tr import counted, tr, use_language

GUI = Path(workbench.gui.__file__).parent
SINKS = {
    "addAction", "addItem", "addMenu", "addRow", "addTab", "label", "named_button", "say", "setAccessibleDescription",
    "setAccessibleName", "setHeaderLabels", "setPlaceholderText", "setPrefix", "setSpecialValueText", "setSuffix",
    "setTabText", "setText", "setTitle", "setToolTip", "setWindowTitle", "show_text", "text_button", "QAction",
    "QCheckBox", "QGroupBox", "QLabel", "QPushButton", "QRadioButton", "Card", "ScrollBody", "add_button", "suggest",
    "offer", "IconButton",
}  # fmt: skip
NOT_WORDS = {"role", "kind", "tone", "icon", "name"}  # what a style sheet or an icon font selects by
ICON_AT = {"IconButton": 0, "add_button": 1}  # the argument that names an icon
TRANSLATED = {"tr", "later", "counted"}
UNITS = {"k", "M", "B", "tok", "s", "ms", "x"}


def sources() -> list[Path]:
    return sorted(GUI.rglob("*.py"))


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def shown(call: ast.Call) -> Iterator[ast.expr]:
    """What a call shows, as far as it is written there."""
    icon = ICON_AT.get(called(call))
    yield from (argument for place, argument in enumerate(call.args) if place != icon)
    yield from (keyword.value for keyword in call.keywords if keyword.arg not in NOT_WORDS)


def untranslated(node: ast.expr) -> Iterator[ast.expr]:
    """Literals with a word in them that are shown as they are, also those of a choice between two."""
    match node:
        case ast.Constant(value=str(text)) if has_word(text):
            yield node
        case ast.JoinedStr(values=parts):
            if has_word("\0".join(part.value for part in parts if isinstance(part, ast.Constant))):
                yield node
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    yield from untranslated(part.value)
        case ast.IfExp(body=one, orelse=other):
            yield from untranslated(one)
            yield from untranslated(other)
        case ast.BinOp(op=ast.Add(), left=one, right=other):
            yield from untranslated(one)
            yield from untranslated(other)
        case ast.BoolOp(values=values):
            for value in values:
                yield from untranslated(value)


def has_word(text: str) -> bool:
    if "://" in text or text.lstrip().startswith("<"):
        return False
    return any(word not in UNITS for word in re.findall(r"[^\W\d_]+", text))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(GUI).as_posix())
def test_no_words_are_shown_untranslated(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        f"{path.relative_to(GUI)}:{literal.lineno}: {ast.unparse(literal)}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and called(call) in SINKS
        for argument in shown(call)
        for literal in untranslated(argument)
    ]
    assert not found


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(GUI).as_posix())
def test_what_is_translated_can_be_collected(path: Path) -> None:
    """The words are written where they are marked, not put together."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    built = [
        f"{path.relative_to(GUI)}:{call.lineno}: {ast.unparse(call)}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and called(call) in TRANSLATED
        and call.args
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
        and path.name != "tr.py"
    ]
    assert not built


def test_a_sentence_is_told_with_its_values() -> None:
    assert tr("{n} votes by {name}", n=3, name="{Anna}") == "3 votes by {Anna}"
    assert tr("a brace { stays") == "a brace { stays"
    assert [counted(n, "model") for n in (0, 1, 2400)] == ["0 models", "1 model", "2,400 models"]


def test_words_are_collected_filled_in_and_spoken(tmp_path: Path, qapp: QApplication) -> None:
    """With Qt's own tools, as a translator would do it."""
    collected, spoken = tmp_path / "workbench_de.ts", tmp_path / "workbench_de.qm"
    source = GUI / "hub" / "drawer.py"
    tools = Path(sys.executable).parent
    lupdate = [tools / "pyside6-lupdate", "-tr-function-alias", "tr+=later", source, "-ts", collected]
    subprocess.run(lupdate, check=True, capture_output=True, timeout=60)
    words = collected.read_text(encoding="utf-8")
    unfilled = '<translation type="unfinished"></translation>'
    before, _, after = words.partition("<source>Clear finished</source>")
    assert unfilled in after
    filled = f"{before}<source>Clear finished</source>{after.replace(unfilled, '<translation>Leeren</translation>', 1)}"
    collected.write_text(filled, encoding="utf-8")
    lrelease = [tools / "pyside6-lrelease", collected, "-qm", spoken]
    subprocess.run(lrelease, check=True, capture_output=True, timeout=60)
    assert not use_language(qapp, tmp_path, QLocale(QLocale.Language.French))
    assert tr("Clear finished") == "Clear finished"
    assert use_language(qapp, tmp_path, QLocale(QLocale.Language.German))
    try:
        assert tr("Clear finished") == "Leeren"
        assert tr("Downloads") == "Downloads", "what is not filled in stays English"
    finally:
        for translator in qapp.findChildren(QTranslator):
            qapp.removeTranslator(translator)
