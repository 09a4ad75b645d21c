"""llama-perplexity's statistics, and the kernels below them, against the definitions in plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.engine.alternatives import candidates
from workbench.engine.kl_statistics import Statistics, clustered, percentiles, statistics
from workbench.engine.kld_file import pack, packed_divergences, unpack
from workbench.engine.logits import RowWorkers, divergences, token_logprobs

SEEDS = st.integers(0, 2**32 - 1)


def rows_like(seed: int, *, count: int = 4, n_vocab: int = 97, spread: float = 4.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (draw.normal(0, spread, (count, n_vocab)) + draw.normal(0, 50)).astype(np.float32)


def log_softmax(rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def of(seed: int, count: int) -> tuple[Statistics, dict[str, np.ndarray]]:
    draw = np.random.default_rng(seed)
    base = draw.gamma(2, 1.5, count)
    values = {
        "base": base,
        "nll": np.abs(base + draw.normal(0, 0.3, count)),
        "kld": draw.gamma(1, 0.01, count),
        "same": draw.random(count) < 0.9,
    }
    values["dp"] = np.exp(-values["nll"]) - np.exp(-base)
    found = statistics(base, values["nll"], values["kld"], values["dp"], values["same"])
    return found, values


# --- rows ---------------------------------------------------------------------------------------


@given(SEEDS, st.floats(0.01, 20))
@settings(max_examples=40)
def test_a_divergence_is_what_the_definition_gives(seed: int, spread: float) -> None:
    base, rows = rows_like(seed, spread=spread), rows_like(seed + 1, spread=spread)
    targets = np.random.default_rng(seed).integers(0, 97, 4).astype(np.int32)
    with RowWorkers(2) as workers:
        found = divergences(base, rows, targets, workers)
    p, q, at = log_softmax(base), log_softmax(rows), np.arange(4)
    expected = (np.exp(p) * (p - q)).sum(axis=1)
    assert found.kld == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert found.nll_base == pytest.approx(-p[at, targets], abs=2e-5)
    assert found.nll == pytest.approx(-q[at, targets], abs=2e-5)
    assert found.top.tolist() == rows.argmax(axis=1).tolist()
    assert found.top_base.tolist() == base.argmax(axis=1).tolist()


@given(SEEDS)
@settings(max_examples=20)
def test_equal_rows_do_not_diverge_by_a_single_bit(seed: int) -> None:
    rows = rows_like(seed)
    with RowWorkers(1) as workers:
        found = divergences(rows, rows.copy(), np.zeros(4, np.int32), workers)
    assert found.kld.tolist() == [0.0] * 4
    assert (found.nll == found.nll_base).all()


def test_rows_are_computed_alike_by_any_number_of_threads() -> None:
    base, rows, targets = rows_like(1, count=37), rows_like(2, count=37), np.arange(37, dtype=np.int32)
    found = []
    for n_threads in (1, 2, 5, 64):
        with RowWorkers(n_threads) as workers:
            found.append(divergences(base, rows, targets, workers).kld.tolist())
            assert token_logprobs(rows, targets, workers).shape == (37,)
    assert found.count(found[0]) == 4


@given(SEEDS, st.integers(0, 96), st.integers(0, 120))
@settings(max_examples=40)
def test_alternatives_are_the_likeliest_tokens_of_the_whole_vocabulary(seed: int, taken: int, count: int) -> None:
    row = rows_like(seed)[0]
    logprob, likeliest = candidates(row, taken, count)
    expected = log_softmax(row[None])[0]
    assert logprob == pytest.approx(expected[taken], abs=2e-5)
    assert [token for token, _ in likeliest] == np.argsort(-row, kind="stable")[:count].tolist()
    assert [value for _, value in likeliest] == pytest.approx(sorted(expected, reverse=True)[:count], abs=2e-5)


def test_equally_likely_alternatives_come_in_the_order_of_their_numbers() -> None:
    row = np.array([0, 3, 3, 1, 3], np.float32)
    assert [token for token, _ in candidates(row, 0, 2)[1]] in ([1, 2], [1, 4], [2, 4])
    assert [token for token, _ in candidates(row, 0, 4)[1]] == [1, 2, 4, 3]


# --- the file's rows ------------------------------------------------------------------------------


@given(SEEDS, st.integers(5, 40))
@settings(max_examples=30)
def test_packed_rows_come_back_within_half_a_step(seed: int, n_vocab: int) -> None:
    rows = rows_like(seed, n_vocab=n_vocab, spread=6)
    with RowWorkers(1) as workers:
        packed, nll = pack(rows, np.zeros(4, np.int32), workers)
    expected = log_softmax(rows)
    assert packed.shape == (4, 2 * ((n_vocab + 1) // 2) + 4)
    assert nll == pytest.approx(-expected[:, 0], abs=1e-4)
    for row, wanted in zip(packed, expected, strict=True):
        clipped = np.maximum(wanted, wanted.max() - 16)
        assert unpack(row, n_vocab) == pytest.approx(clipped, abs=16 / 65535)


def test_a_row_of_equal_logits_is_packed_without_dividing_by_nothing() -> None:
    with RowWorkers(1) as workers:
        packed, nll = pack(np.zeros((1, 6), np.float32), np.zeros(1, np.int32), workers)
    assert unpack(packed[0], 6) == pytest.approx([-math.log(6)] * 6)
    assert nll[0] == pytest.approx(math.log(6))


@given(SEEDS)
@settings(max_examples=20)
def test_a_divergence_from_packed_rows_is_that_from_the_rows_but_for_their_rounding(seed: int) -> None:
    base, targets = rows_like(seed), np.arange(4, dtype=np.int32)
    rows = (base + np.random.default_rng(seed).normal(0, 0.2, base.shape)).astype(np.float32)
    with RowWorkers(1) as workers:
        exact = divergences(base, rows, targets, workers)
        packed, _ = pack(base, targets, workers)
        found = packed_divergences(packed, rows, targets, workers)
    assert found.kld == pytest.approx(exact.kld, abs=1e-3)
    assert found.nll == pytest.approx(exact.nll, abs=1e-4)
    assert found.top.tolist() == exact.top.tolist()


# --- statistics -----------------------------------------------------------------------------------


@given(SEEDS, st.integers(11, 300))
@settings(max_examples=40)
def test_means_and_errors_are_those_of_the_sample(seed: int, count: int) -> None:
    found, values = of(seed, count)
    root = math.sqrt(count - 1)
    for name, estimate in (("kld", found.mean_kld), ("dp", found.mean_dp)):
        assert estimate.value == pytest.approx(values[name].mean())
        assert estimate.error == pytest.approx(values[name].std() / root)
    assert found.perplexity.value == pytest.approx(math.exp(values["nll"].mean()))
    assert found.perplexity.error == pytest.approx(found.perplexity.value * values["nll"].std() / root)
    assert found.rms_dp.value == pytest.approx(math.sqrt((values["dp"] ** 2).mean()))
    assert found.same_top.value == pytest.approx(values["same"].mean())
    assert found.same_top.error == pytest.approx(values["same"].std() / root)


@given(SEEDS, st.integers(11, 300))
@settings(max_examples=40)
def test_the_ratio_s_error_takes_what_both_models_have_in_common_into_account(seed: int, count: int) -> None:
    found, values = of(seed, count)
    differences = values["nll"] - values["base"]
    assert found.log_ratio.value == pytest.approx(differences.mean())
    assert found.log_ratio.error == pytest.approx(differences.std() / math.sqrt(count - 1), rel=1e-6, abs=1e-9)
    assert found.correlation == pytest.approx(np.corrcoef(values["nll"], values["base"])[0, 1])
    assert found.ratio.value == pytest.approx(found.perplexity.value / found.perplexity_base.value)
    assert found.difference.value == pytest.approx(found.perplexity.value - found.perplexity_base.value)


@given(SEEDS, st.integers(1, 400))
@settings(max_examples=40)
def test_percentiles_lie_between_neighbours_in_proportion(seed: int, count: int) -> None:
    values = np.random.default_rng(seed).normal(0, 1, count)
    fractions = (1.0, 0.999, 0.9, 0.5, 0.25, 0.01, 0.0)
    for one in percentiles(values, fractions):
        assert one.value == pytest.approx(float(np.quantile(values, one.fraction)), abs=1e-4)


@given(SEEDS, st.lists(st.integers(1, 40), min_size=2, max_size=12))
@settings(max_examples=40)
def test_tokens_of_one_text_are_taken_together(seed: int, sizes: list[int]) -> None:
    values = np.random.default_rng(seed).gamma(1, 0.1, sum(sizes))
    found = clustered(values, sizes)
    assert found is not None
    sums, at = [], 0
    for size in sizes:
        sums.append(sum(values[at + i] - values.mean() for i in range(size)))
        at += size
    expected = math.sqrt(sum(s * s for s in sums) * len(sizes) / (len(sizes) - 1)) / len(values)
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(expected, abs=1e-12)


def test_texts_that_differ_as_wholes_have_a_larger_error_than_their_tokens_suggest() -> None:
    values = np.repeat([0.01, 0.03, 0.02, 0.05], 200)
    found = clustered(values, [200] * 4)
    assert found is not None
    assert found.error > 5 * values.std() / math.sqrt(len(values) - 1)
    assert clustered(values, [800]) is None


def test_a_model_compared_with_itself_has_no_errors_and_no_division_by_nothing() -> None:
    nll = np.random.default_rng(3).gamma(2, 1, 50)
    found = statistics(nll, nll, np.zeros(50), np.zeros(50), np.ones(50, bool))
    assert (found.mean_kld.value, found.mean_kld.error, found.rms_dp.value, found.rms_dp.error) == (0, 0, 0, 0)
    assert (found.log_ratio.value, found.same_top.value, found.same_top.error) == (0, 1, 0)
    assert found.log_ratio.error == pytest.approx(0, abs=1e-8)
    assert math.isnan(statistics(nll[:1], nll[:1], np.zeros(1), np.zeros(1), np.ones(1, bool)).correlation)
