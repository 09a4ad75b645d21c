"""LoRA adapters on shared weights: exactly what merging them by hand gives, and nothing to the pane beside it."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engine.conftest import SMALL, TODAY, answer, load_request, request
from tests.engine.lora import Lora, merged, write_adapter, write_lora
from workbench.engine import adapter_loading, native
from workbench.engine.base import Adapter, Completion, Engine, Loading, Mode
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.llama import LlamaBackend
from workbench.engine.loading import Lease, Shelf
from workbench.engine.native_params import Placement
from workbench.engine.quantisations import quantisation
from workbench.engine.requantise import Wish, requantise
from workbench.engine.vet import Vetter
from workbench.errors import AdapterError
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.params import RunParams

TEXT = "The history of the river valley is long, and many people have written about it."
ATTENTION = ("blk.0.attn_q.weight", "blk.1.attn_v.weight")
EVERYWHERE = (*ATTENTION, "blk.0.ffn_down.weight", "blk.1.ffn_gate.weight", "output.weight")

Logits: TypeAlias = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="module")
def base(mistral_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic model with all weights in 32 bits, so that merging loses nothing."""
    target = tmp_path_factory.mktemp("base") / "base-F32.gguf"
    wish = Wish(describe(mistral_path), target, quantisation("F32"))
    run(requantise(wish, now=lambda: datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)))
    return target


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def leased(shelf: Shelf) -> Iterator[Callable[[Path], Lease]]:
    taken: list[Lease] = []

    def take(path: Path) -> Lease:
        taken.append(run(lambda cancel: _taken(shelf, path, cancel)))
        return taken[-1]

    yield take
    for lease in taken:
        lease.release()
    assert shelf.count == 0


def _taken(shelf: Shelf, path: Path, cancel: CancelToken) -> Iterator[Loading]:
    yield from shelf.turn(cancel)
    try:
        return (yield from shelf.take([path], Placement(0), cancel))
    finally:
        shelf.end_turn()


def context_of(lease: Lease, adapters: Sequence[tuple[Path, float]] = ()) -> native.Context:
    loaded = [lease.adapter(path) for path, _ in adapters]
    context = native.Context(lease.weights, SMALL)
    if loaded:
        adapter_loading.use(lease.weights, context, loaded, [scale for _, scale in adapters])
    return context


def logits(context: native.Context, weights: native.Weights, text: str = TEXT) -> NDArray[np.float32]:
    context.clear()
    context.prefill([weights.bos, *weights.tokenize(text, special=False)], 0, lambda: False, output=True)
    return np.array(context.row(), np.float32)


def read(lease: Lease, adapters: Sequence[tuple[Path, float]] = ()) -> NDArray[np.float32]:
    context = context_of(lease, adapters)
    try:
        return logits(context, lease.weights)
    finally:
        context.close()


# --- what it computes ------------------------------------------------------------------------


@pytest.mark.parametrize("names", [ATTENTION, EVERYWHERE])
@pytest.mark.parametrize("scale", [1.0, 0.25, -0.5])
def test_an_adapted_model_computes_what_merged_weights_do(
    base: Path, leased: Callable[[Path], Lease], tmp_path: Path, names: Sequence[str], scale: float
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", base, names)
    by_hand = read(leased(merged(base, tmp_path / "merged.gguf", (lora, scale))))
    adapted, plain = read(leased(base), [(lora.path, scale)]), read(leased(base))
    spread = float(np.abs(by_hand - plain).max())
    assert spread > 0.1  # the adapter does change something
    assert float(np.abs(adapted - by_hand).max()) < 1e-3 * spread


def test_two_adapters_add_up(base: Path, leased: Callable[[Path], Lease], tmp_path: Path) -> None:
    one, two = (write_lora(tmp_path / f"{seed}.gguf", base, EVERYWHERE, seed=seed) for seed in (1, 2))
    by_hand = read(leased(merged(base, tmp_path / "merged.gguf", (one, 0.5), (two, 1.0))))
    both = read(leased(base), [(one.path, 0.5), (two.path, 1.0)])
    assert float(np.abs(both - by_hand).max()) < 1e-3 * float(np.abs(by_hand).max())


@pytest.mark.parametrize("name", ["smollm2_path", "mistral_path"])
def test_scale_zero_is_the_base_bit_for_bit(
    name: str, leased: Callable[[Path], Lease], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    lora = write_lora(tmp_path / "lora.gguf", path, ATTENTION)
    plain, off = read(leased(path)), read(leased(path), [(lora.path, 0.0)])
    assert plain.tobytes() == off.tobytes()
    assert plain.tobytes() != read(leased(path), [(lora.path, 1.0)]).tobytes()


def test_the_pane_beside_an_adapted_one_computes_what_it_did(
    smollm2_path: Path, shelf: Shelf, leased: Callable[[Path], Lease], tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION)
    first, second = leased(smollm2_path), leased(smollm2_path)
    assert second.shared
    assert shelf.count == 1
    plain = context_of(first)
    before = logits(plain, first.weights)
    adapted = context_of(second, [(lora.path, 1.0)])
    with_adapter = logits(adapted, second.weights)
    after, again = logits(plain, first.weights), logits(adapted, second.weights)
    plain.close()
    adapted.close()
    assert before.tobytes() == after.tobytes()
    assert with_adapter.tobytes() == again.tobytes()
    assert before.tobytes() != with_adapter.tobytes()


def test_an_adapter_is_loaded_once_for_all_panes_on_its_weights(
    mistral_path: Path, leased: Callable[[Path], Lease], tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", mistral_path, ATTENTION)
    one, two = leased(mistral_path), leased(mistral_path)
    assert one.adapter(lora.path) is two.adapter(lora.path)


# --- as an engine ----------------------------------------------------------------------------


@pytest.fixture
def opened(backend: LlamaBackend) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def open_one(path: Path, *adapters: Adapter, params: RunParams = SMALL) -> Engine:
        asked = dataclasses.replace(load_request(path, params=params), adapters=adapters)
        engines.append(run(lambda cancel: backend.open(asked, cancel)))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()
    assert backend.loaded_count == 0


def test_base_and_adapted_engines_answer_side_by_side_on_shared_weights(
    smollm2_path: Path, backend: LlamaBackend, opened: Callable[..., Engine], tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION, size=0.5)
    plain = opened(smollm2_path)
    alone = answer(plain, "Name three colours.").text
    adapted, off = opened(smollm2_path, Adapter(lora.path)), opened(smollm2_path, Adapter(lora.path, 0.0))
    assert backend.loaded_count == 1
    assert adapted.facts.weights_shared
    assert answer(adapted, "Name three colours.").text != alone
    assert answer(plain, "Name three colours.").text == alone
    assert answer(off, "Name three colours.").text == alone


def test_base_and_adapted_panes_stream_at_the_same_time_and_write_what_they_write_alone(
    smollm2_path: Path, backend: LlamaBackend, tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION, size=0.5)

    def pane(adapters: tuple[Adapter, ...], together: threading.Barrier) -> list[str]:
        asked = dataclasses.replace(load_request(smollm2_path), adapters=adapters)
        engine = run(lambda cancel: backend.open(asked, cancel))
        try:
            alone = answer(engine, "Name three colours.").text
            together.wait(60)
            return [alone, *(answer(engine, "Name three colours.").text for _ in range(3))]
        finally:
            engine.close()

    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(pane, given, barrier) for given in ((), (Adapter(lora.path),))]
        plain, adapted = (set(future.result(120)) for future in futures)
    assert len(plain) == len(adapted) == 1
    assert plain != adapted
    assert backend.loaded_count == 0


def test_an_adapted_engine_in_a_process_of_its_own_answers_the_same(
    smollm2_path: Path, vetter: Vetter, opened: Callable[..., Engine], tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION, size=0.5)
    asked = dataclasses.replace(load_request(smollm2_path), adapters=(Adapter(lora.path),), isolated=True)
    isolated = IsolatedBackend(vetter, today=lambda: TODAY)
    engine = run(lambda cancel: isolated.open(asked, cancel))
    try:
        apart = answer(engine, "Name three colours.").text
    finally:
        engine.close()
        isolated.close()
    assert apart == answer(opened(smollm2_path, Adapter(lora.path)), "Name three colours.").text


def test_many_answers_at_once_are_the_adapters_too(
    smollm2_path: Path, opened: Callable[..., Engine], tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION, size=0.5)
    # A batch does without fused attention, which rounds otherwise: here its likeliest tokens lie close together.
    engine = opened(smollm2_path, Adapter(lora.path), params=dataclasses.replace(SMALL, flash_attn="off"))
    prompts = [request("Name three colours.", max_tokens=6), request("What is 2+2?", max_tokens=6)]
    alone = [answer(engine, prompt).text for prompt in prompts]
    asked = [dataclasses.replace(prompt, mode=Mode.THROUGHPUT) for prompt in prompts]
    found: dict[int, str] = {}
    for numbered in engine.stream_many(asked, CancelToken()):
        if isinstance(numbered.event, Completion):
            found[numbered.index] = numbered.event.text
    plain = [answer(opened(smollm2_path), prompt).text for prompt in prompts]
    assert alone[0] != plain[0]
    assert [found[0], found[1]] == alone


# --- refused ---------------------------------------------------------------------------------


def refusal(backend: LlamaBackend, path: Path, *adapters: Adapter) -> AdapterError:
    asked = dataclasses.replace(load_request(path), adapters=adapters)
    with pytest.raises(AdapterError) as caught:
        run(lambda cancel: backend.open(asked, cancel))
    assert backend.loaded_count == 0
    return caught.value


def test_an_adapter_of_another_architecture_is_refused_before_anything_is_loaded(
    gemma_path: Path, smollm2_path: Path, backend: LlamaBackend, tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION)
    error = refusal(backend, gemma_path, Adapter(lora.path))
    assert error.message == f"lora.gguf is made for llama with 576 wide layers; {gemma_path.stem} is gemma3, 640 wide."
    assert error.hint


def test_an_adapter_of_another_size_is_refused_with_both_sizes(
    smollm2_path: Path, mistral_path: Path, backend: LlamaBackend, tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ATTENTION)
    message = refusal(backend, mistral_path, Adapter(lora.path)).message
    assert "its blk.0.attn_q.weight is 576 × 576" in message
    assert "it is 128 × 128" in message


def test_what_only_a_whole_load_finds_out_is_found_in_a_child(
    mistral_path: Path, backend: LlamaBackend, tmp_path: Path
) -> None:
    """A number of 64 bits where llama.cpp asserts one of 32, and matrices that are not numbers."""
    shape = {tensor.name: tensor.shape for tensor in describe(mistral_path).header.tensors}["blk.0.attn_q.weight"]
    a, b = np.ones((4, shape[0]), np.float32), np.ones((shape[1], 4), np.float32)
    wide = write_adapter(tmp_path / "wide.gguf", {"blk.0.attn_q.weight": (a, b)}, wide_alpha=True)
    assert "wide.gguf crashes llama.cpp" in refusal(backend, mistral_path, Adapter(wide)).message
    broken = write_adapter(tmp_path / "nan.gguf", {"blk.0.attn_q.weight": (a, b * np.float32(np.nan))})
    assert "values that are not numbers" in refusal(backend, mistral_path, Adapter(broken)).message


def test_an_adapter_cut_short_is_refused(mistral_path: Path, backend: LlamaBackend, tmp_path: Path) -> None:
    lora = write_lora(tmp_path / "lora.gguf", mistral_path, ATTENTION)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(lora.path.read_bytes()[:-600])
    assert "only" in refusal(backend, mistral_path, Adapter(cut)).message


def test_an_adapter_that_is_replaced_on_the_disk_is_read_anew(
    mistral_path: Path, leased: Callable[[Path], Lease], tmp_path: Path
) -> None:
    path, other = tmp_path / "lora.gguf", tmp_path / "other.gguf"
    write_lora(path, mistral_path, ATTENTION, seed=1)
    write_lora(other, mistral_path, ATTENTION, seed=2)
    lease = leased(mistral_path)
    first, second = read(lease, [(path, 1.0)]), read(lease, [(other, 1.0)])
    shutil.copy(other, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    assert first.tobytes() != second.tobytes()
    assert read(lease, [(path, 1.0)]).tobytes() == second.tobytes()


def test_merged_by_hand_means_what_it_says(base: Path, tmp_path: Path) -> None:
    lora: Lora = write_lora(tmp_path / "lora.gguf", base, ATTENTION)
    header = describe(merged(base, tmp_path / "merged.gguf", (lora, 1.0))).header
    changed = next(tensor for tensor in header.tensors if tensor.name == ATTENTION[0])
    offset = header.data_offset_bytes + changed.offset_bytes
    before, after = (np.memmap(path, np.float32, "r", offset, (128, 128)) for path in (base, tmp_path / "merged.gguf"))
    assert np.allclose(after - before, lora.change(ATTENTION[0]), atol=1e-6)
