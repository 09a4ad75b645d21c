"""llama.cpp's own numbers in place of ours: kept where they fit, the plan corrected where they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.unit.models.described_models import GIB, LAYERS, model, with_gpu, with_ram
from workbench.errors import Cancelled, ProbeError
from workbench.hardware.facts import Hardware
from workbench.jobs import CancelToken
from workbench.models.breakdown import RAM, Basis, Kind
from workbench.models.exact import Breakdown, Buffer, Head
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, Verdict, exact_fit, fit
from workbench.models.learnt import Learnt
from workbench.models.params import RunParams
from workbench.models.plans import Case

MIB = 1 << 20


class Answers:
    """A prober that answers with our own arithmetic and ``more`` bytes of compute on each device."""

    def __init__(
        self, subject: ModelFile, machine: Hardware, more: Callable[[RunParams], dict[str, int]] | None = None
    ) -> None:
        self._case = Case.of(subject.header, machine, {})
        self._more = more or (lambda _: {})
        self.asked: list[RunParams] = []
        self.heads: list[tuple[Head, ...]] = []

    def __call__(
        self, heads: Sequence[Head], header_sha256: str, wanted: Sequence[RunParams], cancel: CancelToken
    ) -> tuple[Breakdown, ...]:
        cancel.raise_if_cancelled()
        self.heads.append(tuple(heads))
        self.asked += wanted
        return tuple(self._answer(params) for params in wanted)

    def _answer(self, params: RunParams) -> Breakdown:
        more = self._more(params)
        buffers = tuple(
            Buffer(
                share.device, share.device, share.weights_bytes, share.kv_bytes,
                share.compute_bytes + more.get(share.device, 0),
            )
            for share in self._case.shares(params)
        )  # fmt: skip
        return Breakdown(params, params.n_ctx, buffers)


def here(machine: Hardware) -> Hardware:
    return replace(machine, described=False)


def headed(subject: ModelFile) -> ModelFile:
    return replace(subject, heads=(Head(subject.path, "m.gguf", subject.size_bytes),))


def ask(subject: ModelFile, machine: Hardware, answers: Answers, **more: object) -> Fit:
    return exact_fit(subject, machine, probe=answers, cancel=CancelToken(), **more)  # type: ignore[arg-type]  # of exact_fit's own


def test_the_numbers_are_llama_cpps_and_say_so() -> None:
    subject, machine = headed(model()), here(with_gpu(11))
    answers = Answers(subject, machine, lambda _: {"CUDA0": 7 * MIB, RAM: -1 * MIB})
    found, estimate = ask(subject, machine, answers), fit(subject, machine)
    assert (found.basis, found.verdict, found.confident) == ("exact", Verdict.GPU, True)
    card, ram = found.shares
    assert card.compute_bytes == estimate.shares[0].compute_bytes + 7 * MIB
    assert ram.compute_bytes == estimate.shares[1].compute_bytes - MIB
    for before, after in zip(estimate.shares, found.shares, strict=True):
        assert (after.weights_bytes, after.kv_bytes) == (before.weights_bytes, before.kv_bytes)
        assert after.overhead_bytes == before.overhead_bytes, "what llama.cpp does not tell stays as it is"
    buffers = [part.basis for part in card.parts if part.kind in {Kind.WEIGHTS, Kind.KV, Kind.COMPUTE}]
    assert set(buffers) == {Basis.EXACT}
    assert answers.asked[0].n_gpu_layers == -1
    assert answers.heads[0] == subject.heads


def test_the_longest_context_is_confirmed_by_one_more_question() -> None:
    subject, machine = headed(model()), here(with_gpu(11))
    answers = Answers(subject, machine)
    found = ask(subject, machine, answers)
    assert [params.n_ctx for params in answers.asked] == [4096, found.max_context]
    assert found.max_context == fit(subject, machine).max_context


def test_a_longest_context_that_does_not_hold_is_lowered() -> None:
    subject, machine = headed(model()), here(with_gpu(11))
    answers = Answers(subject, machine, lambda params: {"CUDA0": 20 * 1024 * (params.n_ctx - 4096)})
    found, estimate = ask(subject, machine, answers), fit(subject, machine)
    assert found.max_context is not None
    assert estimate.max_context is not None
    assert found.context <= found.max_context < estimate.max_context
    assert found.max_context % 256 == 0
    longer = replace(found.params, n_ctx=found.max_context)
    (answer,) = answers((), "", [longer], CancelToken())
    assert sum(answer.on("CUDA0")) + found.shares[0].overhead_bytes <= found.shares[0].available_bytes


def test_a_plan_that_does_not_fit_is_corrected() -> None:
    machine = here(with_gpu(6))
    subject = headed(model())
    assert fit(subject, machine).verdict is Verdict.GPU
    answers = Answers(subject, machine, lambda _: {"CUDA0": 900 * MIB})
    found = ask(subject, machine, answers)
    assert (found.basis, found.verdict) == ("exact", Verdict.SPLIT)
    assert 0 < found.params.n_gpu_layers < LAYERS + 1
    assert found.short_by_bytes == 0
    placements = {params.n_gpu_layers for params in answers.asked}
    assert len(placements) <= 3
    assert [remedy.verdict for remedy in found.remedies if remedy.verdict is Verdict.TOO_BIG] == []


def test_a_model_of_experts_is_corrected_by_more_experts_in_ram() -> None:
    machine = here(with_gpu(9))
    subject = headed(model(12, experts=64, used=4))
    planned = fit(subject, machine)
    found = ask(subject, machine, Answers(subject, machine, lambda _: {"CUDA0": 700 * MIB}))
    assert planned.params.n_cpu_moe < found.params.n_cpu_moe
    assert (found.basis, found.verdict, found.params.n_gpu_layers) == ("exact", Verdict.SPLIT, -1)


def test_at_most_three_placements_are_tried() -> None:
    machine = here(with_gpu(7))
    subject = headed(model())
    grown: list[int] = []

    def ever_more(params: RunParams) -> dict[str, int]:
        if params.n_gpu_layers == 0:
            return {}
        grown.append(1)
        return {"CUDA0": 2000 * MIB * len(grown)}

    answers = Answers(subject, machine, ever_more)
    found = ask(subject, machine, answers)
    assert len({params.n_gpu_layers for params in answers.asked}) <= 3
    assert found.verdict in {Verdict.SPLIT, Verdict.CPU}
    assert found.short_by_bytes == 0


def test_what_was_thought_just_too_big_is_asked_about() -> None:
    subject = headed(model())
    exactly = fit(subject, with_gpu(20)).shares[0].total_bytes / GIB
    machine = here(with_gpu(exactly + 0.5 - 0.05))
    assert fit(subject, machine).verdict is Verdict.SPLIT
    found = ask(subject, machine, Answers(subject, machine, lambda _: {"CUDA0": -60 * MIB}))
    assert (found.basis, found.verdict) == ("exact", Verdict.GPU)
    refused = ask(subject, machine, Answers(subject, machine))
    assert (refused.basis, refused.verdict) == ("exact", Verdict.SPLIT)


def test_too_big_stays_too_big_in_exact_numbers() -> None:
    subject, machine = headed(model(60)), here(with_ram(20))
    found = ask(subject, machine, Answers(subject, machine))
    assert (found.basis, found.verdict) == ("exact", Verdict.TOO_BIG)
    assert found.short_by_bytes > 30 * GIB


def test_a_chosen_placement_is_not_corrected() -> None:
    subject, machine = headed(model()), here(with_gpu(6))
    answers = Answers(subject, machine, lambda _: {"CUDA0": 900 * MIB})
    found = ask(subject, machine, answers, params=RunParams(n_gpu_layers=LAYERS + 1))
    assert found.verdict is Verdict.TOO_BIG
    assert {params.n_gpu_layers for params in answers.asked} == {-1}


def test_another_machine_gets_the_estimate_and_hears_why() -> None:
    subject, machine = headed(model()), with_gpu(11)
    answers = Answers(subject, machine)
    found = ask(subject, machine, answers)
    assert found.basis == "estimate"
    assert machine.label in found.reasons[-1]
    assert answers.asked == []


def test_a_probe_that_fails_leaves_the_estimate_and_says_so() -> None:
    def fails(*_: object) -> tuple[Breakdown, ...]:
        raise ProbeError("llama.cpp ended without an answer")

    subject, machine = headed(model()), here(with_gpu(11))
    found = exact_fit(subject, machine, probe=fails, cancel=CancelToken())
    assert found.basis == "estimate"
    assert replace(found, reasons=found.reasons[:-1]) == fit(subject, machine)
    assert "llama.cpp ended without an answer" in found.reasons[-1]


def test_a_file_that_is_gone_leaves_the_estimate() -> None:
    subject, machine = model(name="gone"), here(with_gpu(11))
    found = ask(subject, machine, Answers(subject, machine))
    assert found.basis == "estimate"
    assert "gone" in found.reasons[-1]


def test_asking_can_be_cancelled() -> None:
    subject, machine = headed(model()), here(with_gpu(11))
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        exact_fit(subject, machine, probe=Answers(subject, machine), cancel=cancel, learnt=Learnt())
