"""Importance matrices on the disk: read by the reference reader, and hostile ones refused."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.unit.models.gguf_files import write_model
from workbench.engine import importance_file
from workbench.engine.importance_file import Importance
from workbench.errors import QuantiseError
from workbench.models.describe import describe

ATTENTION, EXPERTS = "blk.0.attn_q.weight", "blk.0.ffn_up_exps.weight"


@pytest.fixture
def importance() -> Importance:
    return Importance(
        {ATTENTION: np.arange(6, dtype=np.float32), EXPERTS: np.array([2, 4, 0, 0, 9, 3], np.float32)},
        {ATTENTION: np.array([2], np.float32), EXPERTS: np.array([2, 0, 3], np.float32)},
        chunk_count=3,
        chunk_tokens=512,
    )


def write_by_reference(path: Path, sums: np.ndarray, counts: np.ndarray, name: str = ATTENTION) -> Path:
    writer = gguf.GGUFWriter(path, "")
    writer.add_string("general.type", "imatrix")
    writer.add_tensor(f"{name}.in_sum2", sums)
    writer.add_tensor(f"{name}.counts", counts)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_what_is_written_is_what_the_reference_reader_finds(importance: Importance, tmp_path: Path) -> None:
    importance_file.write(tmp_path / "i.gguf", importance, datasets=["a.txt", "ü.txt"])
    reader = gguf.GGUFReader(tmp_path / "i.gguf")
    assert reader.fields["general.type"].contents() == "imatrix"
    assert reader.fields["imatrix.datasets"].contents() == ["a.txt", "ü.txt"]
    assert reader.fields["imatrix.chunk_count"].contents() == 3
    assert reader.fields["imatrix.chunk_size"].contents() == 512
    found = {tensor.name: tensor.data for tensor in reader.tensors}
    assert found[f"{ATTENTION}.in_sum2"].tolist() == [[0, 1, 2, 3, 4, 5]]
    assert found[f"{EXPERTS}.in_sum2"].tolist() == [[2, 4], [0, 0], [9, 3]]
    assert found[f"{EXPERTS}.counts"].tolist() == [[2], [0], [3]]


def test_what_is_written_is_read_again_whole(importance: Importance, tmp_path: Path) -> None:
    importance_file.write(tmp_path / "i.gguf", importance, datasets=[])
    found = importance_file.read(tmp_path / "i.gguf")
    assert (found.chunk_count, found.chunk_tokens) == (3, 512)
    for name, sums in importance.sums.items():
        assert np.array_equal(found.sums[name], sums)
        assert np.array_equal(found.counts[name], importance.counts[name])


def test_means_are_by_expert_and_neutral_where_no_token_came(importance: Importance) -> None:
    means = importance.means()
    assert means[ATTENTION].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert means[EXPERTS].tolist() == [1, 2, 1, 1, 3, 1]


@pytest.mark.parametrize(
    ("sums", "counts", "said"),
    [
        (np.array([[1, np.nan]], np.float32), np.ones((1, 1), np.float32), "no sums of squares"),
        (np.array([[1, -1]], np.float32), np.ones((1, 1), np.float32), "no sums of squares"),
        (np.ones((1, 5), np.float32), np.ones((2, 1), np.float32), "do not go together"),
        (np.ones((1, 4), np.float16), np.ones((1, 1), np.float32), "the same matrices"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, sums: np.ndarray, counts: np.ndarray, said: str) -> None:
    with pytest.raises(QuantiseError, match=said):
        importance_file.read(write_by_reference(tmp_path / "i.gguf", sums, counts))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QuantiseError, match="is no importance matrix"):
        importance_file.read(write_model(tmp_path / "model.gguf"))
    (tmp_path / "old.dat").write_bytes(bytes(100))
    with pytest.raises(QuantiseError, match="cannot be read") as caught:
        importance_file.read(tmp_path / "old.dat")
    assert "llama-imatrix" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "width", "said"),
    [("blk.9.attn_q.weight", 64, "has no 'blk.9"), (ATTENTION, 32, "has 64 input channels in model, and 32 there")],
)
def test_one_of_another_model_is_refused(tmp_path: Path, name: str, width: int, said: str) -> None:
    model = describe(write_model(tmp_path / "model.gguf"))
    path = write_by_reference(
        tmp_path / "i.gguf", np.ones((1, width), np.float32), np.ones((1, 1), np.float32), name=name
    )
    found = importance_file.read(path)
    with pytest.raises(QuantiseError, match=said):
        importance_file.check_for(found, model.header.tensors, name="i.gguf", model="model")
