"""Two real models on the same tokens, and llama-perplexity's file of predictions."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from workbench.engine import native
from workbench.engine.divergence import Divergence, divergence, divergence_from
from workbench.engine.kld_file import BaseFile, is_base_file, read_base, write_base
from workbench.engine.passages import Passage, Text, text_tokens, windows
from workbench.engine.scoring import Perplexity, Scorer, perplexity
from workbench.errors import Cancelled, EngineError
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=128, n_gpu_layers=0)
PROSE = "The river rose in the night, and by morning the lower fields were under water. " * 9
NOTES = "Bread: five hundred grams of flour, three hundred of water, ten of salt. Knead, wait, fold, wait, bake. " * 3


@pytest.fixture
def scorers(smollm2_path: Path) -> Iterator[tuple[Scorer, Scorer]]:
    """One model twice; the second without flash attention, whose rounding makes another model of it."""
    with native.Weights(smollm2_path, n_gpu_layers=0) as weights:
        other = RunParams(n_ctx=128, n_gpu_layers=0, flash_attn="off")
        with Scorer("plain", weights, PARAMS) as first, Scorer("rounded", weights, other) as second:
            yield first, second


def cut(scorer: Scorer) -> tuple[Passage, ...]:
    texts = (Text("prose", PROSE), Text("notes", NOTES))
    return tuple(passage for text in texts for passage in windows(scorer.weights, text, 64))


def compare(base: Scorer, model: Scorer, passages: tuple[Passage, ...]) -> Divergence:
    return run(lambda cancel: divergence(base, model, passages, cancel))


def naive(scorer: Scorer, passage: Passage) -> np.ndarray:
    """ln p of the whole vocabulary before each scored token, in float64."""
    scorer.context.clear()
    rows = scorer.context.rows(passage.tokens, 0, len(passage.tokens), lambda: False).astype(np.float64)
    shifted = rows - rows.max(axis=1, keepdims=True)
    logprobs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logprobs[passage.first - 1 : -1]


def written(scorer: Scorer, path: Path) -> Perplexity:
    tokens = text_tokens(scorer.weights, PROSE)
    return run(lambda cancel: write_base(scorer, tokens, 64, path, cancel))


def test_a_model_does_not_diverge_from_itself_by_a_single_bit(
    scorers: tuple[Scorer, Scorer], smollm2_path: Path
) -> None:
    with native.Weights(smollm2_path, n_gpu_layers=0) as weights, Scorer("again", weights, PARAMS) as again:
        found = compare(scorers[0], again, cut(scorers[0]))
    assert {one.value for one in found.statistics.kld} == {0.0}
    assert (found.statistics.mean_kld.value, found.statistics.same_top.value) == (0.0, 1.0)
    assert found.statistics.perplexity == found.statistics.perplexity_base


def test_a_divergence_is_what_the_definition_gives(scorers: tuple[Scorer, Scorer]) -> None:
    base, model = scorers
    passages = cut(base)
    found = compare(base, model, passages)
    klds, tops, nlls = [], [], []
    for passage in passages:
        p, q = naive(base, passage), naive(model, passage)
        klds.append((np.exp(p) * (p - q)).sum(axis=1))
        tops.append(p.argmax(axis=1) == q.argmax(axis=1))
        nlls.append(-q[np.arange(len(q)), passage.scored])
    every = np.concatenate(klds)
    assert found.statistics.n_tokens == len(every)
    assert 0 < found.statistics.mean_kld.value == pytest.approx(every.mean(), abs=1e-6)
    assert found.statistics.same_top.value == np.concatenate(tops).mean()
    assert found.statistics.perplexity.value == pytest.approx(math.exp(np.concatenate(nlls).mean()), rel=1e-6)
    assert [text.text for text in found.texts] == ["prose", "notes"]
    of_notes = np.concatenate([kld for kld, passage in zip(klds, passages, strict=True) if passage.text == "notes"])
    assert found.texts[1].mean_kld == pytest.approx(of_notes.mean(), abs=1e-6)
    assert found.by_text is not None
    assert found.partings[0].kld == pytest.approx(every.max(), abs=1e-6)
    assert found.partings[0].before + found.partings[0].token in PROSE + NOTES


def test_different_vocabularies_are_refused_with_the_reason(scorers: tuple[Scorer, Scorer], gemma_path: Path) -> None:
    why = "plain and gemma have different vocabularies: 49,152 tokens and 262,144"
    with (
        native.Weights(gemma_path, n_gpu_layers=0) as weights,
        Scorer("gemma", weights, PARAMS) as gemma,
        pytest.raises(EngineError, match=why),
    ):
        compare(scorers[0], gemma, cut(scorers[0]))


def test_a_comparison_can_be_cancelled_between_passages(scorers: tuple[Scorer, Scorer]) -> None:
    cancel = CancelToken()
    told = []

    def stop(event: object) -> None:
        told.append(event)
        if len(told) == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        run(lambda token: divergence(*scorers, cut(scorers[0]), token), cancel=cancel, on_event=stop)
    assert len(told) == 2


# --- the file of predictions ------------------------------------------------------------------------


def test_a_file_of_predictions_stands_for_the_model_that_wrote_it(
    scorers: tuple[Scorer, Scorer], tmp_path: Path
) -> None:
    base, model = scorers
    path = tmp_path / "base.kld"
    found = written(base, path)
    passages = windows(base.weights, Text("prose", PROSE), 64)
    assert found.value == pytest.approx(run(lambda c: perplexity(base, passages, c)).value, rel=1e-6)
    assert is_base_file(path)
    stored = read_base(path)
    assert stored.passages(model) == tuple(Passage("base.kld", one.tokens, one.first) for one in passages)
    exact = compare(base, model, passages).statistics
    from_file = run(lambda cancel: divergence_from(stored, model, cancel)).statistics
    assert from_file.n_tokens == exact.n_tokens
    assert from_file.perplexity.value == pytest.approx(exact.perplexity.value, rel=1e-6)
    assert from_file.mean_kld.value == pytest.approx(exact.mean_kld.value, abs=1e-3)
    assert not list(tmp_path.glob("*.part"))


def test_the_file_has_llama_perplexity_s_layout(scorers: tuple[Scorer, Scorer], tmp_path: Path) -> None:
    path = tmp_path / "base.kld"
    written(scorers[0], path)
    weights = scorers[0].weights
    tokens = text_tokens(weights, PROSE)
    n_chunk = len(tokens) // 64
    whole = path.read_bytes()
    assert struct.unpack_from("<8s3i", whole) == (b"_logits_", 64, weights.n_vocab, n_chunk)
    assert list(struct.unpack_from(f"<{64 * n_chunk}i", whole, 20)) == tokens[: 64 * n_chunk]
    assert len(whole) == 20 + 4 * 64 * n_chunk + 2 * n_chunk * 31 * (weights.n_vocab + 4)
    step, lowest = struct.unpack_from("<2f", whole, 20 + 4 * 64 * n_chunk)
    assert lowest + 65535 * step == pytest.approx(
        naive(scorers[0], read_base(path).passages(scorers[0])[0])[0].max(), abs=1e-4
    )


def test_cancelled_writing_leaves_nothing(scorers: tuple[Scorer, Scorer], tmp_path: Path) -> None:
    cancel = CancelToken()
    tokens = text_tokens(scorers[0].weights, PROSE)
    with pytest.raises(Cancelled):
        run(
            lambda token: write_base(scorers[0], tokens, 64, tmp_path / "base.kld", token),
            cancel=cancel,
            on_event=lambda event: cancel.cancel() if event.done_tokens else None,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GGUF", "it does not begin as one"),
        (b"_logits_" + bytes(4), "it ends too soon"),
        (b"_logits_" + struct.pack("<3i", -5, 32, 1), "its header makes no sense"),
        (b"_logits_" + struct.pack("<3i", 8, 32, 2**30), "its header makes no sense"),
        (b"_logits_" + struct.pack("<3i8i", 8, 32, 1, *range(30, 38)), "it names tokens that its vocabulary lacks"),
        (b"_logits_" + struct.pack("<3i8i", 8, 32, 1, *range(8)), "it ends after"),
    ],
)
def test_what_is_no_such_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "wrong.kld"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=f"wrong.kld is no file of base predictions: {why}"):
        read_base(path)


def test_predictions_of_another_vocabulary_are_refused(scorers: tuple[Scorer, Scorer], tmp_path: Path) -> None:
    stored = BaseFile(tmp_path / "base.kld", 64, 32_000, (tuple(range(64)),))
    with pytest.raises(EngineError, match="a vocabulary of 32,000 tokens; plain has 49,152"):
        stored.passages(scorers[0])
