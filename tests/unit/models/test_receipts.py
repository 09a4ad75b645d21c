"""Receipts and speeds come back from the store as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.models.receipt_examples import GPU, MIB, receipt, run
from workbench.models.breakdown import RAM
from workbench.models.exact import Buffer
from workbench.models.receipts import RUNS_KEPT, Receipts, SpeedRuns
from workbench.store.database import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "w.sqlite3") as opened:
        yield opened


def test_a_receipt_comes_back_whole_after_the_database_was_closed(tmp_path: Path) -> None:
    written = receipt(on_gpu_mib=500, gpu_fell_mib=700, alone=False)
    with Database(tmp_path / "w.sqlite3") as db:
        kept = Receipts(db).keep(written)
    assert kept.id > 0
    assert kept == replace(written, id=kept.id)
    with Database(tmp_path / "w.sqlite3") as db:
        (read,) = Receipts(db).latest()
    assert read == kept


def test_a_growth_that_nobody_could_measure_stays_unknown(db: Database) -> None:
    Receipts(db).keep(receipt(process_mib=None))
    (read,) = Receipts(db).latest()
    assert read.growth.process_bytes is None
    assert read.beyond_prediction_bytes is None


def test_the_latest_receipts_come_first_and_no_more_than_asked_for(db: Database) -> None:
    receipts = Receipts(db)
    kept = [receipts.keep(receipt(header=f"h{number}")) for number in range(4)]
    assert receipts.latest(3) == (kept[3], kept[2], kept[1])


def test_the_receipt_of_a_model_is_its_newest(db: Database) -> None:
    receipts = Receipts(db)
    receipts.keep(receipt(header="a", load_ms=1))
    newest = receipts.keep(receipt(header="a", load_ms=2))
    receipts.keep(receipt(header="b"))
    assert receipts.of("a") == newest
    assert receipts.of("never loaded") is None


def test_a_load_takes_the_median_of_the_last_five_that_read_the_weights(db: Database) -> None:
    receipts = Receipts(db)
    for load_ms in (90_000, 1000, 9000, 3000, 2000, 4000):
        receipts.keep(receipt(load_ms=load_ms))
    receipts.keep(receipt(load_ms=5, weights_shared=True))
    assert receipts.load_s("h1") == 3.0
    assert receipts.load_s("h2") is None


def test_the_rate_of_loading_is_the_median_of_past_loads(db: Database) -> None:
    receipts = Receipts(db)
    assert receipts.rate_bytes_per_s() is None
    for load_ms in (1000, 500, 100):  # of 900 MiB of weights
        receipts.keep(receipt(load_ms=load_ms))
    receipts.keep(receipt(load_ms=1, weights_shared=True))
    assert receipts.rate_bytes_per_s() == 1800 * MIB


def test_keys_of_a_later_version_are_left_out(db: Database) -> None:
    kept = Receipts(db).keep(receipt(on_gpu_mib=1))
    with db.transaction() as sql:
        row = sql.execute("SELECT * FROM receipt").fetchone()
        columns = {name: json.loads(row[name]) for name in ("params", "predicted", "reported", "growth")}
        columns["params"]["later"] = 1
        columns["growth"]["later"] = {"a": 1}
        columns["reported"][0]["later"] = "x"
        columns["predicted"]["later"] = []
        columns["predicted"]["shares"][0]["later"] = None
        columns["predicted"]["shares"][0]["parts"][0]["later"] = None
        for name, value in columns.items():
            sql.execute(f"UPDATE receipt SET {name} = ?", (json.dumps(value),))
    assert Receipts(db).latest() == (kept,)


def test_the_difference_leaves_out_what_llama_cpp_does_not_speak_of() -> None:
    one = receipt(predicted_mib=1000, reported_mib=1030)
    assert (one.predicted_bytes, one.reported_bytes) == (1000 * MIB, 1030 * MIB)
    assert one.difference == pytest.approx(0.03)
    assert one.flagged
    assert not receipt(predicted_mib=1000, reported_mib=1019).flagged
    assert receipt(predicted_mib=1000, reported_mib=979).flagged, "saying too much is wrong, too"


def test_what_a_process_grew_by_is_held_against_everything_predicted() -> None:
    assert receipt(predicted_mib=1000, process_mib=1130).beyond_prediction_bytes == 30 * MIB
    assert receipt(predicted_mib=1000, process_mib=900, weights_shared=True).beyond_prediction_bytes is None


def test_pages_that_were_only_read_to_be_copied_are_nobody_s_need() -> None:
    copied = (Buffer("CPU_Mapped", RAM, 700 * MIB, 60 * MIB, 40 * MIB), Buffer("CPU_REPACK", RAM, 200 * MIB, 0, 0))
    one = replace(receipt(predicted_mib=1000, process_mib=1310), reported=copied)
    assert one.copied_bytes == 200 * MIB
    assert one.beyond_prediction_bytes == 10 * MIB
    without_pages = replace(receipt(predicted_mib=1000, process_mib=1110), reported=copied)
    assert without_pages.beyond_prediction_bytes == 0, "they were taken back already"
    assert receipt().copied_bytes == 0, "nothing is mapped, so nothing is there twice"


def test_speed_runs_come_back_oldest_first(db: Database) -> None:
    runs = SpeedRuns(db)
    kept = [run(tokens=20 + number, device=device) for number, device in enumerate(("a", "b", "a"))]
    for one in kept:
        runs.keep(one)
    assert list(runs.all()) == kept


def test_only_the_newest_runs_of_each_device_are_kept(db: Database) -> None:
    runs = SpeedRuns(db)
    runs.keep(run(device=GPU, tokens=7))
    with db.transaction() as sql:
        sql.executemany(
            "INSERT INTO speed_run (ran_at, device_key, engine, architecture, header_sha256, n_threads,"
            " bytes_per_token, decode_tokens, decode_ms, operations_per_token, prefill_tokens, prefill_ms)"
            " VALUES ('', 'cpu', 'e', 'a', 'h', 1, 1, ?, 1, 1, 1, 1)",
            [(number,) for number in range(RUNS_KEPT)],
        )
    runs.keep(run(device="cpu", tokens=9999))
    stored = runs.all()
    of_cpu = [one.decode_tokens for one in stored if one.device_key == "cpu"]
    assert of_cpu == [*range(1, RUNS_KEPT), 9999]
    assert [one.decode_tokens for one in stored if one.device_key == GPU] == [7]
