"""JSON that any parser can read."""

from __future__ import annotations

import json
import math

from workbench.cli.output import emit, emit_event


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
