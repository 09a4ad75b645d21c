"""``workbench perplexity`` and ``kl`` on a real model."""

from __future__ import annotations

import json

import pytest

TEXT = "The river rose in the night, and by morning the lower fields were under water. "


def last(outcome):
    """The object after the lines of events."""
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out.splitlines()[-1])


def test_perplexity_and_divergence_agree_on_the_same_texts(workbench, mistral_path, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(TEXT * 20)
    texts = (tmp_path / "one.txt", tmp_path / "two.txt")
    shared = ("--window", 64, "--threads", 2, "--json")
    alone = last(workbench("perplexity", "-m", mistral_path, *texts, *shared))
    assert [text["text"] for text in alone["texts"]] == ["one.txt", "two.txt"]
    outcome = workbench("kl", "-m", mistral_path, "-r", mistral_path, *texts, *shared)
    both = last(outcome)
    assert both["statistics"]["n_tokens"] == alone["tokens"]
    assert both["statistics"]["perplexity"]["value"] == pytest.approx(alone["perplexity"]["value"], rel=1e-6)
    assert (both["statistics"]["mean_kld"]["value"], both["statistics"]["same_top"]["value"]) == (0, 1)
    assert both["by_text"]["value"] == 0
    phases = [json.loads(line)["phase"] for line in outcome.out.splitlines()[:-1]]
    assert set(phases) == {"loading", "divergence", "noise floor"}


def test_a_reference_may_be_a_file_of_its_predictions(workbench, mistral_path, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT * 20)
    base = tmp_path / "base.kld"
    shared = ("--window", 64, "--threads", 2)
    printed = workbench("perplexity", "-m", mistral_path, tmp_path / "text.txt", "--save-base", base, *shared)
    assert "PPL = " in printed.out
    assert "text.txt" in printed.out
    found = last(workbench("kl", "-m", mistral_path, "-r", base, "--json", "--threads", 2))
    assert (found["reference"], found["window"]) == ("base.kld", 64)
    assert abs(found["statistics"]["mean_kld"]["value"]) < 1e-3
    shown = workbench("kl", "-m", mistral_path, "-r", base, *shared)
    assert "Same top p" in shown.out
    assert "Rounding alone makes" in " ".join(shown.out.split())
