"""How many at a time is chosen from what was tried; the tries are scripted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.engine.stored_tunings import Tuning, Tunings
from workbench.engine.tuning import Tried, most_that_fit, tune, tuning_key
from workbench.errors import Cancelled
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams
from workbench.store.database import Database


class Scripted:
    def __init__(self, decode: Mapping[int, float], prefill: Mapping[int, float] | None = None) -> None:
        self._decode = decode
        self._prefill = prefill or {}

    def decode(self, slots: int) -> float:
        return self._decode[slots]

    def prefill(self, n_batch: int) -> float | None:
        return self._prefill.get(n_batch)


def tuned(bursts: Scripted) -> tuple[Tuning, list[Tried]]:
    tried: list[Tried] = []
    return run(lambda cancel: tune(bursts, cancel), on_event=tried.append), tried


def test_more_slots_are_tried_until_they_bring_no_more() -> None:
    found, tried = tuned(Scripted({4: 50, 8: 80, 16: 81}))
    assert (found.slots, found.tokens_per_s) == (8, 80)
    assert [one.size for one in tried] == [4, 8, 16]


def test_the_most_slots_are_chosen_where_each_doubling_helps() -> None:
    assert tuned(Scripted({4: 50, 8: 80, 16: 130, 32: 220}))[0].slots == 32


def test_the_size_of_batches_is_the_smallest_that_is_not_clearly_slower() -> None:
    assert tuned(Scripted({4: 50, 8: 40}, {256: 900, 512: 1000, 1024: 1010}))[0].n_batch == 512


def test_where_prompts_take_too_long_to_be_tried_the_usual_size_stays() -> None:
    assert tuned(Scripted({4: 50, 8: 40}))[0].n_batch == RunParams().n_batch


def test_tuning_can_be_cancelled_between_two_tries() -> None:
    cancel = CancelToken()
    tries = tune(Scripted({4: 50}), cancel)
    next(tries)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(tries)


def test_what_was_found_is_kept_for_this_model_threads_and_placement(tmp_path: Path) -> None:
    params = RunParams()
    with Database(tmp_path / "workbench.db") as db:
        Tunings(db).keep(tuning_key("abc", params, 2), Tuning(8, 512, 80.5))
        asked = Tunings(db)
        assert asked.of(tuning_key("abc", params, 2)) == Tuning(8, 512, 80.5)
        assert asked.of(tuning_key("abc", params, 4)) is None
        assert asked.of(tuning_key("abc", replace(params, n_gpu_layers=0), 2)) is None
        assert asked.of(tuning_key("abc", replace(params, n_ctx=99), 2)) == Tuning(8, 512, 80.5)


def test_slots_are_halved_until_their_contexts_fit() -> None:
    found = most_that_fit(RunParams(n_ctx=1000), 8, lambda params: params.n_ctx <= 3000)
    assert found is not None
    assert (found.n_ctx, found.n_seq_max, found.kv_unified) == (2000, 3, True)
    assert most_that_fit(RunParams(n_ctx=1000), 8, lambda _: False) is None
