"""Importance matrices that llama.cpp's own evaluation gives, against the same sums worked out by hand."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.engine.experts import EXPERTS, USED, write_experts
from workbench.engine import importance_file, native
from workbench.engine.importance import CHUNK_TOKENS, Measuring, measure
from workbench.errors import Cancelled, ModelLoadError, QuantiseError
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe

EPSILON = 1e-5  # of the synthetic model's norms


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "own.txt"
    path.write_text("\n".join(f"In {year} the river rose by {year % 7} metres; nobody had foreseen it." * 2
                              for year in range(1800, 1860)))  # fmt: skip
    return path


def first_inputs(model: Path, text: Path) -> tuple[np.ndarray, int]:
    """The sums of squares that flow into the first attention, from its definition: RMS norm of the embeddings."""
    with native.Weights(model, n_gpu_layers=0) as weights:
        tokens, bos = weights.tokenize(text.read_text(), special=False), weights.bos
    room = CHUNK_TOKENS - 1
    chunks = [[bos, *tokens[start : start + room]] for start in range(0, len(tokens) - room + 1, room)]
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(model).tensors}
    sums = np.zeros(tensors["token_embd.weight"].shape[1])
    for chunk in chunks:
        inputs = tensors["token_embd.weight"][chunk].astype(np.float64)
        scale = np.sqrt((inputs**2).mean(axis=1, keepdims=True) + EPSILON)
        sums += ((inputs / scale * tensors["blk.0.attn_norm.weight"]) ** 2).sum(axis=0)
    return sums, CHUNK_TOKENS * len(chunks)


def test_it_is_what_the_models_definition_says(mistral_path: Path, text: Path, tmp_path: Path) -> None:
    target = tmp_path / "own.gguf"
    events: list[Measuring] = []
    measured = run(measure(describe(mistral_path), [text], target, n_threads=1), on_event=events.append)
    found, (sums, tokens) = importance_file.read(target), first_inputs(mistral_path, text)
    assert measured.tokens == tokens
    assert tokens > 2 * CHUNK_TOKENS
    for name in ("attn_q", "attn_k", "attn_v"):
        assert np.allclose(found.sums[f"blk.0.{name}.weight"], sums, rtol=2e-4)
        assert found.counts[f"blk.0.{name}.weight"] == tokens
    # All matrices of all layers, also the last one's, of every token; not the embeddings and the output.
    assert measured.matrices == len(found.sums) == 14
    assert {int(counts[0]) for counts in found.counts.values()} == {tokens}
    assert len(found.sums["blk.1.ffn_down.weight"]) == 256
    assert events[0] == Measuring(0, 0)


def test_a_quantised_model_of_another_family_can_be_measured(gemma_path: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text(text.read_text()[:1500])
    task = measure(describe(gemma_path), [tmp_path / "short.txt"], tmp_path / "own.gguf", n_threads=1, chunk_tokens=192)
    measured, found = run(task), importance_file.read(tmp_path / "own.gguf")
    assert measured.tokens >= 2 * 192
    model = describe(gemma_path)
    importance_file.check_for(found, model.header.tensors, name="own.gguf", model=model.name)
    assert measured.matrices == 18 * 7
    assert all((sums > 0).any() for sums in found.sums.values())


def test_experts_are_measured_one_by_one(mistral_path: Path, text: Path, tmp_path: Path) -> None:
    path = write_experts(tmp_path / "experts.gguf", mistral_path)
    measured = run(measure(describe(path), [text], tmp_path / "own.gguf", n_threads=1))
    found = importance_file.read(tmp_path / "own.gguf")
    for layer in range(2):
        router, up = (f"blk.{layer}.{name}.weight" for name in ("ffn_gate_inp", "ffn_up_exps"))
        assert found.counts[router] == measured.tokens
        assert len(found.counts[up]) == EXPERTS
        assert found.counts[up].sum() == USED * measured.tokens
        assert found.counts[up].min() > 0
        # Each token is seen by the router and by its experts, and by them alone.
        by_expert = found.sums[up].reshape(EXPERTS, 128)
        assert np.allclose(by_expert.sum(axis=0), USED * found.sums[router], rtol=1e-4)
        assert not np.allclose(by_expert[0] / by_expert[0].sum(), by_expert[1] / by_expert[1].sum(), rtol=1e-3)
        assert len(found.sums[f"blk.{layer}.ffn_down_exps.weight"]) == EXPERTS * 256


def test_the_same_text_gives_the_same_bytes(mistral_path: Path, text: Path, tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        run(measure(describe(mistral_path), [text], tmp_path / name, n_threads=1))
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


# --- refused and stopped ---------------------------------------------------------------------


def test_too_little_text_is_refused(mistral_path: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("One sentence only.")
    with pytest.raises(QuantiseError, match="fewer than 512 tokens"):
        run(measure(describe(mistral_path), [short], tmp_path / "own.gguf", n_threads=1))
    assert [path.name for path in tmp_path.iterdir()] == ["short.txt"]


def test_texts_that_cannot_be_read_are_named(mistral_path: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for name, said in (("latin.txt", "not UTF-8"), ("nowhere.txt", "cannot be read")):
        with pytest.raises(QuantiseError, match=said):
            run(measure(describe(mistral_path), [tmp_path / name], tmp_path / "own.gguf", n_threads=1))


def test_a_model_that_llama_cpp_refuses_is_refused_in_words(mistral_path: Path, text: Path, tmp_path: Path) -> None:
    whole = mistral_path.read_bytes()
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(whole.replace(b"llama.rope.dimension_count", b"llama.rope.dimension_coun!"))
    model = describe(damaged)
    damaged.write_bytes(whole.replace(b"blk.1.ffn_down.weight", b"blk.1.ffn_gone.weight"))
    with pytest.raises(ModelLoadError, match=r"damaged\.gguf could not be loaded"):
        run(measure(model, [text], tmp_path / "own.gguf", n_threads=1))


def test_cancelling_leaves_nothing_behind(mistral_path: Path, text: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run(
            measure(describe(mistral_path), [text], tmp_path / "own.gguf", n_threads=1),
            cancel=cancel,
            on_event=lambda event: event.total_chunks and cancel.cancel(),
        )
    assert list(tmp_path.iterdir()) == []
