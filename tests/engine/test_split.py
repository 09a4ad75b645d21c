"""A real model in three parts: opened through its first part, it answers as the whole file does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import Open, answer
from tests.unit.models.gguf_files import split_model, write_model
from workbench.engine.templates import TemplateChoice
from workbench.engine.vet import identity
from workbench.errors import BadGgufError
from workbench.models.describe import describe
from workbench.models.header import read_header

ASKED = "Name three colours."


@pytest.fixture(scope="module")
def parts(smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    count = len(read_header(smollm2_path).tensors)
    return split_model(
        smollm2_path, tmp_path_factory.mktemp("parts"), (count // 3, count // 3, count - 2 * (count // 3))
    )


def test_a_split_model_answers_as_the_whole_file_does(
    open_model: Open, smollm2_path: Path, parts: tuple[Path, ...]
) -> None:
    expected = answer(open_model(smollm2_path), ASKED)
    # From any of its parts: the request holds the description, which names the first.
    found = answer(open_model(parts[2]), ASKED)
    assert found.text == expected.text
    assert len(found.text) > 10


def test_a_split_model_is_described_as_the_whole_file_is(smollm2_path: Path, parts: tuple[Path, ...]) -> None:
    whole, split = describe(smollm2_path), describe(parts[1])
    assert (split.title, split.quantisation, split.parameter_count) == (
        whole.title,
        whole.quantisation,
        whole.parameter_count,
    )
    assert split.chat_template == whole.chat_template
    assert abs(split.size_bytes - whole.size_bytes) < 1024
    assert split.header.tokenizer_span == whole.header.tokenizer_span


def test_a_verdict_hangs_on_every_part(tmp_path: Path) -> None:
    own = split_model(write_model(tmp_path / "tiny.gguf"), tmp_path, (3, 2, 2))
    model = describe(own[0])
    choice = TemplateChoice("none")
    before = identity(model, choice)
    assert identity(describe(own[2]), choice) == before
    own[2].write_bytes(own[2].read_bytes() + b"more")
    assert identity(model, choice) != before
    own[2].unlink()
    with pytest.raises(BadGgufError, match=r"tiny-00003-of-00003\.gguf is gone"):
        identity(model, choice)
