"""The Models page: ladders by family, prices for a context and a machine, and ways to open what is listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.conftest import named, words
from tests.gui.models.conftest import line, settled
from workbench.app import Workbench
from workbench.errors import ProbeError, StoreError
from workbench.gui.models.load_dialog import LoadDialog
from workbench.gui.models.stock import Terms
from workbench.gui.pages.models import ModelsPage
from workbench.gui.widgets.tab_order import reading_order
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4090
from workbench.models.params import RunParams
from workbench.models.verdict import Verdict


def test_an_empty_library_says_what_to_do(page: ModelsPage, qtbot: QtBot) -> None:
    page.refresh()
    settled(page, qtbot)
    assert "No model file yet." in words(page)
    assert "search below" in words(page)


def test_every_quantisation_is_a_line_of_its_models_ladder(priced: ModelsPage) -> None:
    codes = [line.fit.model.quantisation for line in priced.lines]
    assert codes == ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"]
    said = words(priced)
    assert "7.2 B parameters · 7 quantisations" in said
    assert said.count("recommended") == 1


def test_what_does_not_fit_stays_says_by_how_much_and_can_be_loaded_anyway(priced: ModelsPage) -> None:
    too_big, fits = line(priced, "F16"), line(priced, "Q4_K_M")
    assert "✕ too big by" in words(too_big)
    assert too_big.anyway.isVisible()
    assert too_big.open_button.isHidden()
    assert "● fits in RAM · " in words(fits)
    assert fits.open_button.isVisible()
    assert fits.anyway.isHidden()


def test_a_line_says_everything_at_once_to_a_screen_reader(priced: ModelsPage) -> None:
    said = line(priced, "Q4_K_M").text
    for part in ("balanced Q4_K_M", "fits in RAM", "estimate", "bits per weight", "up to", "tok/s", "quality loss"):
        assert part in said


def test_open_asks_for_the_model_as_any_pane_would_load_it(priced: ModelsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(priced.chosen) as chosen:
        qtbot.mouseClick(line(priced, "Q4_K_M").open_button, Qt.MouseButton.LeftButton)
    model, params, force = chosen.args
    assert (model.quantisation, params, force) == ("Q4_K_M", None, False)


def test_another_context_and_kv_type_reprice_every_line_and_are_what_open_loads(
    priced: ModelsPage, qtbot: QtBot
) -> None:
    before = line(priced, "Q2_K").fit.total_bytes
    priced.terms.context.setCurrentIndex(priced.terms.context.findData(16384))
    settled(priced, qtbot)
    longer = line(priced, "Q2_K").fit
    priced.terms.kv_type.setCurrentIndex(priced.terms.kv_type.findData("q8_0"))
    settled(priced, qtbot)
    smaller = line(priced, "Q2_K").fit
    assert longer.context == smaller.context == 16384
    assert before < smaller.total_bytes < longer.total_bytes
    with qtbot.waitSignal(priced.chosen) as chosen:
        qtbot.mouseClick(line(priced, "Q2_K").open_button, Qt.MouseButton.LeftButton)
    assert (chosen.args[1].n_ctx, chosen.args[1].type_k) == (16384, "q8_0")


def test_the_trained_maximum_is_each_models_own(priced: ModelsPage, qtbot: QtBot) -> None:
    priced.terms.context.setCurrentIndex(priced.terms.context.findData(None))
    settled(priced, qtbot)
    assert {line.fit.context for line in priced.lines} == {131_072}


def test_another_machine_is_asked_about_and_nothing_is_opened_there(priced: ModelsPage, qtbot: QtBot) -> None:
    priced.terms.machine.setCurrentText(RTX_4090.label)
    priced.terms.machine.activated.emit(0)
    settled(priced, qtbot)
    assert "● fits · " in words(line(priced, "F16"))
    assert all(line.open_button.isHidden() and line.anyway.isHidden() for line in priced.lines)
    assert RTX_4090.label in priced.status.text()


def test_a_machine_can_be_described_in_words_and_nonsense_is_told_in_place(priced: ModelsPage, qtbot: QtBot) -> None:
    box = priced.terms.machine
    box.setEditText("12 GB card + 32 GB RAM")
    qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
    settled(priced, qtbot)
    assert "12 GB" in priced.status.text()
    box.setEditText("a fast one")
    qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
    assert "✕" in words(priced.terms)
    assert priced.terms.terms.machine is not None, "what was asked before stands"


def test_a_line_with_the_focus_asks_llama_cpp_and_shows_its_answer(priced: ModelsPage, qtbot: QtBot) -> None:
    chosen = line(priced, "Q4_K_M")
    priced._on_focus(None, chosen)
    settled(priced, qtbot)
    assert chosen.fit.basis == "exact"
    assert "llama.cpp's own answer" in words(chosen)
    chosen.toggle()
    assert "The estimate was" in words(chosen.details), "they differ by more than 2 %"
    assert "+" in words(chosen.details)


def test_of_lines_passed_over_quickly_only_the_last_is_asked_about(
    priced: ModelsPage, answers: list[object], qtbot: QtBot
) -> None:
    for quantisation in ("Q8_0", "Q6_K", "Q5_K_M", "Q3_K_M"):
        priced._on_focus(None, line(priced, quantisation))
    settled(priced, qtbot)
    assert [found.model.quantisation for found in answers] == ["Q3_K_M"]  # type: ignore[attr-defined]


def test_a_recommended_line_that_does_not_fit_after_all_is_recommended_no_more(
    priced: ModelsPage, library: Workbench, qtbot: QtBot
) -> None:
    best = next(line for line in priced.lines if line.rung.recommended)
    found = replace(best.fit, verdict=Verdict.TOO_BIG, basis="exact")

    def too_big(*_: object, **__: object):  # type: ignore[no-untyped-def]
        def task(cancel):  # type: ignore[no-untyped-def]
            yield None
            return found

        return task

    library.exact = too_big  # type: ignore[method-assign]
    priced._on_focus(None, best)
    settled(priced, qtbot)
    recommended = [line for line in priced.lines if line.rung.recommended]
    assert best not in recommended
    assert len(recommended) == 1
    assert words(priced).count("recommended") == 1


def test_a_probe_that_fails_leaves_the_estimate_and_says_why(
    priced: ModelsPage, library: Workbench, qtbot: QtBot
) -> None:
    def refuses(*_: object, **__: object):  # type: ignore[no-untyped-def]
        def task(cancel):  # type: ignore[no-untyped-def]
            yield None
            raise ProbeError("llama.cpp ended while it was asked.")

        return task

    library.exact = refuses  # type: ignore[method-assign]
    chosen = line(priced, "Q4_K_M")
    chosen.toggle()
    settled(priced, qtbot)
    assert "llama.cpp ended while it was asked." in words(chosen)
    assert chosen.fit.basis == "estimate"


def test_speeds_that_are_unknown_say_why_once_for_the_page_and_in_the_details(
    page: ModelsPage, library: Workbench, qtbot: QtBot
) -> None:
    memory = replace(LAPTOP_WITHOUT_GPU.memory, bandwidth_bytes_per_s=None)
    library.machine = lambda: replace(LAPTOP_WITHOUT_GPU, memory=memory, described=False)  # type: ignore[method-assign]
    page.refresh()
    settled(page, qtbot)
    assert page.status.text().endswith("where speeds are unknown: measure the memory bandwidth on the Machine page")
    fits, too_big = line(page, "Q4_K_M"), line(page, "F16")
    assert "speed unknown" in fits.text
    assert "speed unknown" not in too_big.text, "it has none"
    fits.toggle()
    assert "Speed unknown: measure the memory bandwidth on the Machine page" in words(fits.details)


def test_a_model_says_its_state_in_its_tone(priced: ModelsPage) -> None:
    (view,) = priced.views
    assert view.state.text().startswith("● fits in RAM · ")
    assert view.state.property("tone") == "good"
    assert view.state.text() in view.button.accessibleDescription()


def test_tab_goes_through_the_page_as_it_is_read(priced: ModelsPage) -> None:
    chosen = priced.lines[0]
    chosen.toggle()
    order = reading_order(priced)
    marks = [priced.refresh_button, priced.terms.context, priced.views[0].button, chosen, chosen.open_button,
             priced.lines[1], priced.lookup.field]  # fmt: skip
    places = [order.index(widget) for widget in marks if not widget.isHidden()]
    assert places == sorted(places)
    priced.views[0].button.setFocus()
    priced.focusNextPrevChild(True)
    assert priced.window().focusWidget() is chosen
    priced.focusNextPrevChild(False)
    assert priced.window().focusWidget() is priced.views[0].button


def test_tab_from_the_last_control_goes_on_to_the_first(priced: ModelsPage) -> None:
    reading_order(priced)[-1].setFocus()
    priced.focusNextPrevChild(True)
    assert priced.window().focusWidget() is priced.refresh_button


def test_keys_move_between_lines_and_open_details(priced: ModelsPage, qtbot: QtBot) -> None:
    first, second = priced.lines[:2]
    moved = []
    first.moved.connect(lambda line, step: moved.append((line, step)))
    qtbot.keyClick(first, Qt.Key.Key_Down)
    assert moved == [(first, 1)]
    qtbot.keyClick(second, Qt.Key.Key_Return)
    assert second.is_open
    qtbot.keyClick(second, Qt.Key.Key_Space)
    assert not second.is_open


def test_what_is_too_big_lists_what_would_help_and_a_step_can_be_tried(priced: ModelsPage, qtbot: QtBot) -> None:
    priced.terms.context.setCurrentIndex(priced.terms.context.findData(131_072))
    settled(priced, qtbot)
    chosen = line(priced, "Q4_K_M")
    chosen.toggle()
    assert "What would make it fit" in words(chosen)
    assert "1.  " in words(chosen)
    step = next(remedy for remedy in chosen.fit.remedies if remedy.params is not None)
    qtbot.mouseClick(
        named(chosen, f"Try step {chosen.fit.remedies.index(step) + 1}: {step.text}"), Qt.MouseButton.LeftButton
    )
    (dialog,) = priced.findChildren(LoadDialog)
    qtbot.waitUntil(lambda: dialog.fields is not None)
    assert dialog.fields is not None
    assert dialog.fields.params == step.params
    dialog.reject()


def test_a_closed_ladder_stays_closed_when_prices_change(priced: ModelsPage, qtbot: QtBot) -> None:
    (view,) = priced.views
    qtbot.mouseClick(view.button, Qt.MouseButton.LeftButton)
    priced.terms.kv_type.setCurrentIndex(1)
    settled(priced, qtbot)
    assert not priced.views[0].is_open
    assert "bits per weight" not in words(priced)


def test_a_line_keeps_its_place_and_details_when_prices_change(priced: ModelsPage, qtbot: QtBot) -> None:
    chosen = line(priced, "Q4_K_M")
    chosen.toggle()
    priced.terms.kv_type.setCurrentIndex(1)
    settled(priced, qtbot)
    assert line(priced, "Q4_K_M") is chosen
    assert chosen.is_open


def test_a_narrow_page_says_the_same_below_each_other(priced: ModelsPage) -> None:
    priced.resize(640, 900)
    QApplication.processEvents()
    chosen = line(priced, "Q4_K_M")
    assert "bits per weight\N{NO-BREAK SPACE}· up to" in words(chosen)
    assert chosen.width() <= priced.viewport().width()


def test_files_that_cannot_be_used_are_named_with_the_reason(
    page: ModelsPage, bench: Workbench, model_file: Callable[..., Path], qtbot: QtBot
) -> None:
    path = model_file("broken")
    bench.library.add(path)
    path.write_bytes(b"")
    page.refresh()
    settled(page, qtbot)
    assert "✕  broken.gguf: broken.gguf is empty." in words(page)


def test_a_library_that_cannot_be_read_is_told_in_place(page: ModelsPage, bench: Workbench, qtbot: QtBot) -> None:
    def fails() -> None:
        raise StoreError("The database is locked.", hint="Close the other program.")

    bench.library.listing = fails  # type: ignore[method-assign, assignment]
    page.refresh()
    settled(page, qtbot)
    assert page.status.text() == "✕ The database is locked. Close the other program."


def test_terms_without_a_context_ask_for_the_trained_one(library: Workbench) -> None:
    model = library.library.files()[0]
    assert Terms(n_ctx=None).params(model) == RunParams(n_ctx=model.n_ctx_train)


# --- the memory bar ----------------------------------------------------------------------------


def test_the_line_that_is_looked_at_is_the_ghost_and_leaving_takes_it_away(priced: ModelsPage) -> None:
    seen: list[object] = []
    priced.ghost.connect(seen.append)
    chosen = line(priced, "Q4_K_M")
    chosen.looked_at.emit(chosen)
    chosen.looked_at.emit(None)
    assert seen == [chosen.fit, None]


def test_of_another_machine_no_ghost_is_drawn_in_this_ones_bar(priced: ModelsPage, qtbot: QtBot) -> None:
    priced.terms.machine.setCurrentText(RTX_4090.label)
    priced.terms.machine.activated.emit(0)
    settled(priced, qtbot)
    seen: list[object] = []
    priced.ghost.connect(seen.append)
    chosen = line(priced, "Q4_K_M")
    chosen.looked_at.emit(chosen)
    assert seen == [None]
