"""What a load changed: measured, added up, and whether anybody else was at work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workbench.engine import growth, registry
from workbench.engine.growth import Activity, Moment, added, between
from workbench.models.receipt import Growth

MIB = 1 << 20


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names_by_pci", lambda: {"0000:01:00.0": "CUDA0", "0000:02:00.0": "CUDA1"})


def test_memory_that_is_used_is_seen() -> None:
    before = growth.process_bytes()
    held = bytearray(b"x" * (64 * MIB))
    after = growth.process_bytes()
    assert before is not None
    assert after is not None
    assert 48 * MIB < after - before < 80 * MIB
    assert len(held) == 64 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are asked this way in any case")
def test_without_proc_the_system_is_asked_for_the_unique_set(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = growth.process_bytes()
    monkeypatch.setattr(growth, "_STATUS", Path("/no/such/file"))
    unique = growth.process_bytes()
    assert usual is not None
    assert unique is not None
    assert 0.3 * usual < unique < 1.2 * usual


@pytest.mark.usefixtures("two_cards")
def test_devices_are_named_as_llama_cpp_names_them() -> None:
    before = Moment(100, {"0000:01:00.0": 1000, "0000:02:00.0": 2000, "0000:03:00.0": 5})
    after = Moment(350, {"0000:01:00.0": 400, "0000:02:00.0": 2100})
    assert between(before, after, alone=True) == Growth(250, (("CUDA0", 600), ("CUDA1", -100)), alone=True)


def test_without_devices_the_registry_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> dict[str, str]:
        raise AssertionError("a driver would have been started")

    monkeypatch.setattr(registry, "names_by_pci", asked)
    assert between(Moment(None, {}), Moment(5, {}), alone=False) == Growth(None, (), alone=False)


def test_two_spans_add_up_and_are_alone_only_together() -> None:
    load = Growth(1000, (("CUDA0", 10),), alone=True)
    answer = Growth(50, (("CUDA0", 3), ("CUDA1", 1)), alone=True)
    assert added(load, answer) == Growth(1050, (("CUDA0", 13), ("CUDA1", 1)), alone=True)
    assert not added(load, Growth(50, (), alone=False)).alone
    assert added(load, Growth(None, (), alone=True)).process_bytes is None


def test_whoever_is_active_at_the_same_time_is_noticed_by_both() -> None:
    activity = Activity()
    with activity.taking_part() as first:
        assert first.alone
        with activity.taking_part() as second:
            assert not second.alone
        assert not first.alone
        assert not second.alone
    with activity.taking_part() as third:
        assert third.alone
