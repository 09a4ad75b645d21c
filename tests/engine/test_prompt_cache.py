"""States of long prompts on disk: as good as evaluated, bounded, private, and never anybody else's."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.engine.conftest import GREEDY, TODAY, answer, load_request
from tests.engine.tiny_models import WORDS, write_mamba, write_windowed
from tests.engine.warm_and_cold import PARAMS, Bench, Rows, Tokens, blocks, run
from workbench.app import Workbench
from workbench.engine.base import Adapter, LoadRequest, Message, Mode, Request
from workbench.engine.llama import LlamaBackend
from workbench.engine.prefix import BLOCK
from workbench.engine.prompt_cache import LEAST_TOKENS, CachedPrefixes, PromptCache
from workbench.engine.vet import Vetter
from workbench.jobs import run as run_task
from workbench.models.describe import describe
from workbench.models.params import RunParams

ROOM = 1 << 30
FEW = replace(PARAMS, n_batch=128, n_ubatch=128)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Bench]:
    """A window of 64 tokens in a ring of 256."""
    with closing(Bench(write_windowed(tmp_path / "tiny.gguf"), FEW, lowest=3, highest=WORDS)) as bench:
        yield bench


def cache_of(
    folder: Path,
    path: Path,
    limit_bytes: int = ROOM,
    *,
    params: RunParams = FEW,
    adapters: tuple[Adapter, ...] = (),
) -> CachedPrefixes:
    found = PromptCache(folder, lambda: limit_bytes).of(LoadRequest(describe(path), params, adapters=adapters))
    assert found is not None
    return found


def ask(bench: Bench, tokens: Tokens, cache: CachedPrefixes | None = None) -> tuple[int, Rows]:
    memory = bench.memory(cache)
    kept, rows, _ = run(memory, tokens, 4, Mode.AUDIT)
    memory.context.close()
    return kept, rows


def same(one: Rows, other: Rows) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["smollm2_path", "gemma_path", "tiny"])
def test_another_engine_starts_from_the_stored_prefix_and_equals_a_cold_run(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    found = request.getfixturevalue(name)
    with closing(Bench(found) if isinstance(found, Path) else found) as bench:
        prefix = bench.tokens(1150)
        cache = cache_of(tmp_path / "cache", bench.weights.path)
        assert ask(bench, prefix, cache)[0] == 0
        asked = prefix + bench.tokens(100)
        kept, warm = ask(bench, asked, cache)
        assert kept == blocks(1150 - BLOCK)
        assert same(warm, ask(bench, asked)[1])


def test_without_a_window_a_shorter_stretch_of_a_stored_prefix_serves_too(mistral_path: Path, tmp_path: Path) -> None:
    with closing(Bench(mistral_path)) as bench:
        prefix = bench.tokens(1200)
        cache = cache_of(tmp_path / "cache", mistral_path)
        ask(bench, prefix, cache)
        asked = prefix[:900] + bench.tokens(100)
        kept, warm = ask(bench, asked, cache)
        assert kept == blocks(900)
        assert same(warm, ask(bench, asked)[1])


def test_a_short_prompt_is_not_stored(tiny: Bench, tmp_path: Path) -> None:
    cache = cache_of(tmp_path / "cache", tiny.weights.path)
    ask(tiny, tiny.tokens(LEAST_TOKENS), cache)  # its last block is always evaluated
    assert list(tmp_path.glob("cache/*/*")) == []


def test_a_model_with_a_state_is_evaluated_anew(tmp_path: Path) -> None:
    with closing(Bench(write_mamba(tmp_path / "tiny.gguf"), FEW, lowest=3, highest=WORDS)) as bench:
        cache, tokens = cache_of(tmp_path / "cache", bench.weights.path), bench.tokens(1200)
        ask(bench, tokens, cache)
        assert ask(bench, tokens, cache)[0] == 0


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_file_with_one_changed_byte_is_deleted_and_never_put_back(
    at: int, tiny: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, tokens = cache_of(tmp_path / "cache", tiny.weights.path), tiny.tokens(1200)
    _, cold = ask(tiny, tokens, cache)
    (file,) = tmp_path.glob("cache/*/*.state")
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    found = cache.longest(tokens, whole=False)
    assert found is not None
    with caplog.at_level(logging.WARNING):
        assert cache.load(found) is None
    assert "damaged or not ours" in caplog.text
    assert not file.exists()
    assert same(ask(tiny, tokens, cache)[1], cold)


def test_another_machine_s_file_is_not_put_back(tiny: Bench, tmp_path: Path) -> None:
    theirs, tokens = cache_of(tmp_path / "theirs", tiny.weights.path), tiny.tokens(1200)
    ask(tiny, tokens, theirs)
    (file,) = tmp_path.glob("theirs/*/*.state")
    folder = tmp_path / "ours" / file.parent.name
    folder.mkdir(parents=True)
    file.rename(folder / file.name)
    assert ask(tiny, tokens, cache_of(tmp_path / "ours", tiny.weights.path))[0] == 0


def test_other_parameters_and_adapters_have_prefixes_of_their_own(tiny: Bench, tmp_path: Path) -> None:
    path, tokens = tiny.weights.path, tiny.tokens(1200)
    adapter = tmp_path / "adapter.gguf"
    adapter.write_bytes(b"any")
    ask(tiny, tokens, cache_of(tmp_path / "cache", path))
    others = (
        cache_of(tmp_path / "cache", path, params=replace(FEW, flash_attn="off")),
        cache_of(tmp_path / "cache", path, adapters=(Adapter(adapter),)),
    )
    assert [other.longest(tokens, whole=False) for other in others] == [None, None]
    assert cache_of(tmp_path / "cache", path).longest(tokens, whole=False) is not None


def test_the_cache_is_private(tiny: Bench, tmp_path: Path) -> None:
    ask(tiny, tiny.tokens(1200), cache_of(tmp_path / "cache", tiny.weights.path))
    entries = {path: path.stat().st_mode & 0o777 for path in [tmp_path / "cache", *tmp_path.glob("cache/**/*")]}
    assert len(entries) == 4
    assert {mode for path, mode in entries.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in entries.items() if path.is_file()} == {0o600}


def test_the_longest_unused_prefix_makes_room_and_too_large_a_one_is_not_stored(tmp_path: Path) -> None:
    path = write_windowed(tmp_path / "tiny.gguf")
    first, second, third = (tuple(range(start, start + LEAST_TOKENS)) for start in (0, 1, 2))
    cache = cache_of(tmp_path / "cache", path, 15_000)
    cache.store(first, bytearray(2_000))
    cache.store(second, bytearray(2_000))
    found = cache.longest(first, whole=True)
    assert found is not None
    assert cache.load(found) == bytearray(2_000)
    cache.store(third, bytearray(4_000))
    assert [cache.longest(tokens, whole=True) is not None for tokens in (first, second, third)] == [True, False, True]
    cache.store(second, bytearray(20_000))
    assert cache.wants(second)


def test_a_disk_that_cannot_be_written_costs_no_answer(
    tiny: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("not a folder")
    tokens = tiny.tokens(1200)
    with caplog.at_level(logging.WARNING):
        _, rows = ask(tiny, tokens, cache_of(tmp_path / "cache", tiny.weights.path))
    assert "could not be stored" in caplog.text
    assert same(rows, ask(tiny, tokens)[1])


def test_engines_share_the_cache_of_their_backend(mistral_path: Path, vetter: Vetter, tmp_path: Path) -> None:
    backend = LlamaBackend(vetter, today=lambda: TODAY, prompt_cache=PromptCache(tmp_path / "cache", lambda: ROOM))
    question = Request((Message("user", "The river valley is long. " * 200),), GREEDY, max_tokens=6)
    asked = load_request(mistral_path, params=replace(PARAMS, n_batch=512, n_ubatch=512))
    answers = []
    for _ in range(2):
        with closing(run_task(lambda cancel: backend.open(asked, cancel))) as engine:
            answers.append(answer(engine, question))
    first, again = answers
    assert first.prompt.token_count > LEAST_TOKENS + BLOCK
    assert first.timings.reused_tokens == 0
    assert again.timings.prefill_tokens < 2 * BLOCK
    assert again.text == first.text


def test_turned_off_nothing_is_kept_and_what_was_is_deleted(tiny: Bench, tmp_path: Path) -> None:
    room = ROOM
    cache = PromptCache(tmp_path / "cache", lambda: room)
    asked = LoadRequest(describe(tiny.weights.path), FEW)
    ask(tiny, tiny.tokens(1200), cache.of(asked))
    assert cache.size_bytes > 0
    room = 0
    assert cache.of(asked) is None
    assert cache.size_bytes == 0
    assert not list(tmp_path.glob("cache/*/*"))


def test_what_a_crash_left_of_a_state_counts_and_goes(tmp_path: Path) -> None:
    cache = cache_of(tmp_path / "cache", write_windowed(tmp_path / "tiny.gguf"), 9_000)
    cache.store(tuple(range(LEAST_TOKENS)), bytearray(2_000))
    (state,) = tmp_path.glob("cache/*/*.state")
    left = state.rename(state.with_suffix(".part"))
    cache.store(tuple(range(1, 1 + LEAST_TOKENS)), bytearray(2_000))
    assert not left.exists()
    assert len(list(tmp_path.glob("cache/*/*.state"))) == 1


def test_the_setting_is_in_force_here_and_apart_and_no_pack_holds_what_is_kept(
    mistral_path: Path, tmp_path: Path
) -> None:
    question = Request((Message("user", "The river valley is long. " * 200),), GREEDY, max_tokens=2)
    params = RunParams(n_ctx=2048, n_batch=512, n_ubatch=512, n_gpu_layers=0)
    with Workbench.open(data_dir=tmp_path / "home", flags={"prompt_cache_gb": 0.5, "offline": True}) as workbench:
        reused = []
        for isolated in (False, True):
            asked = replace(load_request(mistral_path, params=params), isolated=isolated)
            with closing(run_task(lambda cancel, asked=asked: workbench.backend.open(asked, cancel))) as engine:
                reused.append(answer(engine, question).timings.reused_tokens)
        assert reused[0] == 0
        assert reused[1] > 1000
        assert [path.suffix for path in workbench.paths.prompt_cache.glob("*/*")] == [".state"]
        model = describe(mistral_path)
        run_task(workbench.create_pack("Mine", [model], tmp_path / "mine.zip", signer=None, with_settings=True))
    with zipfile.ZipFile(tmp_path / "mine.zip") as pack:
        assert not [name for name in pack.namelist() if "cache" in name or name.endswith((".state", "key"))]
