"""The load dialog: prices follow the controls, llama.cpp's answer comes a moment later, and what is seen is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.engine import shapes
from tests.gui.conftest import words
from workbench.app import Workbench
from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.gui.models.load_dialog import LoadDialog, LoadQuestion
from workbench.gui.models.load_fields import ContextField
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070, TWO_RTX_3090
from workbench.hardware.facts import Hardware
from workbench.jobs import JobRunner
from workbench.models.describe import describe
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.verdict import Fit, Verdict

Opener = Callable[..., LoadDialog]


@pytest.fixture
def open_dialog(
    bench: Workbench, repository: dict[str, Path], pump: EventPump, runner: JobRunner, qtbot: QtBot
) -> Opener:
    def make(
        quantisation: str = "Q4_K_M", *, machine: Hardware | None = None, path: Path | None = None, n_ctx: int = 4096
    ) -> LoadDialog:
        model = describe(path or repository[f"Shape-of-Llama-8B-{quantisation}.gguf"])
        question = LoadQuestion(model, RunParams(n_ctx=n_ctx), machine, here=machine is None)
        dialog = LoadDialog(bench, Errands(pump, runner), question)
        qtbot.addWidget(dialog)
        dialog.show()
        answered(dialog, qtbot)
        return dialog

    return make


def answered(dialog: LoadDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dialog.shown is not None and not dialog.exact.waiting and not dialog._soon.isActive())


def test_it_says_the_verdict_the_margin_and_every_part_with_its_basis(open_dialog: Opener) -> None:
    dialog = open_dialog()
    said = words(dialog)
    assert "● fits in RAM · " in said
    assert "to spare" in said
    assert "tok/s (from specification)" in said
    for part in ("Main memory", "weights", "KV cache of the context", "compute buffers", "exact", "modelled"):
        assert part in said
    assert dialog.load_button.text() == "Load"


def test_both_answers_are_shown_when_they_are_apart(open_dialog: Opener) -> None:
    dialog = open_dialog()
    assert dialog.shown is not None
    assert dialog.shown.basis == "exact"
    assert "llama.cpp's own answer: " in dialog.basis.text()
    assert "The estimate was " in dialog.basis.text()


def test_the_price_follows_a_slider_at_once(open_dialog: Opener, qtbot: QtBot) -> None:
    dialog = open_dialog()
    assert dialog.fields is not None
    before = dialog.estimate
    dialog.fields.context.slider.setValue(900)
    qtbot.waitUntil(lambda: dialog.estimate is not before)
    assert dialog.shown is dialog.estimate, "the estimate is shown before llama.cpp has answered"
    assert dialog.shown.context == dialog.fields.params.n_ctx > 4096
    assert dialog.basis.text().endswith("Asking llama.cpp…")
    answered(dialog, qtbot)


def test_only_the_last_of_many_changes_is_asked_about(open_dialog: Opener, answers: list[Fit], qtbot: QtBot) -> None:
    dialog = open_dialog()
    assert dialog.fields is not None
    answers.clear()
    for notch in (300, 400, 500, 600):
        dialog.fields.context.slider.setValue(notch)
        qtbot.waitUntil(lambda: not dialog._soon.isActive())
    answered(dialog, qtbot)
    assert [found.context for found in answers] == [dialog.fields.params.n_ctx]


def test_load_gives_the_parameters_that_were_shown(open_dialog: Opener, qtbot: QtBot) -> None:
    dialog = open_dialog()
    assert dialog.fields is not None
    dialog.fields.context.box.setValue(8192)
    dialog.fields.sequences.setValue(2)
    dialog.fields.type_k.setCurrentText("q8_0")
    dialog.fields.type_v.setCurrentText("q8_0")
    dialog.fields.flash.setCurrentIndex(1)
    dialog.fields.micro_batch.setCurrentText("1,024")
    answered(dialog, qtbot)
    with qtbot.waitSignal(dialog.load) as loaded:
        qtbot.mouseClick(dialog.load_button, Qt.MouseButton.LeftButton)
    model, params, force = loaded.args
    assert model.quantisation == "Q4_K_M"
    assert not force
    assert (params.n_ctx, params.n_seq_max, params.type_k, params.type_v) == (8192, 2, "q8_0", "q8_0")
    assert (params.flash_attn, params.n_ubatch, params.n_batch) == ("on", 1024, 1024)


def test_enter_after_a_number_shows_its_price_and_only_the_next_enter_loads(open_dialog: Opener, qtbot: QtBot) -> None:
    dialog = open_dialog()
    assert dialog.fields is not None
    dialog.fields.context.box.selectAll()
    qtbot.keyClicks(dialog.fields.context.box, "8000")
    with qtbot.assertNotEmitted(dialog.load):
        qtbot.keyClick(dialog.fields.context.box, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert dialog.shown is not None
    assert dialog.shown.context == 8192, "as llama.cpp rounds it: up"
    with qtbot.waitSignal(dialog.load) as loaded:
        qtbot.keyClick(dialog.fields.context.box, Qt.Key.Key_Return)
    assert loaded.args[1].n_ctx == 8192


def test_nothing_that_takes_no_memory_is_listed(open_dialog: Opener, tmp_path: Path) -> None:
    dialog = open_dialog(path=shapes.write("gemma3-12b", tmp_path), machine=TWO_RTX_3090)
    said = words(dialog)
    assert "RTX 3090 #1" in said
    assert "RTX 3090 #2" in said
    assert "0 bytes" not in said


def test_a_speed_that_is_unknown_says_why(open_dialog: Opener, bench: Workbench) -> None:
    memory = replace(LAPTOP_WITHOUT_GPU.memory, bandwidth_bytes_per_s=None)
    bench.machine = lambda: replace(LAPTOP_WITHOUT_GPU, memory=memory, described=False)  # type: ignore[method-assign]
    assert "speed unknown: measure the memory bandwidth on the Machine page" in words(open_dialog())


def test_what_is_too_big_can_be_loaded_anyway(open_dialog: Opener, qtbot: QtBot) -> None:
    dialog = open_dialog("F16")
    assert "✕ too big by" in words(dialog)
    assert "too much" in words(dialog), "the device says so too"
    assert dialog.load_button.text() == "Load anyway"
    with qtbot.waitSignal(dialog.load) as loaded:
        qtbot.mouseClick(dialog.load_button, Qt.MouseButton.LeftButton)
    assert loaded.args[2] is True


def test_a_step_of_what_would_help_sets_the_controls(open_dialog: Opener, qtbot: QtBot) -> None:
    dialog = open_dialog(n_ctx=131_072)
    assert dialog.shown is not None
    assert dialog.fields is not None
    assert dialog.shown.verdict is Verdict.TOO_BIG
    steps = [remedy for remedy in dialog.shown.remedies if remedy.params is not None]
    last = steps[-1]
    (*_, button) = (found for found in dialog.remedies.findChildren(QPushButton) if found.isVisible())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    answered(dialog, qtbot)
    assert dialog.fields.params.n_ctx == last.params.n_ctx  # type: ignore[union-attr]
    assert dialog.estimate is not None
    assert dialog.estimate.verdict is last.verdict


def test_without_a_gpu_there_is_nothing_to_say_about_one(open_dialog: Opener) -> None:
    dialog = open_dialog()
    assert dialog.fields is not None
    assert dialog.fields.gpu_layers.isHidden()
    assert dialog.fields.experts.isHidden()
    assert dialog.fields.swa_full.isHidden()
    assert dialog.fields.params.n_gpu_layers == ALL_LAYERS


def test_layers_on_a_gpu_are_decided_by_what_fits_until_the_user_does(open_dialog: Opener, qtbot: QtBot) -> None:
    dialog = open_dialog("F16", machine=RTX_4070)
    fields = dialog.fields
    assert fields is not None
    assert dialog.shown is not None
    assert dialog.shown.verdict is Verdict.SPLIT
    assert fields.gpu_layers.box.value() == dialog.shown.params.n_gpu_layers
    fields.gpu_layers.automatic.setChecked(False)
    fields.gpu_layers.box.setValue(3)
    answered(dialog, qtbot)
    assert dialog.shown.params.n_gpu_layers == 3
    assert fields.gpu_layers.slider.value() == 3


def test_experts_and_window_caches_have_controls_where_a_model_has_them(open_dialog: Opener, tmp_path: Path) -> None:
    experts = open_dialog(path=shapes.write("mixtral-8x7b", tmp_path), machine=RTX_4070)
    assert experts.fields is not None
    assert experts.fields.experts.isVisible()
    window = open_dialog(path=shapes.write("gemma3-4b", tmp_path), machine=RTX_4070)
    assert window.fields is not None
    assert window.fields.swa_full.isVisible()


def test_for_a_machine_elsewhere_nothing_can_be_loaded(open_dialog: Opener) -> None:
    dialog = open_dialog(machine=RTX_4070)
    assert dialog.load_button.isHidden()
    assert "This asks about RTX 4070 12 GB: nothing is loaded." in words(dialog)


def test_the_context_moves_in_steps_on_a_logarithmic_scale(qtbot: QtBot) -> None:
    field = ContextField()
    qtbot.addWidget(field)
    field.set_longest(131_072)
    field.slider.setValue(500)
    assert field.value % 256 == 0
    assert 5_000 < field.value < 6_500, "the middle of 256 and 131072, in powers"
    field.box.setValue(1000)
    assert field.value == 1024
    assert field.slider.value() == round(1000 * 2 / 9)
