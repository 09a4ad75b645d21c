"""What loads and answers leave in the ledger, and what they do not."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

import pytest

from tests.unit.chat.conftest import LAPTOP
from workbench.chat.answer import Answer
from workbench.chat.ledger import StoredLedger, device_keys
from workbench.chat.options import Options
from workbench.chat.plan import RunMode
from workbench.engine.base import AnswerEvent, Completion, Engine, LoadEvent, LoadRequest, Request
from workbench.engine.fake import FakeBackend, FakeEngine, endless, fake_model, say
from workbench.errors import GenerationError
from workbench.hardware.examples import RTX_4070
from workbench.jobs import CancelToken
from workbench.models.breakdown import RAM
from workbench.models.exact import Buffer
from workbench.models.learning import learnt
from workbench.models.params import RunParams
from workbench.models.receipt import Growth
from workbench.models.receipts import Receipts, SpeedRuns
from workbench.store.database import Database

REPORTED = (Buffer("CPU_Mapped", RAM, 800_000_000, 200, 30),)
MORE_LATER = 5_000


class Reporting(FakeBackend):
    """A scripted engine that says of itself what llama.cpp says; it grows with its first answer."""

    name = "llama.cpp"
    version = "0.5.0 (abc)"

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        yield from super().open(request, cancel)
        return ReportingEngine(self, request)


class ReportingEngine(FakeEngine):
    def __init__(self, backend: FakeBackend, request: LoadRequest) -> None:
        super().__init__(backend, request)
        self.facts = replace(self.facts, load_ms=1234.0, buffers=REPORTED, growth=Growth(800_001_000, (), alone=True))

    def stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        try:
            return (yield from super().stream(request, cancel))
        finally:
            self.facts = replace(self.facts, growth=Growth(800_001_000 + MORE_LATER, (), alone=True), warm=True)


@dataclass
class Kept:
    """A ledger on a real database, and what its reader is told."""

    receipts: Receipts
    runs: SpeedRuns
    ledger: StoredLedger
    changes: list[None] = field(default_factory=list)


@pytest.fixture
def kept(tmp_path) -> Iterator[Kept]:
    with Database(tmp_path / "w.sqlite3") as db:
        receipts, runs, changes = Receipts(db), SpeedRuns(db), []
        ledger = StoredLedger(lambda: receipts, lambda: runs, lambda: LAPTOP, changed=lambda: changes.append(None))
        yield Kept(receipts, runs, ledger, changes)


def test_a_load_leaves_a_receipt_with_the_growth_after_its_first_answer(drive, kept):
    driven = drive(Reporting(say(["a", "b"])), panes=1, ledger=kept.ledger)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    pane = driven.comparison.panes[0]
    (stored,) = kept.receipts.latest()
    assert stored == pane.receipt
    assert stored.growth.process_bytes == 800_001_000 + MORE_LATER
    assert stored.predicted == pane.fit.shares
    assert (stored.reported, stored.load_ms, stored.predicted_basis) == (REPORTED, 1234.0, "estimate")
    assert (stored.engine, stored.device_key) == ("llama.cpp 0.5.0 (abc)", LAPTOP.cpu.key)
    assert (stored.header_sha256, stored.params) == (pane.model.header.sha256, pane.facts.params)


def test_the_receipt_can_be_read_while_the_first_answer_is_being_written(drive, kept):
    driven = drive(Reporting(endless), panes=1, ledger=kept.ledger)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until(lambda: bool(pane.text))
    assert pane.receipt.reported == REPORTED
    assert (pane.receipt.id, kept.receipts.latest()) == (0, ())
    driven.comparison.stop()
    driven.until_quiet()


def test_an_answer_that_was_stopped_or_failed_leaves_the_receipt_of_its_load_all_the_same(drive, kept):
    stopped = drive(Reporting(endless), panes=1, ledger=kept.ledger)
    stopped.comparison.ask("Hello")
    stopped.until(lambda: bool(stopped.comparison.panes[0].text))
    stopped.comparison.stop()
    stopped.until_quiet()
    failed = drive(Reporting(say(["x"]), answer_error=GenerationError("No.")), panes=1, ledger=kept.ledger)
    failed.comparison.ask("Hello")
    failed.until_quiet()
    assert len(kept.receipts.latest()) == 2


def test_a_second_answer_of_the_same_load_leaves_no_second_receipt(drive, kept):
    driven = drive(Reporting(say(["a"])), panes=1, ledger=kept.ledger)
    for prompt in ("Hello", "Again"):
        driven.comparison.ask(prompt)
        driven.until_quiet()
    assert len(kept.receipts.latest()) == 1
    assert driven.comparison.panes[0].receipt.id == kept.receipts.latest()[0].id


def test_loading_again_leaves_another_receipt(drive, kept):
    driven = drive(Reporting(say(["a"])), panes=1, ledger=kept.ledger)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until_quiet()
    first = pane.receipt
    driven.comparison.unload(pane)
    driven.until_quiet()
    assert pane.receipt == first, "what a load took is still of interest once it is freed"
    driven.comparison.ask("Again")
    driven.until_quiet()
    assert [receipt.id for receipt in kept.receipts.latest()] == [pane.receipt.id, first.id]


def test_another_model_in_the_pane_forgets_the_fit_and_the_receipt_of_the_last_one(drive, kept):
    driven = drive(Reporting(say(["a"])), panes=1, ledger=kept.ledger)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until_quiet()
    driven.comparison.choose(pane, fake_model("other"))
    assert (pane.fit, pane.receipt) == (None, None)


def test_the_scripted_engine_leaves_nothing(drive, kept):
    driven = drive(FakeBackend(say(["a"] * 40)), panes=1, ledger=kept.ledger)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    pane = driven.comparison.panes[0]
    assert pane.fit is not None
    assert pane.receipt is None
    assert pane.exchanges[-1].answer.fit is None
    assert (kept.receipts.latest(), kept.runs.all(), kept.changes) == ((), (), [])


def test_an_answer_says_what_its_load_was_said_to_take_and_took(drive, kept):
    driven = drive(Reporting(say(["a"])), panes=1, ledger=kept.ledger)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    pane = driven.comparison.panes[0]
    answer = pane.exchanges[-1].answer
    assert answer.fit.reported_bytes == 800_000_230
    assert answer.fit.predicted_bytes == pane.receipt.predicted_bytes
    assert answer.fit.difference == pane.receipt.difference
    assert answer.fit.basis == "estimate"
    record = answer.as_json()
    assert set(record["fit"]) == {"predicted_bytes", "reported_bytes", "difference", "basis"}
    assert Answer.from_json(record | {"fit": record["fit"] | {"later": 1}}) == answer


def test_llama_cpp_s_own_answer_stands_as_prediction_where_it_is_known(drive, kept, tmp_path):
    def exactly(_, fit):
        return replace(fit, basis="exact")

    ledger = StoredLedger(lambda: kept.receipts, lambda: kept.runs, lambda: LAPTOP, predict=exactly)
    driven = drive(Reporting(say(["a"])), panes=1, ledger=ledger)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert kept.receipts.latest()[0].predicted_basis == "exact"
    assert driven.comparison.panes[0].exchanges[-1].answer.fit.basis == "exact"


def test_a_wrong_prediction_is_flagged(drive, kept):
    driven = drive(Reporting(say(["a"])), ledger=kept.ledger)
    pane = driven.comparison.add_pane()
    driven.comparison.choose(pane, fake_model("said to be smaller", size_bytes=400_000_000))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert pane.receipt.flagged
    assert pane.receipt.difference > 0


def test_an_answer_written_alone_teaches_a_speed(drive, kept):
    driven = drive(Reporting(say(["word "] * 40)), panes=1, ledger=kept.ledger)
    driven.comparison.ask("Hello " * 50)
    driven.until_quiet()
    (run,) = kept.runs.all()
    model = driven.comparison.panes[0].model
    assert (run.device_key, run.engine, run.header_sha256) == (
        LAPTOP.cpu.key, "llama.cpp 0.5.0 (abc)", model.header.sha256,
    )  # fmt: skip
    assert (run.decode_tokens, run.prefill_tokens, run.n_threads) == (39, 51, LAPTOP.cpu.usable_cores)
    assert run.bytes_per_token > 0.9 * sum(tensor.size_bytes for tensor in model.header.tensors)
    assert run.operations_per_token > 0
    assert learnt(kept.receipts.latest(), kept.runs.all()).speeds[LAPTOP.cpu.key].runs == 1


def test_answers_written_side_by_side_teach_no_speed_and_those_in_turn_do(drive, kept):
    side_by_side = drive(Reporting(endless), panes=2, ledger=kept.ledger)
    side_by_side.comparison.options = Options(mode=RunMode.TOGETHER, max_tokens=None)
    side_by_side.comparison.ask("Hello")
    side_by_side.until(lambda: all(pane.text for pane in side_by_side.comparison.panes))
    side_by_side.comparison.stop()
    side_by_side.until_quiet()
    assert kept.runs.all() == ()
    in_turn = drive(Reporting(say(["word "] * 3)), panes=2, ledger=kept.ledger)
    in_turn.comparison.options = Options(mode=RunMode.IN_TURN)
    in_turn.comparison.ask("Hello")
    in_turn.until_quiet()
    assert len(kept.runs.all()) == 2


def test_whoever_learns_is_told_after_each_thing_written_down(drive, kept):
    driven = drive(Reporting(say(["a", "b"])), panes=1, ledger=kept.ledger)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert len(kept.changes) == 2, "a receipt and a speed"


def test_an_answer_is_not_lost_because_nothing_can_be_written_down(drive, tmp_path, caplog):
    with contextlib.ExitStack() as stack:
        db = stack.enter_context(Database(tmp_path / "w.sqlite3", busy_timeout_ms=1))
        other = stack.enter_context(Database(tmp_path / "w.sqlite3"))
        ledger = StoredLedger(lambda: Receipts(db), lambda: SpeedRuns(db), lambda: LAPTOP)
        driven = drive(Reporting(say(["a", "b"])), panes=1, ledger=ledger)
        stack.enter_context(other.transaction())
        driven.comparison.ask("Hello")
        driven.until_quiet()
    answer = driven.comparison.panes[0].exchanges[-1].answer
    assert (answer.text, answer.error) == ("ab", None)
    assert "could not be kept" in caplog.text


def test_figures_are_kept_under_the_keys_of_devices_and_of_the_processor():
    card = RTX_4070.devices[0]
    assert device_keys(RTX_4070) == {card.name: card.key, RAM: RTX_4070.cpu.key}


def test_parameters_given_by_the_user_are_those_of_the_receipt(drive, kept):
    params = RunParams(n_ctx=1024, n_ubatch=128, n_gpu_layers=0, type_k="q8_0", type_v="q8_0", flash_attn="on")
    driven = drive(Reporting(say(["a"])), panes=1, ledger=kept.ledger)
    pane = driven.comparison.panes[0]
    driven.comparison.choose(pane, pane.model, params=params)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert kept.receipts.latest()[0].params == params


class Smaller(Reporting):
    """Loads with fewer layers on the GPU than it was told to."""

    def open(self, request, cancel):
        return (yield from super().open(replace(request, params=replace(request.params, n_gpu_layers=3)), cancel))


def test_what_was_loaded_otherwise_than_judged_teaches_nothing(drive, kept):
    driven = drive(Smaller(say(["a", "b", "c"])), panes=1, ledger=kept.ledger)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.panes[0].exchanges[-1].answer.text == "abc"
    assert kept.receipts.latest() == ()
    assert kept.runs.all() == ()
