from __future__ import annotations

import psutil
import pytest

from workbench.errors import Cancelled
from workbench.hardware.load import Load, _Times, _times, others_share
from workbench.jobs import CancelToken


def test_own_work_is_not_others_work() -> None:
    start = _Times(all_s=100, busy_s=50, own_s=10)
    assert others_share(start, _Times(102, 51, 11)) == 0
    assert others_share(start, _Times(102, 52, 11)) == 0.5
    assert others_share(start, _Times(102, 51, 11.02)) == 0, "clocks of different grain"
    assert others_share(start, start) == 0


def test_a_high_load_of_the_last_minute_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "getloadavg", lambda: (2.6, 1.0, 1.0))
    assert Load(10).busy(CancelToken()) == "the computer is busy (a load of 2.6 on 10 cores in the last minute)"


@pytest.mark.parametrize(("others_s", "said"), [(0.0, None), (0.1, "other programs use 50% of the processor")])
def test_a_sample_tells_what_others_do_just_now(
    monkeypatch: pytest.MonkeyPatch, others_s: float, said: str | None
) -> None:
    monkeypatch.setattr(psutil, "getloadavg", lambda: (0.0, 0.0, 0.0))
    looks = iter([_Times(0, 0, 0), _Times(0, 0, 0), _Times(0.2, others_s, 0), _Times(0.2, others_s, 0)])
    monkeypatch.setattr("workbench.hardware.load._times", lambda: next(looks))
    assert Load(2).busy(CancelToken()) == said


def test_the_sample_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "getloadavg", lambda: (0.0, 0.0, 0.0))
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        Load(2).busy(cancel)


def test_this_machines_times_go_forward() -> None:
    start = _times()
    sum(range(1_000_000))
    end = _times()
    assert end.all_s >= start.all_s > 0
    assert end.own_s >= start.own_s > 0
    assert 0 <= others_share(start, end) <= 1
