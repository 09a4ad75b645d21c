"""Which rows are evaluated next: prompts, slots and cells, without an engine."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.engine.slots import (
    LEAST_SHARED,
    SHARED,
    Admitted,
    Queued,
    Schedule,
    cells_needed,
    cells_wanted,
    sequences_wanted,
    shared_prefix,
)

COMMON = tuple(range(100, 100 + LEAST_SHARED))


def queued(index: int, *own: int, room: int = 4, common: tuple[int, ...] = ()) -> Queued:
    return Queued(index, (*common, *own), room)


def schedule(*prompts: Queued, slots: int = 2, cells: int = 1000, n_batch: int = 8) -> Schedule:
    return Schedule(prompts, slots=slots, cells=cells, n_batch=n_batch)


def test_what_all_prompts_begin_with_is_found() -> None:
    assert shared_prefix([(*COMMON, 1, 2), (*COMMON, 1, 3), (*COMMON, 4)]) == COMMON


def test_a_prompt_keeps_a_token_of_its_own_to_be_answered_from() -> None:
    assert shared_prefix([(*COMMON, 1), (*COMMON, 1)]) == COMMON
    assert shared_prefix([COMMON, (*COMMON, 1)]) == ()


def test_a_beginning_that_is_not_worth_a_batch_is_not_shared() -> None:
    assert shared_prefix([(1, 2, 3), (1, 2, 4)]) == ()
    assert shared_prefix([(*COMMON, 1)]) == ()


def test_the_shared_beginning_is_evaluated_once_in_batches_of_the_allowed_size() -> None:
    plan = schedule(queued(0, 1, common=COMMON), queued(1, 2, common=COMMON), n_batch=10)
    batches = plan.shared_batches()
    assert [token for batch in batches for token in batch.tokens] == list(COMMON)
    assert [position for batch in batches for position in batch.positions] == list(range(LEAST_SHARED))
    assert all(len(batch.tokens) <= 10 and not batch.outputs for batch in batches)
    assert {sequence for batch in batches for sequence in batch.sequences} == {SHARED}
    assert plan.admit() == [Admitted(1, 0, LEAST_SHARED), Admitted(2, 1, LEAST_SHARED)]
    batch = plan.next_batch()
    assert (batch.tokens, batch.positions) == ([1, 2], [LEAST_SHARED, LEAST_SHARED])


def test_sampled_tokens_come_before_prompts_and_a_long_prompt_comes_in_chunks() -> None:
    plan = schedule(queued(0, 1), queued(1, *range(10, 22)), n_batch=8)
    plan.admit()
    first = plan.next_batch()
    assert first.tokens == [1, *range(10, 17)]
    assert first.outputs == [(0, 1)]
    assert first.prompts == {1: 1, 2: 7}
    plan.sampled(1, 50)
    second = plan.next_batch()
    assert second.tokens == [50, *range(17, 22)]
    assert second.positions == [1, *range(7, 12)]
    assert second.sequences == [1, 2, 2, 2, 2, 2]
    assert second.outputs == [(0, 1), (5, 2)]
    assert second.prompts == {2: 12}


def test_a_prompt_is_admitted_when_a_slot_frees() -> None:
    plan = schedule(queued(0, 1), queued(1, 2), queued(2, 3))
    assert [one.index for one in plan.admit()] == [0, 1]
    assert plan.admit() == []
    plan.next_batch()
    plan.release(1)
    assert plan.admit() == [Admitted(1, 2, 0)]


def test_a_prompt_waits_for_the_cells_that_it_may_need_and_is_not_overtaken() -> None:
    plan = schedule(queued(0, 1, room=9), queued(1, *range(8), room=8), queued(2, 3, room=0), slots=3, cells=20)
    assert [one.index for one in plan.admit()] == [0]
    plan.release(1)
    assert [one.index for one in plan.admit()] == [1, 2]


def test_a_withdrawn_prompt_gets_no_slot() -> None:
    plan = schedule(queued(0, 1), queued(1, 2), slots=1)
    plan.admit()
    plan.withdraw(1)
    plan.release(1)
    assert plan.admit() == []
    assert not plan.busy


def test_a_prompt_that_can_never_be_admitted_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        schedule(queued(0, 1, room=50), cells=20).admit()


def test_a_batch_must_have_a_row_for_each_slot() -> None:
    with pytest.raises(ValueError, match="9 slots"):
        schedule(queued(0, 1), slots=9, n_batch=8)


def test_the_cells_are_those_of_the_shared_beginning_and_of_the_most_demanding() -> None:
    prompts = [queued(index, *range(index + 1), room=10, common=COMMON) for index in range(1, 4)]
    shared = len(shared_prefix([one.tokens for one in prompts]))
    assert cells_needed(prompts) == len(prompts[2].tokens) + 10
    assert cells_wanted(prompts, 2) == shared + sum(len(one.tokens) - shared + 10 for one in prompts[1:])


def test_a_shared_beginning_longer_than_a_sliding_window_asks_for_the_room_of_more_sequences() -> None:
    assert sequences_wanted(8, 5000, 0) == 9
    assert sequences_wanted(8, 512, 512) == 9
    assert sequences_wanted(8, 513, 512) == 10
    assert sequences_wanted(8, 512 + 1024, 512) == 11


@settings(max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=9),
    slots=st.integers(1, 4),
    n_batch=st.integers(4, 12),
    with_common=st.booleans(),
)
def test_every_prompt_is_evaluated_whole_in_order_and_within_the_cells(
    lengths: list[tuple[int, int]], slots: int, n_batch: int, *, with_common: bool
) -> None:
    common = COMMON if with_common else ()
    prompts = [
        queued(at, *(1000 * (at + 1) + n for n in range(length)), room=room, common=common)
        for at, (length, room) in enumerate(lengths)
    ]
    cells = max(cells_needed(prompts), cells_wanted(prompts, slots) - 7)
    plan = Schedule(prompts, slots=slots, cells=cells, n_batch=n_batch)
    shared = [token for batch in plan.shared_batches() for token in batch.tokens]
    read: dict[int, list[int]] = {}
    left: dict[int, int] = {}
    where: dict[int, int] = {}
    while plan.busy:
        for one in plan.admit():
            where[one.slot], left[one.slot] = one.index, prompts[one.index].room_tokens
            read[one.index] = shared[: one.shared_tokens]
        batch = plan.next_batch()
        assert 0 < len(batch.tokens) <= n_batch
        for token, position, slot in zip(batch.tokens, batch.positions, batch.sequences, strict=True):
            assert position == len(read[where[slot]])
            read[where[slot]].append(token)
        held = len(shared) + sum(len(read[index]) - len(shared) for index in where.values())
        assert held <= cells
        for _, slot in batch.outputs:
            assert plan.position(slot) == len(read[where[slot]])
            if left[slot]:
                left[slot] -= 1
                plan.sampled(slot, -1)
            else:
                plan.release(slot)
                del where[slot]
    for at, prompt in enumerate(prompts):
        assert read[at] == [*prompt.tokens, *[-1] * prompt.room_tokens]
