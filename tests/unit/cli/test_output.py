"""JSON that any parser can read."""

from __future__ import annotations

import json
import math

import pytest

from workbench import __main__ as program
from workbench.cli.main import run
from workbench.cli.output import emit, emit_event
from workbench.errors import StoreError, UsageError, WorkbenchError


def test_what_is_not_a_number_becomes_null_at_any_depth(capsys):
    emit({"a": math.nan, "b": [1.5, math.inf], "c": {"d": (-math.inf,)}, "e": "ü"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"schema_version": 1, "a": None, "b": [1.5, None], "c": {"d": [None]}, "e": "ü"}
    assert "NaN" not in text


def test_an_object_and_an_event_are_one_line_each_where_no_person_reads_along(capsys):
    emit_event("download", {"done": 1})
    emit({"a": {"b": [1, 2]}})
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "download", "done": 1},
        {"schema_version": 1, "a": {"b": [1, 2]}},
    ]


@pytest.mark.parametrize(("error", "status"), [(UsageError("Not so.", hint="But so."), 2), (StoreError("Gone."), 1)])
def test_the_window_alone_and_the_command_line_end_with_the_same_status(
    error: WorkbenchError, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_data_dir: object) -> int:
        raise error

    monkeypatch.setattr(program, "open_window", fails)
    monkeypatch.setattr("workbench.cli.main.has_display", lambda: True)
    assert program._window_alone() == status
    alone = capsys.readouterr().err
    assert run([], fails) == status
    assert capsys.readouterr().err == alone
    assert error.message in alone
