"""``workbench quantize`` on real models: into the library, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def last(outcome):
    """The object after the lines of events."""
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out.splitlines()[-1])


def test_a_model_is_quantised_into_the_library_and_answers(workbench, mistral_path, tmp_path):
    outcome = workbench("quantize", mistral_path, "--type", "q8_0", "--json")
    made = last(outcome)["model"]
    assert Path(made["path"]) == tmp_path / "data" / "models" / "synthetic-mistral-Q8_0.gguf"
    assert last(outcome)["lineage"]["source"] == mistral_path.name
    assert any("quantizing" in json.loads(line) for line in outcome.out.splitlines()[:-1])
    models = workbench("models", "list", "--json").json["models"]
    assert [(one["name"], one["quantisation"]) for one in models] == [("synthetic-mistral-Q8_0", "Q8_0")]
    assert workbench("chat", "-m", "synthetic-mistral-Q8_0", "Hello", "--max-tokens", 4).out.strip()
    shown = workbench("models", "show", "synthetic-mistral-Q8_0", "--json").json
    assert shown["lineage"] == last(outcome)["lineage"]
    assert "made from: synthetic-mistral-F16.gguf" in workbench("models", "show", "synthetic-mistral-Q8_0").out
    again = workbench("quantize", mistral_path, "--type", "Q8_0")
    assert again.status == 1
    assert "is there already" in again.err
    assert "--force" in again.err


def test_an_importance_matrix_is_measured_on_ones_own_texts_kept_and_used_again(workbench, mistral_path, tmp_path):
    (tmp_path / "own.txt").write_text("The river rose again, and nobody had foreseen it. " * 60)
    target = tmp_path / "small.gguf"
    refused = workbench("quantize", mistral_path, target, "--type", "IQ2_XS")
    assert "needs an importance matrix" in refused.err
    assert not target.exists()
    asked = ("quantize", mistral_path, target, "--type", "IQ2_XS", "--imatrix-from", tmp_path / "own.txt", "--json")
    first = last(workbench(*asked))
    matrix = tmp_path / "small.imatrix"
    other = ("quantize", mistral_path, tmp_path / "other.gguf", "--type", "IQ2_XS", "--imatrix", matrix, "--json")
    second = last(workbench(*other))
    assert first["lineage"]["importance_sha256"] == second["lineage"]["importance_sha256"]
    names = [one["name"] for one in workbench("models", "list", "--json").json["models"]]
    assert names == ["small", "other"]  # added where they lie


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_leaves_no_file(environment, smollm2_path, tmp_path):
    command = [sys.executable, "-m", "workbench", "quantize", str(smollm2_path), "--type", "IQ4_NL"]
    with subprocess.Popen(
        [*command, "--allow-requantize"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "quantising" in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert list((tmp_path / "data" / "models").iterdir()) == []
