"""What a model finds likely: the same as evaluated one by one, and as llama-perplexity counts it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from workbench.engine import native
from workbench.engine.base import Message, Mode
from workbench.engine.choices import ChoiceScore, ChoiceScorer
from workbench.engine.passages import Passage, Text, answers, cuts, windows
from workbench.engine.scoring import Measured, Perplexity, Scorer, perplexity
from workbench.errors import Cancelled, ContextOverflowError, EngineError
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=512, n_gpu_layers=0)
PROSE = "The river rose in the night, and by morning the lower fields were under water. " * 12
QUESTION = "Question: which of these is a colour of the rainbow?\nAnswer:"
CHOICES = (" red", " blue and green", " a heavy wooden table", " table")


@pytest.fixture(params=["smollm2_path", "gemma_path"])
def weights(request: pytest.FixtureRequest) -> Iterator[native.Weights]:
    path: Path = request.getfixturevalue(request.param)
    with native.Weights(path, n_gpu_layers=0) as loaded:
        yield loaded


@pytest.fixture
def smollm2(smollm2_path: Path) -> Iterator[native.Weights]:
    with native.Weights(smollm2_path, n_gpu_layers=0) as loaded:
        yield loaded


def measure(scorer: Scorer, passages: tuple[Passage, ...], cancel: CancelToken | None = None) -> Perplexity:
    return run(lambda token: perplexity(scorer, passages, token), cancel=cancel)


def all_logits(weights: native.Weights, passage: Passage) -> np.ndarray:
    """Every row of a passage, evaluated at once, in float64."""
    with Scorer("naive", weights, PARAMS) as scorer:
        rows = scorer.context.rows(passage.tokens, 0, len(passage.tokens), lambda: False)
        return rows.astype(np.float64)


def naive_logprobs(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


def naive_nll(weights: native.Weights, passage: Passage) -> np.ndarray:
    """Minus ln p of every scored token, straight from the definition."""
    logprobs = naive_logprobs(all_logits(weights, passage))
    return np.array([-logprobs[at - 1, passage.tokens[at]] for at in range(passage.first, len(passage.tokens))])


def scored(
    weights: native.Weights, choices: tuple[str, ...] = CHOICES, *, prefix: str = QUESTION, mode: Mode = Mode.AUDIT
) -> tuple[ChoiceScore, ...]:
    with ChoiceScorer("model", weights, PARAMS, mode=mode) as scorer:
        return asked(scorer, weights, prefix, choices)


def asked(
    scorer: ChoiceScorer, weights: native.Weights, prefix: str, choices: tuple[str, ...]
) -> tuple[ChoiceScore, ...]:
    head = [weights.bos, *weights.tokenize(prefix, special=False)]
    tails = [weights.tokenize(choice, special=False) for choice in choices]
    return run(lambda cancel: scorer.scores(head, tails, cancel))


# --- perplexity ---------------------------------------------------------------------------------


def test_perplexity_is_what_the_definition_gives(weights: native.Weights) -> None:
    (first, *_) = windows(weights, Text("prose", PROSE), 128)
    with Scorer("model", weights, PARAMS, n_threads=2) as scorer:
        found = measure(scorer, (first,))
    nll = naive_nll(weights, first)
    assert found.n_tokens == len(nll) == 63
    assert found.value == pytest.approx(math.exp(nll.mean()), rel=1e-6)
    assert found.error == pytest.approx(found.value * nll.std() / math.sqrt(len(nll) - 1), rel=1e-5)
    n_bytes = sum(len(weights.piece(token)) for token in first.scored)
    assert found.bits_per_byte == pytest.approx(nll.sum() / math.log(2) / n_bytes, rel=1e-6)


def test_windows_are_those_of_llama_perplexity(smollm2: native.Weights, gemma_path: Path) -> None:
    with native.Weights(gemma_path, n_gpu_layers=0) as gemma:
        for model in (smollm2, gemma):
            tokens = model.tokenize(PROSE, special=False)
            whole = [model.bos, *tokens] if model.adds_bos else tokens
            found = windows(model, Text("prose", PROSE + "\n"), 64)
            assert len(found) == len(whole) // 64 > 1
            assert found[1].tokens[1:] == tuple(whole[65:128])
            assert found[1].tokens[0] == (model.bos if model.adds_bos else whole[64])
            assert {(window.first, window.n_scored) for window in found} == {(33, 31)}


def test_a_short_text_is_one_window_and_a_tiny_one_is_refused(smollm2: native.Weights) -> None:
    (window,) = windows(smollm2, Text("note", "A note about the river and the fields it floods."), 512)
    assert window.first == len(window.tokens) // 2 + 1
    with pytest.raises(EngineError, match="note has 1 tokens; at least 8 are needed"):
        windows(smollm2, Text("note", "A"), 512)


def test_rows_held_at_a_time_do_not_change_a_bit(weights: native.Weights) -> None:
    passages = windows(weights, Text("prose", PROSE * 2), 384)[:1]
    with Scorer("model", weights, PARAMS) as scorer:
        whole = measure(scorer, passages)
        scorer.rows_max = 64
        assert measure(scorer, passages) == whole


def test_more_rows_than_the_context_gives_are_refused_before_llama_cpp_is_asked(smollm2: native.Weights) -> None:
    with Scorer("model", smollm2, PARAMS) as scorer, pytest.raises(ValueError, match="513 rows were asked for"):
        scorer.context.rows([1] * 513, 0, 513, lambda: False)


def test_no_cut_holds_more_rows_than_allowed_nor_ends_on_a_short_piece() -> None:
    for first in (1, 100, 257, 900):
        passage = Passage("text", tuple(range(1000)), first)
        found = cuts(passage, 128)
        assert [token for piece in found for token in piece] == list(range(1000))
        assert all(piece.stop - max(first - 1, piece.start) <= 128 for piece in found)
        assert all(len(piece) >= 64 for piece in found)


def test_only_what_the_assistant_said_is_scored(smollm2: native.Weights) -> None:
    turns = (Message("user", "Hello."), Message("assistant", "Good day."), Message("user", "And?"),
             Message("assistant", "Nothing more."))  # fmt: skip

    def write(messages: object) -> list[int]:
        assert isinstance(messages, tuple)
        return smollm2.tokenize("".join(f"{m.role}: {m.content}\n" for m in messages) + "assistant: ", special=False)

    first, second = answers(smollm2, write, "talk", turns)
    assert "".join(smollm2.piece(token).decode() for token in first.scored) == "Good day."
    assert "".join(smollm2.piece(token).decode() for token in second.scored) == "Nothing more."
    assert first.tokens[: first.first] == tuple(write(turns[:1]))
    with Scorer("model", smollm2, PARAMS) as scorer:
        found = measure(scorer, (first, second))
    expected = np.concatenate([naive_nll(smollm2, passage) for passage in (first, second)])
    assert found.value == pytest.approx(math.exp(expected.mean()), rel=1e-4)
    assert [text.text for text in found.texts] == ["talk"]


def test_measuring_tells_how_far_it_is_and_can_be_cancelled(smollm2: native.Weights) -> None:
    passages = windows(smollm2, Text("prose", PROSE), 64)[:3]
    events: list[Measured] = []
    cancel = CancelToken()

    def stop_after_one(event: Measured) -> None:
        events.append(event)
        if event.so_far is not None:
            cancel.cancel()

    with Scorer("model", smollm2, PARAMS) as scorer:
        with pytest.raises(Cancelled):
            run(lambda token: perplexity(scorer, passages, token), cancel=cancel, on_event=stop_after_one)
        assert [(event.done_tokens, event.total_tokens) for event in events] == [(0, 192), (64, 192)]
        assert measure(scorer, passages).n_tokens == 3 * 31


class _AfterAsking(CancelToken):
    """Cancelled once it has been asked so often: in the middle of an evaluation, which asks hundreds of times."""

    left = 20

    @property
    def cancelled(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_an_evaluation_can_be_cancelled_half_way_and_the_scorer_used_again(smollm2: native.Weights) -> None:
    passages = windows(smollm2, Text("prose", PROSE), 64)[:1]
    with Scorer("model", smollm2, PARAMS) as scorer:
        whole = measure(scorer, passages)
        with pytest.raises(Cancelled):
            measure(scorer, passages, _AfterAsking())
        assert measure(scorer, passages) == whole


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """Takes a context's place, and spoils one logit."""

    context: object
    value: float

    def clear(self) -> None:
        pass

    def rows(self, tokens: tuple[int, ...], position: int, n_outputs: int, stop: object) -> np.ndarray:
        rows = np.zeros((n_outputs, 64), np.float32)
        rows[0, 5] = self.value
        return rows

    def close(self) -> None:
        self.context.close()  # type: ignore[attr-defined]  # whatever was there


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_name_the_broken_file(smollm2: native.Weights, value: float) -> None:
    with Scorer("broken-Q4_1.gguf", smollm2, PARAMS) as scorer:
        scorer.context = _Spoilt(scorer.context, value)  # type: ignore[assignment]  # no such file is at hand
        with pytest.raises(EngineError, match=r"broken-Q4_1.gguf computes values that are no numbers"):
            measure(scorer, (Passage("text", tuple(range(32)), 17),))


# --- choices ------------------------------------------------------------------------------------


def one_by_one(weights: native.Weights, prefix: str, choice: str) -> list[float]:
    """The prompt and each token of the choice as chat would evaluate them, one step after the other."""
    head = [weights.bos, *weights.tokenize(prefix, special=False)]
    tail = weights.tokenize(choice, special=False)
    context = native.Context(weights, PARAMS)
    try:
        context.prefill(head, 0, lambda: False, output=True)
        found = []
        for index, token in enumerate(tail):
            found.append(float(naive_logprobs(np.array(context.row()))[token]))
            context.step(token, len(head) + index)
        return found
    finally:
        context.close()


def test_choices_apart_are_bit_for_bit_those_of_a_cold_context(weights: native.Weights) -> None:
    prefix = PROSE[:600] + QUESTION
    together = scored(weights, prefix=prefix)
    assert together == tuple(score for choice in CHOICES for score in scored(weights, (choice,), prefix=prefix))
    assert [score.n_bytes for score in together] == [len(choice) for choice in CHOICES]


def test_a_question_is_scored_the_same_after_another_one(weights: native.Weights) -> None:
    cold = scored(weights, prefix=PROSE + QUESTION)
    with ChoiceScorer("model", weights, PARAMS) as scorer:
        asked(scorer, weights, PROSE + "Question: how deep is the river?\nAnswer:", (" deep", " not deep"))
        assert asked(scorer, weights, PROSE + QUESTION, CHOICES) == cold


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("name", "tolerance"), [("smollm2_path", 1e-5), ("mistral_path", 1e-3)])
def test_a_choice_is_as_likely_as_its_tokens_one_by_one(
    name: str, tolerance: float, mode: Mode, request: pytest.FixtureRequest
) -> None:
    # A row alone takes another kernel than rows together: on F16 weights activations are then rounded otherwise.
    with native.Weights(request.getfixturevalue(name), n_gpu_layers=0) as weights:
        for choice, score in zip(CHOICES, scored(weights, mode=mode), strict=True):
            assert score.token_logprobs == pytest.approx(one_by_one(weights, QUESTION, choice), abs=tolerance)
            assert score.logprob == sum(score.token_logprobs)


def test_choices_together_differ_from_choices_apart_by_rounding_alone(weights: native.Weights) -> None:
    apart, together = (scored(weights, prefix=PROSE + QUESTION, mode=mode) for mode in (Mode.AUDIT, Mode.THROUGHPUT))
    for one, other in zip(apart, together, strict=True):
        assert one.token_logprobs == pytest.approx(other.token_logprobs, abs=0.5)
    ranks = [np.argsort([score.logprob for score in scores]).tolist() for scores in (apart, together)]
    assert ranks[0] == ranks[1]


def test_more_choices_than_sequences_are_scored_in_groups(smollm2: native.Weights) -> None:
    choices = tuple(f" number {n} of many" for n in range(40))
    together = scored(smollm2, choices, mode=Mode.THROUGHPUT)
    alone = scored(smollm2, choices[30:31], mode=Mode.THROUGHPUT)
    assert len(together) == 40
    assert together[30].token_logprobs == pytest.approx(alone[0].token_logprobs, abs=0.2)


@pytest.mark.parametrize("mode", list(Mode))
def test_choices_that_do_not_fit_and_empty_ones_are_refused(smollm2: native.Weights, mode: Mode) -> None:
    with ChoiceScorer("model", smollm2, PARAMS, mode=mode) as scorer:
        with pytest.raises(ContextOverflowError, match="the context holds 512"):
            asked(scorer, smollm2, PROSE * 3, CHOICES)
        with pytest.raises(EngineError, match="at least one token"):
            asked(scorer, smollm2, QUESTION, (" red", ""))
        assert len(asked(scorer, smollm2, QUESTION, CHOICES)) == 4
