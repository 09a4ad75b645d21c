"""Measuring memory: really, in small; kept only when the machine was idle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import Cancelled
from workbench.hardware import bandwidth
from workbench.hardware.bandwidth import ROUNDS, BandwidthProgress, Bandwidths, Measurement, read_bandwidth
from workbench.hardware.facts import Cpu
from workbench.hardware.load import Load
from workbench.jobs import CancelToken, run
from workbench.store.database import Database

CPU = Cpu("A processor", "x86_64", physical_cores=2, logical_cores=2, usable_cores=2)
SMALL = 4 << 20


class Told(Load):
    """A load that was decided beforehand."""

    before: str | None = None
    meanwhile: str | None = None

    def busy(self, cancel: CancelToken) -> str | None:
        return self.before

    def others_since(self) -> str | None:
        return self.meanwhile


class BusyBefore(Told):
    before = "the computer is busy"


class BusyMeanwhile(Told):
    meanwhile = "other programs use 60% of the processor"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "data.sqlite3") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "_MIN_ARRAYS_BYTES", SMALL)
    monkeypatch.setattr(bandwidth, "_MAX_ARRAYS_BYTES", SMALL)


def test_reading_gives_the_best_of_its_rounds() -> None:
    seen: list[BandwidthProgress] = []
    found = run(read_bandwidth(2, SMALL), on_event=seen.append)
    assert found > 0
    assert found == seen[-1].best_bytes_per_s
    assert [progress.round for progress in seen] == list(range(len(seen)))
    assert 2 <= len(seen) <= ROUNDS + 1
    best = [progress.best_bytes_per_s for progress in seen]
    assert best == sorted(best)


def test_reading_can_be_stopped_between_rounds() -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run(read_bandwidth(2, SMALL), cancel=cancel, on_event=lambda _: cancel.cancel())


def test_a_measurement_is_kept_by_processor(db: Database) -> None:
    known = Bandwidths(db, Told)
    assert known.measured(CPU.key) is None
    measured = run(known.measure(CPU))
    assert measured.bytes_per_s is not None
    assert measured.said.startswith("Main memory is read at ")
    assert known.measured(CPU.key) == measured.bytes_per_s
    assert known.measured("cpu:Another:8") is None


def test_a_new_measurement_replaces_the_old_one(db: Database) -> None:
    known = Bandwidths(db)
    known.keep(CPU.key, 1e9)
    known.keep(CPU.key, 2e9)
    assert known.measured(CPU.key) == 2e9


def test_a_busy_machine_is_not_measured(db: Database) -> None:
    known = Bandwidths(db, BusyBefore)
    seen: list[BandwidthProgress] = []
    measured = run(known.measure(CPU), on_event=seen.append)
    assert measured == Measurement(None, "Not measured: the computer is busy. Try again when the computer is idle")
    assert seen == []
    assert known.measured(CPU.key) is None


def test_a_measurement_that_others_disturbed_is_not_kept(db: Database) -> None:
    known = Bandwidths(db, BusyMeanwhile)
    known.keep(CPU.key, 5e9)
    measured = run(known.measure(CPU))
    assert measured.bytes_per_s is None
    assert "60%" in measured.said
    assert known.measured(CPU.key) == 5e9, "the earlier figure stands"


def test_too_little_memory_is_said(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size_bytes: int) -> None:
        raise MemoryError

    monkeypatch.setattr(bandwidth, "_filled", full)
    assert run(Bandwidths(db, Told).measure(CPU)) == Measurement(None, "Not measured: there is too little free memory")


def test_a_cancelled_measurement_does_not_begin(db: Database) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(Bandwidths(db, Told).measure(CPU), cancel=cancel)


def test_arrays_exceed_the_cache_but_not_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "_MIN_ARRAYS_BYTES", 64 << 20)
    monkeypatch.setattr(bandwidth, "_MAX_ARRAYS_BYTES", 512 << 20)
    for cache, available, size in [
        (32, 16_000, 128),
        (480, 16_000, 512),
        (32, 800, 100),
        (4, 16_000, 64),
        (32, 100, 64),
    ]:
        monkeypatch.setattr(bandwidth, "last_level_cache_bytes", lambda cache=cache: cache << 20)
        assert bandwidth._arrays_bytes(available << 20) == size << 20
