"""The estimate against llama.cpp on real models' shapes, over a slice of the grid of parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import shapes
from tests.engine.grid import Row, compare, configurations
from tests.models import TestModels
from workbench.models.params import RunParams

SLICE = configurations(full=False)
# Of these the work area is nearly exact; of all others it equals llama.cpp's to the byte.
NEARLY_EXACT = {"qwen3.5-9b", "qwen3.5-9b-draft", "falcon-h1-7b", "granite4-tiny", "rwkv7-3b"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shapes")


def test_the_slice_meets_every_value_of_every_parameter() -> None:
    full = configurations(full=True)
    assert len(full) == len(set(full)) == 216
    for name in RunParams.__slots__:
        assert {getattr(params, name) for params in SLICE} == {getattr(params, name) for params in full}, name


@pytest.mark.parametrize("name", shapes.NAMES)
def test_weights_and_cache_are_exact_and_the_whole_within_the_bounds(name: str, folder: Path) -> None:
    rows = compare(shapes.write(name, folder), SLICE)
    assert len(rows) == len(SLICE)
    for row in rows:
        check(row)
        assert -0.01 <= row.error <= 0.03, row
        if name not in NEARLY_EXACT:
            assert row.predicted_compute_bytes == row.measured_compute_bytes, row


@pytest.mark.parametrize("name", ["smollm2", "gemma", "mistral"])
def test_small_models_are_estimated_as_well(name: str, real_models: TestModels) -> None:
    for row in compare(getattr(real_models, name), SLICE):
        check(row)
        assert row.tiny
        assert row.predicted_compute_bytes == row.measured_compute_bytes, row


def check(row: Row) -> None:
    # llama.cpp pads each tensor to 32 bytes; a few models have tensors of one number.
    assert 0 <= row.measured_weights_bytes - row.predicted_weights_bytes < 2048, row
    assert row.predicted_kv_bytes == row.measured_kv_bytes, row
