"""``workbench quantize``: what it lists and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.models.gguf_files import write_model


def test_the_types_are_listed_with_their_bits(workbench) -> None:
    shown = workbench("quantize", "--types").out
    assert "Q4_K_M" in shown
    assert "needs an importance matrix" in shown
    types = workbench("quantize", "--types", "--json").json["types"]
    by_name = {one["name"]: one for one in types}
    assert by_name["Q4_K_M"] == {"name": "Q4_K_M", "bits_per_weight": pytest.approx(4.9, abs=0.02), "measured": True,
                                 "needs_importance": False}  # fmt: skip
    assert by_name["IQ2_XXS"]["needs_importance"]


def test_a_model_and_a_type_are_needed(workbench, library: Path) -> None:
    assert workbench("quantize", "alpha").status == 2
    assert workbench("quantize", "--type", "Q8_0", "--json").json["error"]["code"] == "usage"
    assert "makes no quantisation" in workbench("quantize", "alpha", "--type", "Q9", "--json").json["error"]["message"]


def test_what_llama_cpp_cannot_quantise_is_an_error_and_no_file(workbench, library: Path) -> None:
    """A file without most of a model's matrices and metadata."""
    write_model(library / "gamma.gguf", architecture="nobodys")
    outcome = workbench("quantize", "gamma", "--type", "Q8_0", "--json")
    assert outcome.status == 1
    assert "gamma.gguf could not be quantised" in outcome.last["error"]["message"]
    assert sorted(path.name for path in library.iterdir()) == ["alpha.gguf", "beta.gguf", "gamma.gguf"]


def test_the_source_is_never_replaced_however_it_is_named(workbench, library: Path, tmp_path: Path) -> None:
    """Also through a link, and with --force."""
    (tmp_path / "link.gguf").symlink_to(library / "alpha.gguf")
    before = (library / "alpha.gguf").read_bytes()
    for target in (library / "alpha.gguf", library / ".." / "models" / "alpha.gguf", tmp_path / "link.gguf"):
        outcome = workbench("quantize", "alpha", target, "--type", "Q8_0", "--force", "--json")
        assert outcome.status == 1
        assert "is the source itself" in outcome.last["error"]["message"]
    assert (library / "alpha.gguf").read_bytes() == before
