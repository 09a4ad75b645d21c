"""What an adapter's header says about whether it goes with a model; no adapter is loaded here."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from tests.engine.lora import write_adapter, write_lora
from tests.unit.models.gguf_files import write_model
from workbench.engine import adapters
from workbench.engine.base import Adapter
from workbench.errors import AdapterError
from workbench.models.describe import describe
from workbench.models.file import ModelFile

MATRIX = "blk.0.attn_q.weight"


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    """64 wide, its feed-forward layers 128."""
    return describe(write_model(tmp_path / "model.gguf"))


def ones(rows: int, columns: int) -> np.ndarray:
    return np.ones((rows, columns), np.float32)


def refused(path: Path, model: ModelFile) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        adapters.check_all((Adapter(path),), model)
    return caught.value


def test_an_adapter_made_for_the_model_is_taken_and_its_size_is_known(model: ModelFile, tmp_path: Path) -> None:
    lora = write_lora(tmp_path / "lora.gguf", model.path, [MATRIX, "blk.1.ffn_up.weight"])
    (found,) = adapters.check_all((Adapter(lora.path),), model)
    assert (found.architecture, found.alpha, found.ranks) == ("llama", 8.0, (4,))
    assert found.size_bytes == 4 * 4 * (64 + 64 + 64 + 128)


def test_embeddings_have_the_two_matrices_the_other_way_round(model: ModelFile, tmp_path: Path) -> None:
    right = write_adapter(tmp_path / "right.gguf", {"token_embd.weight": (ones(40, 4), ones(64, 4))})
    assert adapters.check_all((Adapter(right),), model)
    wrong = write_adapter(tmp_path / "wrong.gguf", {"token_embd.weight": (ones(4, 64), ones(40, 4))})
    assert "made for another model" in refused(wrong, model).message


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({MATRIX: (ones(4, 32), ones(64, 4))}, "its blk.0.attn_q.weight is 32 × 64, in model it is 64 × 64"),
        ({MATRIX: (ones(4, 64), ones(64, 8))}, "have the ranks 4 and 8"),
        ({"blk.7.attn_q.weight": (ones(4, 64), ones(64, 4))}, "model has no 'blk.7.attn_q.weight'"),
        ({MATRIX: (ones(4, 64), None)}, "one of the two matrices for 'blk.0.attn_q.weight' is missing"),
        ({MATRIX: (ones(4, 64).astype(np.int32), ones(64, 4))}, "is no matrix of weights"),
        ({}, "it changes nothing"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(
    model: ModelFile, tmp_path: Path, pairs: dict[str, tuple[np.ndarray, np.ndarray | None]], said: str
) -> None:
    error = refused(write_adapter(tmp_path / "lora.gguf", pairs), model)
    assert said in error.message
    assert error.hint


def test_another_architecture_is_refused_with_both_widths(model: ModelFile, tmp_path: Path) -> None:
    pairs = {MATRIX: (ones(4, 4096), ones(4096, 4))}
    path = write_adapter(tmp_path / "lora.gguf", pairs, architecture="gemma3")
    assert refused(path, model).message == (
        "lora.gguf is made for gemma3 with 4,096 wide layers; model is llama, 64 wide."
    )


@pytest.mark.parametrize(
    ("form", "kind", "invocation", "said"),
    [
        ("control_vector", "adapter", (), "llama.cpp runs LoRA only"),
        ("lora", "model", (), "it says it is 'model'"),
        ("lora", "adapter", (5, 6), "activated LoRA"),
    ],
)
def test_other_kinds_of_adapters_are_refused_by_name(
    model: ModelFile, tmp_path: Path, form: str, kind: str, invocation: tuple[int, ...], said: str
) -> None:
    pairs = {MATRIX: (ones(4, 64), ones(64, 4))}
    path = write_adapter(tmp_path / "lora.gguf", pairs, form=form, kind=kind, invocation=invocation)
    assert said in refused(path, model).message


def test_a_model_is_no_adapter(model: ModelFile) -> None:
    assert "is no adapter" in refused(model.path, model).message


def test_a_damaged_file_is_refused_as_such(model: ModelFile, tmp_path: Path) -> None:
    whole = write_lora(tmp_path / "lora.gguf", model.path, [MATRIX]).path.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[:-100])
    assert "cut.gguf ends at" in refused(tmp_path / "cut.gguf", model).message
    assert "There is no file" in refused(tmp_path / "nowhere.gguf", model).message


def test_whatever_its_bytes_an_adapter_is_taken_or_refused_in_words(model: ModelFile, tmp_path: Path) -> None:
    whole = write_lora(tmp_path / "lora.gguf", model.path, [MATRIX]).path.read_bytes()
    draw, refusals = random.Random(1), list[str]()
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(500)] = draw.randrange(256)  # the header
        (tmp_path / "changed.gguf").write_bytes(changed)
        try:
            adapters.check_all((Adapter(tmp_path / "changed.gguf"),), model)
        except AdapterError as error:
            refusals.append(error.message)
    assert 150 < len(refusals) < 300
    assert [message for message in refusals if not message.isprintable()] == []


def test_scales_that_are_none_and_adapters_named_twice_are_refused(model: ModelFile, tmp_path: Path) -> None:
    lora = write_lora(tmp_path / "lora.gguf", model.path, [MATRIX])
    with pytest.raises(AdapterError, match="no number"):
        adapters.check_all((Adapter(lora.path, math.nan),), model)
    with pytest.raises(AdapterError, match="twice"):
        adapters.check_all((Adapter(lora.path), Adapter(tmp_path / "." / "lora.gguf", 0.5)), model)


# --- PEFT ------------------------------------------------------------------------------------


@pytest.fixture
def peft(tmp_path: Path) -> Path:
    folder = tmp_path / "my lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "example/Base-1B"}))
    (folder / "adapter_model.safetensors").write_bytes(b"\0" * 16)
    return folder


@pytest.mark.parametrize("name", [".", "adapter_model.safetensors", "adapter_config.json"])
def test_a_peft_adapter_is_refused_with_the_command_that_converts_it(peft: Path, model: ModelFile, name: str) -> None:
    error = refused(peft / name, model)
    assert error.message == "my lora is a PEFT adapter; llama.cpp runs adapters in GGUF form."
    target = peft.parent / "my lora-F16-LoRA.gguf"
    assert error.hint is not None
    assert error.hint.endswith(
        f'python convert_lora_to_gguf.py --outtype f16 --outfile "{target}" --base-model-id "example/Base-1B" "{peft}"'
    )


def test_a_base_in_a_folder_is_named_as_one_and_an_unknown_base_is_asked_for(
    peft: Path, model: ModelFile, tmp_path: Path
) -> None:
    config = peft / "adapter_config.json"
    config.write_text(json.dumps({"base_model_name_or_path": str(tmp_path)}))
    assert f'--base "{tmp_path}"' in (refused(peft, model).hint or "")
    config.write_text("[]")
    assert '--base "FOLDER OF THE BASE MODEL"' in (refused(peft, model).hint or "")


def test_a_folder_that_is_no_adapter_is_refused(model: ModelFile, tmp_path: Path) -> None:
    assert "no adapter in GGUF form" in refused(tmp_path, model).message
