"""Recommended sampling: what a file says, what the rest is then, and whose word counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGUFWriter

from workbench.engine.base import Sampling
from workbench.engine.recommended import NEUTRAL, in_header, recommended, stated
from workbench.models.header import Header, read_header


def header(tmp_path: Path, **values: float | int | str) -> Header:
    """Of a real file, written by llama.cpp's own library."""
    path = tmp_path / "m.gguf"
    writer = GGUFWriter(path, "llama")
    for name, value in values.items():
        getattr(writer, f"add_sampling_{name}")(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_header(path)


def test_a_files_values_are_taken_and_the_rest_is_neutral(tmp_path: Path) -> None:
    found = in_header(header(tmp_path, temp=0.7, top_k=20, min_p=0.05))
    assert found is not None
    assert found.sampling == Sampling(temperature=0.7, top_k=20, top_p=1.0, min_p=0.05, repetition_penalty=1.0)
    assert found.source == "file"
    assert set(found.stated) == {"temperature", "top_k", "min_p"}
    assert found.unheeded == ()


def test_repetition_is_read_too(tmp_path: Path) -> None:
    found = in_header(header(tmp_path, penalty_repeat=1.1, penalty_last_n=128))
    assert found is not None
    assert (found.sampling.repetition_penalty, found.sampling.repeat_last_n) == (1.1, 128)


def test_a_file_that_says_nothing_recommends_nothing(tmp_path: Path) -> None:
    assert in_header(header(tmp_path)) is None


def test_what_is_asked_for_and_not_done_is_told(tmp_path: Path) -> None:
    found = in_header(header(tmp_path, temp=0.5, mirostat=2, mirostat_tau=5.0, xtc_probability=0.5))
    assert found is not None
    assert sorted(found.unheeded) == ["mirostat 2", "xtc_probability 0.5"]


def test_samplers_that_are_turned_off_are_nothing_to_tell(tmp_path: Path) -> None:
    found = in_header(header(tmp_path, temp=0.5, mirostat=0, mirostat_tau=5.0, xtc_probability=0.0))
    assert found is not None
    assert found.unheeded == ()


@pytest.mark.parametrize("value", [float("nan"), -1.0, float("inf"), 99.0])
def test_a_value_that_cannot_be_is_not_taken(tmp_path: Path, value: float) -> None:
    found = in_header(header(tmp_path, temp=value, top_k=5))
    assert found is not None
    assert found.sampling.temperature == NEUTRAL.temperature
    assert found.unheeded == ("temp is not a value that it can have",)


def test_the_file_wins_over_what_else_is_known_and_the_source_says_so(tmp_path: Path) -> None:
    known = stated("the publisher's page", temperature=0.3, top_p=0.9)
    assert known is not None
    assert known.sampling == Sampling(temperature=0.3, top_k=0, top_p=0.9, min_p=0.0, repetition_penalty=1.0)
    assert recommended(header(tmp_path), known) == known
    of_file = recommended(header(tmp_path, temp=0.6), known)
    assert of_file is not None
    assert (of_file.source, of_file.sampling.temperature, of_file.sampling.top_p) == ("file", 0.6, 1.0)


def test_a_publisher_who_says_nothing_recommends_nothing(tmp_path: Path) -> None:
    assert stated("the publisher's page") is None
    assert recommended(header(tmp_path)) is None
