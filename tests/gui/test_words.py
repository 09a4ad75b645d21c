"""Every visible word goes through translation, wherever it was said: read in the sources, and tried with Qt's tools."""

from __future__ import annotations

import ast
import re
import string
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QApplication

import workbench.gui
from workbench.errors import UsageError
from workbench.gui.tr import counted, explained, tr, use_language
from workbench.words import said

GUI = Path(workbench.gui.__file__).parent
PACKAGE = GUI.parent
SINKS = {
    "addAction", "addItem", "addMenu", "addRow", "addTab", "label", "named_button", "say", "setAccessibleDescription",
    "setAccessibleName", "setHeaderLabels", "setPlaceholderText", "setPrefix", "setSpecialValueText", "setSuffix",
    "setTabText", "setText", "setTitle", "setToolTip", "setWindowTitle", "show_text", "text_button", "QAction",
    "QCheckBox", "QGroupBox", "QLabel", "QPushButton", "QRadioButton", "Card", "ScrollBody", "add_button", "suggest",
    "offer", "IconButton",
}  # fmt: skip
NOT_WORDS = {"role", "kind", "tone", "icon", "name"}  # what a style sheet or an icon font selects by
ICON_AT = {"IconButton": 0, "add_button": 1}  # the argument that names an icon
TRANSLATED = {"tr", "later", "counted", "said"}
TOLD = {"tr", "said"}  # with their values
UNITS = {"k", "M", "B", "tok", "s", "ms", "x"}


def sources() -> list[Path]:
    return sorted(GUI.rglob("*.py"))


def rooms() -> list[Path]:
    """What lies below the window; the command line speaks English."""
    faces = (GUI, PACKAGE / "cli")
    return sorted(path for path in PACKAGE.rglob("*.py") if not any(face in path.parents for face in faces))


def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def failures() -> set[str]:
    """The names of the errors that a user may meet."""
    bases = {
        node.name: {getattr(base, "attr", getattr(base, "id", "")) for base in node.bases}
        for path in rooms()
        for node in ast.walk(read(path))
        if isinstance(node, ast.ClassDef)
    }
    found = {"WorkbenchError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


FAILURES = failures()


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


@pytest.mark.parametrize("path", [*sources(), *rooms()], ids=name_of)
def test_an_error_can_be_told_in_another_language(path: Path) -> None:
    """Its message and its hint are ``said``, not plain English."""
    found = [
        f"{name_of(path)}:{literal.lineno}: {ast.unparse(literal)}"
        for call in ast.walk(read(path))
        if isinstance(call, ast.Call) and called(call) in FAILURES
        for argument in [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "hint")]
        for literal in untranslated(argument)
    ]
    assert not found


@pytest.mark.parametrize("path", [*sources(), *rooms()], ids=name_of)
def test_what_is_translated_can_be_collected(path: Path) -> None:
    """The words are written where they are marked, not put together."""
    built = [
        f"{name_of(path)}:{call.lineno}: {ast.unparse(call)}"
        for call in ast.walk(read(path))
        if isinstance(call, ast.Call)
        and called(call) in TRANSLATED
        and call.args
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
        and path.name != "tr.py"
    ]
    assert not built


@pytest.mark.parametrize("path", [*sources(), *rooms()], ids=name_of)
def test_a_sentence_has_the_values_that_stand_in_it(path: Path) -> None:
    wrong = [
        f"{name_of(path)}:{call.lineno}: {ast.unparse(call)}"
        for call in ast.walk(read(path))
        if isinstance(call, ast.Call) and called(call) in TOLD and call.args
        if call.keywords and all(keyword.arg for keyword in call.keywords)
        for template in literals(call.args[0])
        if {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        != {keyword.arg for keyword in call.keywords}
    ]
    assert not wrong


def test_all_that_is_marked_is_collected(tmp_path: Path) -> None:
    """By the command of docs/translating.md, from the window and from the rooms below it."""
    paths = [*sources(), *rooms()]
    marked = {
        template: f"{name_of(path)}:{call.lineno}"
        for path in paths
        for call in ast.walk(read(path))
        if isinstance(call, ast.Call) and called(call) in {"tr", "later", "said"} and call.args
        for template in literals(call.args[0])
    }
    assert len(marked) > 3000
    collected = {source.text for source in ElementTree.parse(collect(paths, tmp_path)).iter("source")}
    assert {where: template for template, where in marked.items() if template not in collected} == {}


def literals(node: ast.expr) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def collect(paths: Iterable[Path], folder: Path) -> Path:
    collected = folder / "workbench_de.ts"
    lupdate = Path(sys.executable).parent / "pyside6-lupdate"
    command = [lupdate, "-tr-function-alias", "tr+=later,tr+=said", *paths, "-ts", collected]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return collected


def test_a_sentence_is_told_with_its_values() -> None:
    assert tr("{n} votes by {name}", n=3, name="{Anna}") == "3 votes by {Anna}"
    assert tr("a brace { stays") == "a brace { stays"
    assert [counted(n, "model") for n in (0, 1, 2400)] == ["0 models", "1 model", "2,400 models"]


def test_an_error_is_told_with_its_hint() -> None:
    assert (
        explained(UsageError(said("The prompt is empty."), hint=said("Write one.")))
        == "The prompt is empty. Write one."
    )
    assert explained(UsageError(said("The prompt is empty."))) == "The prompt is empty."


def fill(collected: Path, english: str, translation: str) -> None:
    words = collected.read_text(encoding="utf-8")
    unfilled = '<translation type="unfinished"></translation>'
    before, source, after = words.partition(f"<source>{english}</source>")
    assert source
    assert unfilled in after
    filled = after.replace(unfilled, f"<translation>{translation}</translation>", 1)
    collected.write_text(f"{before}{source}{filled}", encoding="utf-8")


def test_words_are_collected_filled_in_and_spoken(tmp_path: Path, qapp: QApplication) -> None:
    """With Qt's own tools, as a translator would do it."""
    spoken = tmp_path / "workbench_de.qm"
    collected = collect([GUI / "hub" / "drawer.py", PACKAGE / "chat" / "plan.py"], tmp_path)
    fill(collected, "Clear finished", "Leeren")
    fill(collected, "{models} models share {n} processor cores: one answers at a time", "{n} Kerne, {models} Modelle")
    fill(collected, "{title} is off the list.", "{Titel} ist weg.")
    lrelease = [Path(sys.executable).parent / "pyside6-lrelease", collected, "-qm", spoken]
    subprocess.run(lrelease, check=True, capture_output=True, timeout=60)
    assert not use_language(qapp, tmp_path, QLocale(QLocale.Language.French))
    assert tr("Clear finished") == "Clear finished"
    assert use_language(qapp, tmp_path, QLocale(QLocale.Language.German))
    try:
        assert tr("Clear finished") == "Leeren"
        assert tr("Downloads") == "Downloads", "what is not filled in stays English"
        crowded = said("{models} models share {n} processor cores: one answers at a time", models=4, n=2)
        assert crowded == "4 models share 2 processor cores: one answers at a time"
        assert tr(crowded) == "2 Kerne, 4 Modelle"
        assert tr("Why: {why}", why=crowded) == "Why: 2 Kerne, 4 Modelle"
        wrong = tr("{title} is off the list.", title="Llama")
        assert wrong == "Llama is off the list.", "a translation that cannot be filled in is not shown"
    finally:
        for translator in qapp.findChildren(QTranslator):
            qapp.removeTranslator(translator)
