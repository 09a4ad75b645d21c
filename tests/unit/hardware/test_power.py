"""Battery and throttling, from files as Linux writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from workbench.hardware.power import PowerWatch


@dataclass
class Battery:
    percent: float = 80.0
    power_plugged: bool | None = True


def core(root: Path, number: int = 0, **files: object) -> None:
    for name, value in files.items():
        path = root / f"sys/devices/system/cpu/cpu{number}" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")


def test_where_nothing_can_be_read_everything_is_unknown(tmp_path):
    watch = PowerWatch(tmp_path, lambda: None)
    power = watch.since(watch.mark())
    assert (power.on_battery, power.percent, power.throttled) == (None, None, None)
    assert power.conditions == ()
    assert power.why == "this system does not tell"


@pytest.mark.parametrize(("plugged", "said"), [(True, ()), (None, ()), (False, ("on battery (80 %)",))])
def test_the_battery_is_mentioned_where_it_is_in_use(tmp_path, plugged, said):
    watch = PowerWatch(tmp_path, lambda: Battery(power_plugged=plugged))
    assert watch.since(watch.mark()).conditions == said


def test_a_counter_that_grew_meanwhile_means_that_it_was_too_hot(tmp_path):
    core(tmp_path, thermal_throttle__core_throttle_count=5)
    watch = PowerWatch(tmp_path, lambda: None)
    before = watch.mark()
    assert watch.since(before).throttled is False, "what was counted earlier is not about this answer"
    core(tmp_path, thermal_throttle__core_throttle_count=6)
    assert watch.since(before).conditions == ("processor held back: too hot",)


def test_a_clock_below_the_base_clock_means_that_it_was_held_back(tmp_path):
    core(tmp_path, cpufreq__base_frequency=2_000_000, cpufreq__scaling_cur_freq=800_000)
    watch = PowerWatch(tmp_path, lambda: None)
    assert watch.since(watch.mark()).conditions == ("processor held back: 40 % of its base clock",)
    core(tmp_path, 1, cpufreq__base_frequency=2_000_000, cpufreq__scaling_cur_freq=2_900_000)
    assert watch.since(watch.mark()).throttled is False, "one core at its clock: the other is idle"


def test_nonsense_in_the_files_is_unknown(tmp_path):
    core(tmp_path, thermal_throttle__core_throttle_count="many", cpufreq__base_frequency="")

    def broken() -> None:
        raise OSError("no such device")

    watch = PowerWatch(tmp_path, broken)
    assert watch.since(watch.mark()).throttled is None
