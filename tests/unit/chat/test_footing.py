"""Whether models were asked alike, and what is kept so that an answer can be explained."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from workbench.chat.answer import Answer, blank
from workbench.chat.footing import Footing, differences
from workbench.chat.options import Options
from workbench.engine.base import Adapter, ContextPolicy, Dropped, ToolCall
from workbench.engine.fake import FakeBackend, Thought, fake_model, say
from workbench.engine.recorded import Candidate, Choice

FOOTING = Footing(
    system="native", bos_count=1, tokens=(1, 2, 3), samplers=("temp", "dist"), cache_types="f16/f16",
    flash_attention="auto", placement="nothing", micro_batch=512,
)  # fmt: skip


def answer(**more: object) -> Answer:
    made = replace(blank(fake_model("m"), "text", "end"), seed=7, temperature=0.7, context=4096, threads=2,
                   template_source="file", footing=FOOTING)  # fmt: skip
    return replace(made, **more)


def test_models_asked_alike_have_no_differences():
    assert differences([answer(), answer()]) == ()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (answer(temperature=1.0), "temperature: 0.7 / 1"),
        (answer(seed=8), "seed: 7 / 8"),
        (answer(template_source="builtin:chatml"), "chat template: the model's own / builtin:chatml"),
        (answer(template_source="none"), "chat template: the model's own / none"),
        (answer(context=2048), "context: 4096 / 2048"),
        (
            answer(footing=replace(FOOTING, system="merged")),
            "system prompt: as system prompt / merged into the first message",
        ),
        (answer(footing=replace(FOOTING, bos_count=2)), "BOS tokens: as usual / doubled"),
        (answer(footing=replace(FOOTING, inserted_system="You are")), "system prompt of the template's own: no / yes"),
        (answer(footing=replace(FOOTING, cache_types="q8_0/q8_0")), "KV cache K/V: f16/f16 / q8_0/q8_0"),
        (answer(footing=replace(FOOTING, flash_attention="off")), "flash attention: auto / off"),
        (answer(footing=replace(FOOTING, placement="all layers")), "on a GPU: nothing / all layers"),
        (answer(footing=replace(FOOTING, isolated=True)), "process: the program's / its own"),
        (answer(footing=replace(FOOTING, engine_notes=("x",))), "done otherwise: nothing / x"),
        (answer(footing=replace(FOOTING, adapters=("lora.gguf × 1",))), "adapters: none / lora.gguf × 1"),
        (
            answer(footing=replace(FOOTING, dropped=Dropped(ContextPolicy.DROP_OLDEST, 2, 90))),
            "left out of the prompt: nothing / 2 messages",
        ),
    ],
)
def test_each_difference_is_said_with_both_values(other, said):
    assert [str(one) for one in differences([answer(), other])] == [said]


def test_what_an_old_record_does_not_tell_is_not_compared():
    old = replace(FOOTING, cache_types=None, flash_attention=None, placement=None, micro_batch=None)
    assert differences([answer(), answer(footing=old)]) == ()


def test_a_date_differs_only_between_templates_that_asked_for_it():
    today, later = replace(FOOTING, date="2026-07-26"), replace(FOOTING, date="2026-07-27")
    assert differences([answer(footing=today), answer()]) == ()
    assert [one.what for one in differences([answer(footing=today), answer(footing=later)])] == ["date"]


def test_a_failed_answer_is_not_compared():
    failed = replace(blank(fake_model("m"), "", "error", error=ValueError("x")), seed=1)
    assert differences([answer(), failed]) == ()


def test_what_a_reader_must_know_stands_beside_the_answer():
    footing = replace(FOOTING, dropped=Dropped(ContextPolicy.MIDDLE_OUT, 1, 1234), bos_count=2,
                      engine_notes=("moved to main memory",))  # fmt: skip
    assert answer(footing=footing, notes=("the system prompt was merged",)).chips == (
        "the system prompt was merged",
        "1 message (1,234 tokens) left out: the middle was dropped",
        "the prompt begins with 2 BOS tokens",
        "moved to main memory",
    )


def test_everything_of_an_answer_comes_back_from_json():
    taken = Candidate(5, "Yes", -0.25)
    whole = answer(
        thinking="hm",
        thinking_tokens=1,
        thinking_ms=2.5,
        tool_calls=(ToolCall("time", '{"zone": "UTC"}'),),
        choices=(Choice(taken, (taken, Candidate(6, "No", -1.5)), 0, thinking=True),),
        footing=replace(FOOTING, dropped=Dropped(ContextPolicy.MIDDLE_OUT, 1, 20), adapters=("a × 1",)),
    )
    assert Answer.from_json(json.loads(json.dumps(whole.as_json()))) == whole


def test_an_answer_tells_how_it_was_asked_for_and_what_was_thought(drive, tmp_path):
    driven = drive(FakeBackend(say([Thought("hm"), "Yes"])))
    pane = driven.comparison.add_pane()
    adapter = Adapter(tmp_path / "style.gguf", 0.5)
    driven.comparison.choose(pane, fake_model("m"), adapters=(adapter,), isolated=True)
    driven.comparison.options = Options(system="Be brief.", alternatives=2)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    (exchange,) = pane.exchanges
    assert (exchange.answer.text, exchange.answer.thinking, exchange.answer.thinking_tokens) == ("Yes", "hm", 1)
    assert (exchange.answer.footing.adapters, exchange.answer.footing.isolated) == (("style.gguf × 0.5",), True)
    assert exchange.answer.footing.system == "native"
    assert [(choice.taken.text, choice.thinking) for choice in exchange.answer.choices] == [
        ("hm", True),
        ("Yes", False),
    ]
    assert pane.history("", "And now?")[1].content == "Yes"


def test_another_adapter_loads_the_model_anew(drive, tmp_path):
    driven = drive(FakeBackend(say(["Yes"])), panes=1)
    comparison, (pane,) = driven.comparison, driven.comparison.panes
    for scale in (1.0, 1.0, 0.5):
        comparison.choose(pane, pane.model, adapters=(Adapter(tmp_path / "style.gguf", scale),))
        driven.until_quiet()
        comparison.ask("Hello")
        driven.until_quiet()
    assert driven.backend.opened == 2


class Counting(FakeBackend):
    """A scripted engine that notes how many engines were there when another was opened."""

    def __init__(self) -> None:
        super().__init__(say(["Yes"]))
        self.beside: list[int] = []

    def open(self, request, cancel):
        self.beside.append(self.live)
        return (yield from super().open(request, cancel))


def test_weights_stay_while_only_the_adapter_changes_and_go_before_another_model_comes(drive, tmp_path):
    driven = drive(Counting(), panes=1)
    comparison, (pane,) = driven.comparison, driven.comparison.panes
    comparison.ask("Hello")
    driven.until_quiet()
    for change in (
        {"adapters": (Adapter(tmp_path / "style.gguf"),)},
        {"n_ctx": 1024},
    ):
        comparison.choose(pane, pane.model, **change)
        comparison.ask("Hello")
        driven.until_quiet()
    assert driven.backend.beside == [0, 1, 0]
