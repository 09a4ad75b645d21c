"""``workbench perplexity`` and ``kl``: what they refuse, and what they make of the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.cli import measure_words
from workbench.engine.divergence import Divergence
from workbench.engine.kl_statistics import statistics
from workbench.engine.measuring import Compared


def compared(mean_kld: float, floor: float) -> Compared:
    nll = np.linspace(0.1, 4, 200)
    found = statistics(nll, nll + 0.01, np.full(200, mean_kld), np.full(200, -0.001), np.ones(200, bool))
    return Compared(Divergence(found, None, (), ()), floor)


def test_a_text_is_needed_and_it_must_be_one(workbench, library: Path, tmp_path: Path) -> None:
    assert workbench("perplexity", "-m", "alpha", "--json").json["error"]["message"] == "No text was given."
    assert workbench("kl", "-m", "alpha", "-r", "beta").status == 2
    missing = workbench("perplexity", "-m", "alpha", tmp_path / "none.txt", "--json")
    assert (missing.status, missing.json["error"]["code"]) == (2, "usage")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    assert "not UTF-8" in workbench("perplexity", "-m", "alpha", tmp_path / "latin.txt").err


def test_a_file_of_predictions_names_its_own_text(workbench, library: Path, tmp_path: Path) -> None:
    (tmp_path / "base.kld").write_bytes(b"_logits_")
    (tmp_path / "text.txt").write_text("Some text.")
    outcome = workbench("kl", "-m", "alpha", "-r", tmp_path / "base.kld", tmp_path / "text.txt")
    assert outcome.status == 2
    assert "base.kld names its own text" in outcome.err
    broken = workbench("kl", "-m", "alpha", "-r", tmp_path / "base.kld", "--json")
    assert "it ends too soon" in broken.last["error"]["message"]


def test_an_engine_without_logits_says_so(workbench, library: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Some text.")
    outcome = workbench("perplexity", "-m", "alpha", tmp_path / "text.txt", "--json")
    assert outcome.status == 1
    assert "does not give the logits of alpha" in outcome.last["error"]["message"]


def test_a_divergence_within_the_noise_is_called_no_difference() -> None:
    assert "this is no difference between the models" in measure_words.remark(compared(0.006, 0.004))
    assert "0.030000 is a small difference" in measure_words.remark(compared(0.03, 0.004))
    assert "0.300000 is damaged" in measure_words.remark(compared(0.3, 0.004))


def test_figures_have_llama_perplexity_s_names_and_digits() -> None:
    found = dict(measure_words.figures(compared(0.0123456, 0.0).divergence.statistics))
    assert found["Mean KLD"] == "0.012346 ± 0.000000"
    assert found["99.9% KLD"] == "0.012346"
    assert found["Maximum Δp"] == "-0.100%"
    assert found["Same top p"] == "100.000 ± 0.000 %"
    assert found["Mean ln(PPL(Q)/PPL(base))"] == "0.010000 ± 0.000000"
