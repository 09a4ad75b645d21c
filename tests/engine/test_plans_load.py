"""What a plan says to load with, the real engine loads, and the cache it reports is the plan's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.conftest import Open
from workbench.engine.probe import Probe
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.jobs import CancelToken
from workbench.models.describe import describe
from workbench.models.fit import Verdict, exact_fit, fit
from workbench.models.params import RunParams
from workbench.store.database import Database

HERE = replace(LAPTOP_WITHOUT_GPU, described=False)

# Each choice beside different others, rather than all with all: a load takes part of a second.
CHOICES = {
    "plain": (512, RunParams(n_batch=256, n_ubatch=256)),
    "8 bits": (2048, RunParams(type_k="q8_0", type_v="q8_0")),
    "4 bits for V": (1024, RunParams(type_v="q4_0", n_ubatch=128, n_outputs_max=0)),
    "no flash attention": (1024, RunParams(flash_attn="off", n_ubatch=128)),
    "no flash attention, K in 8 bits": (768, RunParams(flash_attn="off", type_k="q8_0", n_seq_max=2)),
    "sequences": (1500, RunParams(n_seq_max=3, n_outputs_max=3, n_ubatch=128)),
    "sequences in one cache": (1500, RunParams(n_seq_max=3, kv_unified=True, flash_attn="on")),
    "full windows": (2048, RunParams(swa_full=True, n_ubatch=128)),
    "full windows of sequences": (2048, RunParams(swa_full=True, n_seq_max=2, type_k="q8_0", flash_attn="on")),
}


@pytest.fixture(params=["smollm2_path", "gemma_path", "mistral_path"])
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    db = Database(tmp_path / "probe.sqlite3")
    asked = Probe(db)
    yield asked
    asked.close()
    db.close()


@pytest.mark.parametrize("choice", CHOICES)
def test_a_plan_really_loads_and_its_cache_is_as_planned(path: Path, choice: str, open_model: Open) -> None:
    n_ctx, params = CHOICES[choice]
    planned = fit(describe(path), HERE, n_ctx=n_ctx, params=params)
    assert planned.verdict is Verdict.CPU
    facts = open_model(path, params=planned.params).facts
    assert facts.n_ctx == planned.context, "llama.cpp rounds the context as the plan does"
    assert facts.kv_bytes == sum(share.kv_bytes for share in planned.shares)


def test_the_longest_context_of_a_plan_really_loads(path: Path, open_model: Open) -> None:
    planned = fit(describe(path), HERE, n_ctx=512, params=RunParams(n_ubatch=128))
    assert planned.max_context == describe(path).n_ctx_train
    longest = replace(planned.params, n_ctx=planned.max_context)
    assert open_model(path, params=longest).facts.n_ctx == planned.max_context


def test_an_exact_fit_says_to_the_byte_what_the_load_then_reports(path: Path, open_model: Open, probe: Probe) -> None:
    found = exact_fit(
        describe(path), HERE, n_ctx=1024, params=RunParams(n_ubatch=256), probe=probe, cancel=CancelToken()
    )
    assert (found.basis, found.verdict) == ("exact", Verdict.CPU)
    facts = open_model(path, params=found.params).facts
    (ram,) = found.shares
    assert facts.kv_bytes == ram.kv_bytes
    assert facts.compute_bytes == ram.compute_bytes
    estimate = fit(describe(path), HERE, n_ctx=1024, params=RunParams(n_ubatch=256))
    assert found.max_context == estimate.max_context
    assert found.total_bytes == pytest.approx(estimate.total_bytes, rel=0.05)


def test_a_file_that_is_gone_leaves_the_estimate(smollm2_path: Path, probe: Probe) -> None:
    missing = replace(describe(smollm2_path), path=smollm2_path.with_name("missing.gguf"))
    found = exact_fit(missing, HERE, n_ctx=1024, probe=probe, cancel=CancelToken())
    assert found.basis == "estimate"
    assert "could not be asked" in found.reasons[-1]
