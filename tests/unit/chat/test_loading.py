"""What a pane is loaded with: the planner's choice, the user's own parameters, or all the same though too big."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.chat.conftest import LAPTOP
from workbench.chat.options import Options
from workbench.chat.plan import RunMode
from workbench.engine.base import LoadRequest
from workbench.engine.fake import FAKE_LAYERS, FakeBackend, fake_model, say
from workbench.errors import EngineCrashedError, UsageError
from workbench.hardware.examples import RTX_4070
from workbench.models.fit import fit
from workbench.models.params import RunParams
from workbench.models.verdict import TogetherFit, Verdict

GIB = 1 << 30


class Noting(FakeBackend):
    """A scripted engine that keeps what it was asked to load."""

    def __init__(self) -> None:
        super().__init__(say(["x"]))
        self.loads: list[LoadRequest] = []

    def open(self, request, cancel):
        self.loads.append(request)
        return (yield from super().open(request, cancel))


def test_without_parameters_the_planner_s_are_loaded(drive):
    driven = drive(Noting(), panes=1)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    pane = driven.comparison.panes[0]
    assert driven.backend.loads[0].params == pane.fit.params == fit(pane.model, LAPTOP, n_ctx=4096).params


def test_given_parameters_are_loaded_as_they_are(drive):
    given = RunParams(n_ctx=2048, n_ubatch=64, n_gpu_layers=5, type_k="q8_0", type_v="q8_0", n_seq_max=2)
    driven = drive(Noting(), machine=lambda: RTX_4070)
    pane = driven.comparison.add_pane()
    driven.comparison.choose(pane, fake_model("m"), params=given)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.backend.loads[0].params == given
    assert pane.fit.verdict is Verdict.SPLIT, "judged for what is loaded, not for what would be best"


def test_all_layers_given_are_all_layers_though_some_would_fit_better(drive):
    driven = drive(Noting(), machine=lambda: RTX_4070)
    pane = driven.comparison.add_pane()
    big = fake_model("m", size_bytes=13 * GIB)
    assert fit(big, RTX_4070).verdict is Verdict.SPLIT
    driven.comparison.choose(pane, big, params=RunParams(), force=True)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.backend.loads[0].params.n_gpu_layers == -1
    assert pane.fit.verdict is Verdict.TOO_BIG


@pytest.mark.parametrize("layers", [-1, 3, FAKE_LAYERS + 1])
def test_layers_on_a_gpu_that_is_not_there_are_not_asked_for(drive, layers):
    driven = drive(Noting(), panes=1)
    pane = driven.comparison.panes[0]
    driven.comparison.choose(pane, pane.model, params=RunParams(n_gpu_layers=layers))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.backend.loads[0].params.n_gpu_layers == 0, "else panes on one file would not share its weights"


def test_a_context_beyond_the_trained_one_is_loaded_when_it_was_given_so(drive):
    driven = drive(Noting())
    pane = driven.comparison.add_pane()
    model = fake_model("m", n_ctx_train=2048)
    driven.comparison.choose(pane, model, n_ctx=8192)
    assert pane.params.n_ctx == 2048
    driven.comparison.choose(pane, model, params=RunParams(n_ctx=8192))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.backend.loads[0].params.n_ctx == 8192


def test_parameters_llama_cpp_would_refuse_are_refused_before_the_prompt_is_sent(drive):
    driven = drive(Noting(), panes=1)
    pane = driven.comparison.panes[0]
    driven.comparison.choose(pane, pane.model, params=RunParams(type_k="q9_9"))
    with pytest.raises(UsageError, match="q9_9"):
        driven.comparison.ask("Hello")
    assert (pane.busy, pane.exchanges) == (False, [])


def test_other_parameters_load_the_model_anew_and_the_same_ones_do_not(drive):
    driven = drive(Noting(), panes=1)
    pane = driven.comparison.panes[0]
    for params in (RunParams(n_ctx=1024), RunParams(n_ctx=1024), RunParams(n_ctx=1024, n_ubatch=64)):
        driven.comparison.choose(pane, pane.model, params=params)
        driven.comparison.ask("Hello")
        driven.until_quiet()
    assert [load.params.n_ubatch for load in driven.backend.loads] == [512, 64]


def test_what_is_judged_too_big_is_loaded_all_the_same_when_asked_to(drive):
    driven = drive(Noting(), panes=1)
    huge = driven.comparison.add_pane()
    driven.comparison.choose(huge, fake_model("huge", size_bytes=90 * 10**9), force=True)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert [pane.exchanges[-1].answer.text for pane in driven.comparison.panes] == ["x", "x"]
    assert huge.fit.verdict is Verdict.TOO_BIG
    assert driven.comparison.plan.mode is RunMode.SWAP
    assert "huge" in driven.comparison.plan.reasons[0]


def test_forcing_a_model_that_stays_loaded_does_not_load_it_again(drive):
    driven = drive(Noting(), panes=1)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until_quiet()
    driven.comparison.choose(pane, pane.model, force=True)
    driven.comparison.ask("Again")
    driven.until_quiet()
    assert len(driven.backend.loads) == 1


# --- several panes ---------------------------------------------------------------------------


def gpus(driven, *sizes_gib):
    for number, size in enumerate(sizes_gib):
        driven.comparison.choose(driven.comparison.add_pane(), fake_model(f"m{number}", size_bytes=int(size * GIB)))


def test_panes_are_moved_to_main_memory_so_that_all_of_them_fit(drive):
    driven = drive(Noting(), machine=lambda: RTX_4070)
    gpus(driven, 7, 5)
    driven.comparison.options = Options(mode=RunMode.TOGETHER)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.plan.mode is RunMode.TOGETHER
    layers = {load.model.name: load.params.n_gpu_layers for load in driven.backend.loads}
    assert layers["m0"] == -1
    assert layers["m1"] != -1
    assert any("m1" in reason for reason in driven.comparison.plan.reasons)
    assert driven.comparison.panes[1].fit.params.n_gpu_layers == layers["m1"]


def test_a_pane_whose_parameters_were_given_is_swapped_rather_than_moved(drive):
    driven = drive(Noting(), machine=lambda: RTX_4070)
    gpus(driven, 7, 5)
    moved = driven.comparison.panes[1]
    driven.comparison.choose(moved, moved.model, params=RunParams())
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.plan.mode is RunMode.SWAP
    assert {load.params.n_gpu_layers for load in driven.backend.loads} == {-1}


def test_what_is_loaded_stays_and_the_newcomer_makes_room(drive):
    taken_gib = [0.0]

    def machine():
        card = RTX_4070.devices[0]
        return replace(RTX_4070, devices=(replace(card, free_bytes=card.free_bytes - int(taken_gib[0] * GIB)),))

    driven = drive(Noting(), machine=machine)
    gpus(driven, 5)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    small, big = driven.comparison.panes[0], driven.comparison.add_pane()
    taken_gib[0] = sum(share.total_bytes for share in small.fit.shares if share.device == "CUDA0") / GIB
    driven.comparison.choose(big, fake_model("big", size_bytes=7 * GIB))
    driven.comparison.ask("And?")
    driven.until_quiet()
    assert driven.comparison.plan.mode is not RunMode.SWAP
    assert [load.model.name for load in driven.backend.loads] == ["m0", "big"], "nothing was unloaded for it"
    assert driven.backend.loads[1].params.n_gpu_layers != -1


def test_two_panes_on_one_file_count_its_weights_once(drive):
    free_gib = [10.0]

    def machine():
        return replace(LAPTOP, memory=replace(LAPTOP.memory, available_bytes=int(free_gib[0] * GIB)))

    driven = drive(Noting(), machine=machine)
    model = fake_model("large", size_bytes=6 * GIB)
    driven.comparison.choose(driven.comparison.add_pane(), model)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    free_gib[0] -= 6.5
    driven.comparison.choose(driven.comparison.add_pane(), model, n_ctx=2048)
    driven.comparison.ask("And?")
    driven.until_quiet()
    assert driven.comparison.plan.mode is not RunMode.SWAP


def test_what_taking_turns_costs_is_said(drive):
    def judge(fits, hardware):
        return TogetherFit(False, 2, 1, ("Taking turns costs about 3 to 6 seconds of loading a round",), swap_s=(3, 6))

    driven = drive(Noting(), panes=2, together=judge)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.plan.mode is RunMode.SWAP
    assert driven.comparison.plan.swap_s == (3, 6)
    assert any("3 to 6 seconds" in reason for reason in driven.comparison.plan.reasons)


def test_the_plan_is_judged_again_when_panes_change(drive):
    driven = drive(Noting())
    gpus(driven, 8, 8)
    assert driven.comparison.judged().mode is RunMode.SWAP
    driven.comparison.remove_pane(driven.comparison.panes[1])
    assert driven.comparison.judged().mode is RunMode.TOGETHER
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.plan.mode is RunMode.TOGETHER


def test_fits_come_from_whoever_knows_what_was_learnt(drive):
    asked = []

    def learnt_fit(model, hardware, *, n_ctx, params):
        asked.append((model.name, n_ctx, params))
        return replace(fit(model, hardware, n_ctx=n_ctx, params=params), reasons=("learnt",))

    driven = drive(Noting(), panes=1, fit=learnt_fit)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.panes[0].fit.reasons == ("learnt",)
    assert asked == [("model-0", 4096, None)]


class Crashing(FakeBackend):
    """Its first engine ends its process in the middle of the answer."""

    def open(self, request, cancel):
        engine = yield from super().open(request, cancel)
        self.answer_error = EngineCrashedError("Its process ended (SIGKILL).") if self.opened == 1 else None
        return engine


def test_a_model_whose_process_ended_is_opened_anew_when_it_is_asked_again(drive):
    driven = drive(Crashing(say(["x"])), panes=1)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert pane.problem.code == EngineCrashedError.code
    assert driven.backend.closed == 1
    driven.comparison.regenerate(pane)
    driven.until_quiet()
    assert pane.exchanges[-1].answer.text == "x"
    assert driven.backend.opened == 2


def test_a_model_of_which_it_is_asked_always_gets_a_process_of_its_own(drive):
    apart = {"m"}
    driven = drive(Noting(), isolate=lambda model: model.name in apart)
    for name in ("m", "other"):
        driven.comparison.choose(driven.comparison.add_pane(), fake_model(name))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert {load.model.name: load.isolated for load in driven.backend.loads} == {"m": True, "other": False}


def test_a_loaded_model_that_is_to_have_one_from_now_on_is_opened_again(drive):
    apart = set()
    driven = drive(Noting(), isolate=lambda model: model.name in apart)
    pane = driven.comparison.add_pane()
    for _ in range(2):
        driven.comparison.choose(pane, fake_model("m"))
        driven.comparison.ask("Hello")
        driven.until_quiet()
        apart.add("m")
    assert [load.isolated for load in driven.backend.loads] == [False, True]
