"""The form of answers: a mistake in a schema or a grammar is told while it is written, without a model."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import OpenPage
from workbench.engine.base import Grammar, JsonSchema
from workbench.gui.compare.answer_form import MOST_COMPILED, AnswerForm, problem_of


def written(open_page: OpenPage, kind: str, text: str) -> AnswerForm:
    form = open_page().page.panel.form
    form.kind.setCurrentIndex(form.kind.findData(kind))
    form.text.setPlainText(text)
    return form


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("schema", '{"type": ', "The schema is not JSON"),
        ("schema", '{"type": "objct"}', "/type: a type is one of object"),
        ("schema", '{"$ref": "http://example.org/schema"}', "nothing is fetched"),
        ("grammar", "root ::= yes", "root refers to a rule yes, which is not there"),
        ("grammar", 'root ::= root "a"', "left recursion"),
    ],
)
def test_a_mistake_is_told_when_typing_rests(
    kind: str, text: str, told: str, open_page: OpenPage, qtbot: QtBot
) -> None:
    form = written(open_page, kind, text)
    qtbot.waitUntil(lambda: told in form.problem.text())
    assert form.problem.isVisibleTo(form)
    assert form.text.accessibleDescription() == form.problem.text().removeprefix("✕ ")


def test_what_is_mended_is_told_no_more(open_page: OpenPage, qtbot: QtBot) -> None:
    form = written(open_page, "schema", '{"type": "objct"}')
    qtbot.waitUntil(lambda: bool(form.problem.text()))
    form.text.setPlainText('{"type": "object"}')
    qtbot.waitUntil(lambda: not form.problem.text())
    assert form.problem.isHidden()
    assert form.constraint == JsonSchema('{"type": "object"}')


def test_free_text_has_no_constraint_and_no_problem(open_page: OpenPage) -> None:
    form = written(open_page, "grammar", "root ::= yes")
    form.judge()
    assert form.problem.text()
    form.kind.setCurrentIndex(form.kind.findData("free"))
    assert (form.constraint, form.problem.text()) == (None, "")


def test_a_very_long_schema_is_read_but_compiled_only_when_it_is_asked() -> None:
    rest = f'"description": "{"x" * MOST_COMPILED}"'
    look_ahead = '"type": "string", "pattern": "(?=a)"'
    assert "look-around" in problem_of(JsonSchema(f"{{{look_ahead}}}"))
    assert problem_of(JsonSchema(f"{{{look_ahead}, {rest}}}")) == ""
    assert "one of object" in problem_of(JsonSchema(f'{{"type": "objct", {rest}}}'))


def test_nothing_wrong_is_nothing_said() -> None:
    assert problem_of(None) == ""
    assert problem_of(Grammar('root ::= "yes" | "no"')) == ""
