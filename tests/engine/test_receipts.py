"""Receipts of real loads: llama.cpp's report and the process's growth beside what was predicted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.models.breakdown import RAM, Kind
from workbench.models.learning import learnt
from workbench.models.receipt import Receipt
from workbench.models.receipts import Receipts, SpeedRuns
from workbench.store.database import Database

ROOT = Path(__file__).resolve().parents[2]
FILES = ["smollm2_path", "gemma_path", "mistral_path"]

# What a process grows by is not all llama.cpp's: Python's own objects, and pages that allocators keep.  Below the
# prediction it may be by what was kept for work (``Kind.WORK``) besides, which small models do not use up.
GROWTH_SHARE = 0.02
GROWTH_BYTES = 3 << 20
# The largest error of the arithmetic allowed for models this small.
ESTIMATE_SHARE = 0.05


def load(folder: Path, model: Path, *wishes: str) -> None:
    """In a process of its own: its growth is then the load's."""
    command = [sys.executable, "-m", "tests.engine.one_load", str(folder), str(model), *wishes]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def kept(folder: Path) -> Receipt:
    """From the closed database."""
    with Database(folder / "workbench.sqlite3") as db:
        (receipt,) = Receipts(db).latest()
        assert Receipts(db).of(receipt.header_sha256) == receipt
    return receipt


def told(receipt: Receipt) -> str:
    return (
        f"{receipt.model_name}: predicted {receipt.predicted_bytes:,} ({receipt.predicted_basis}),"
        f" reported {receipt.reported_bytes:,} ({100 * receipt.difference:+.3f} %),"
        f" the process grew by {receipt.growth.process_bytes or 0:,},"
        f" {receipt.beyond_prediction_bytes or 0:+,} beyond {sum(s.total_bytes for s in receipt.predicted):,}"
    )


@pytest.mark.parametrize("file", FILES)
def test_a_load_takes_what_llama_cpp_was_heard_to_say(
    file: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    load(tmp_path, request.getfixturevalue(file))
    receipt = kept(tmp_path)
    print(told(receipt))
    assert receipt.predicted_basis == "exact"
    (ram,) = receipt.predicted
    assert ram.device == RAM
    assert ram.kv_bytes == sum(buffer.kv_bytes for buffer in receipt.reported)
    assert ram.compute_bytes == sum(buffer.compute_bytes for buffer in receipt.reported)
    assert abs(receipt.difference) <= 0.02
    assert not receipt.flagged
    assert receipt.growth.warm
    assert receipt.growth.alone
    beyond = receipt.beyond_prediction_bytes
    assert beyond is not None, "the growth of this process could be measured"
    assert beyond <= GROWTH_SHARE * ram.total_bytes + GROWTH_BYTES, told(receipt)
    assert beyond >= -GROWTH_SHARE * ram.total_bytes - ram.of(Kind.WORK), told(receipt)


@pytest.mark.parametrize("file", FILES)
def test_the_estimate_comes_near_what_the_load_took(file: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    load(tmp_path, request.getfixturevalue(file), "estimate")
    receipt = kept(tmp_path)
    print(told(receipt))
    assert receipt.predicted_basis == "estimate"
    assert abs(receipt.difference) <= ESTIMATE_SHARE, told(receipt)


def test_a_wrong_prediction_is_flagged(tmp_path: Path, smollm2_path: Path) -> None:
    load(tmp_path, smollm2_path, "estimate", "fewer")
    receipt = kept(tmp_path)
    assert receipt.flagged, told(receipt)
    assert receipt.difference > 0


def test_a_load_and_its_answer_teach_the_next_plan(tmp_path: Path, smollm2_path: Path) -> None:
    load(tmp_path, smollm2_path)
    receipt = kept(tmp_path)
    with Database(tmp_path / "workbench.sqlite3") as db:
        found = learnt(Receipts(db).latest(), SpeedRuns(db).all())
        assert Receipts(db).load_s(receipt.header_sha256) == receipt.load_ms / 1000
    assert found.reserves[receipt.device_key].loads == 1
    assert found.speeds[receipt.device_key].runs == 1
    assert found.speeds[receipt.device_key].bandwidth_bytes_per_s > 0
