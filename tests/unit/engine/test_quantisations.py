"""The table of quantisations against llama.cpp's own names and types."""

from __future__ import annotations

import gguf
import pytest

from workbench.engine.quantisations import quantisation, quantisations
from workbench.errors import QuantiseError


def test_the_numbers_are_the_reference_librarys() -> None:
    names = {member.name.removeprefix("MOSTLY_").removeprefix("ALL_"): member.value for member in gguf.LlamaFileType}
    known = [one for one in quantisations() if one.name in names]
    assert len(known) >= 34
    assert {one.name: one.number for one in known} == {one.name: names[one.name] for one in known}


def test_they_are_listed_by_bits_the_most_first() -> None:
    bits = [one.bits_per_weight for one in quantisations()]
    assert bits == sorted(bits, reverse=True)
    assert bits[0] == 32
    assert bits[-1] < 2


def test_aliases_and_any_case_are_understood_and_others_refused() -> None:
    assert quantisation("q4_k").name == quantisation("Q4_K_M").name == "Q4_K_M"
    for name in ("Q4_K_XL", "NVFP4", ""):
        with pytest.raises(QuantiseError, match="makes no quantisation"):
            quantisation(name)
