"""Every kind of broken file, described, vetted and used: a message each, and this process lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.hostile_files import Outcome, outcomes
from tests.engine.hostile import SOUND
from workbench.engine import child_process

FLIPS = 14  # the benchmark tries many more

# What llama.cpp takes as it is: it replaces such values by its own, or they change only what is computed.
HARMLESS = {
    SOUND,
    "a context of 0",
    "a context of 2^32 - 1",
    "tokens that are not UTF-8",
    "an empty token",
    "a token of a megabyte",
    "no end of text",
    "an end of text beyond the vocabulary",
    "a beginning beyond the vocabulary",
    "an unknown token beyond the vocabulary",
    "a template that is not UTF-8",
    "weights that are all zero",
    "a split into no parts",
}

# A load in a process that may not have more memory than it has now, and half a GiB.
SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from workbench.engine import native
from workbench.engine.base import LoadRequest
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts, Verdict
from workbench.engine.vet import Vetter
from workbench.errors import EngineError
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.params import RunParams
class Tried(RememberedVerdicts):
    def get(self, key):
        return Verdict()
native.api()
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 29), resource.RLIM_INFINITY))
model, vetter = describe(Path(sys.argv[1])), Vetter(Tried())
def attempt(n_ctx):
    engine = run(lambda cancel: LlamaBackend(vetter).open(LoadRequest(model, RunParams(n_ctx=n_ctx)), cancel))
    engine.close()
try:
    attempt(1 << 20)
except EngineError as error:
    print(type(error).__name__, error.message)
attempt(256)
print("lives")
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    return {outcome.what: outcome for outcome in outcomes(flips=FLIPS, seed=7)}


def test_nothing_that_was_let_through_ends_the_process_that_uses_it(found: dict[str, Outcome]) -> None:
    assert len(found) > 100
    assert [outcome for outcome in found.values() if outcome.by == "ESCAPED"] == []


def test_nothing_takes_for_ever(found: dict[str, Outcome]) -> None:
    assert [outcome for outcome in found.values() if outcome.by == "time"] == []


def test_only_what_is_harmless_is_let_through(found: dict[str, Outcome]) -> None:
    answered = {outcome.what for outcome in found.values() if outcome.by == "answered"}
    assert {what for what in answered if not what.startswith("flip ")} == HARMLESS


def test_every_refusal_is_a_sentence_that_names_the_file_or_the_template(found: dict[str, Outcome]) -> None:
    for outcome in found.values():
        if outcome.by != "answered":
            assert outcome.said.endswith("."), outcome
            assert any(word in outcome.said for word in ("cut", "tiny", "flip", "template")), outcome


def test_most_damage_is_seen_in_the_header_before_llama_cpp_is_asked(found: dict[str, Outcome]) -> None:
    for what in (
        "2^63 tensors",
        "a text of 2^62 bytes",
        "no layers",
        "tensors on top of each other",
        "an unknown type",
    ):
        assert found[what].by == "header", found[what]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("weights that are not numbers", "not numbers"),
        ("infinite weights", "not numbers"),
        ("a token twice", "GGML_ASSERT"),
        ("a byte without a token", "unordered_map::at"),
        ("a template that asks for Python", "template"),
    ],
)
def test_what_only_llama_cpp_can_see_is_seen_in_the_child(what: str, said: str, found: dict[str, Outcome]) -> None:
    assert found[what].by in ("child", "crash")
    assert said in found[what].said


@pytest.mark.skipif(not Path("/proc/self/statm").is_file() or os.name != "posix", reason="memory is not limited here")
def test_memory_that_is_not_there_is_an_error_and_a_smaller_context_works(smollm2_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, str(smollm2_path)],
        capture_output=True,
        text=True,
        env=child_process.environment(),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said, lives = done.stdout.splitlines()
    assert said.startswith("ModelLoadError There is no room for a context of 1,048,576 tokens")
    assert lives == "lives"
