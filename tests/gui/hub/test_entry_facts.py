"""What the catalogue has no source for is said to be so, not left out."""

from __future__ import annotations

from workbench.gui.hub.entry_facts import NONE_CONFIRMED, said_of
from workbench.hub.catalogue import Catalogue
from workbench.paths import resources

SHIPPED = Catalogue.load(resources())


def said(entry_id: str) -> dict[str, str]:
    entry = SHIPPED.entry(entry_id)
    assert entry is not None
    return {line.name: line.value for line in said_of(entry)}


def test_a_model_without_published_benchmarks_or_sampling_says_so() -> None:
    lines = said("mistral-7b-instruct-v0.3")
    assert lines["Benchmarks"] == NONE_CONFIRMED
    assert lines["Sampling"] == NONE_CONFIRMED


def test_a_model_whose_sizes_nobody_published_says_so() -> None:
    assert said("llama-3.2-11b-vision-instruct")["File sizes"] == NONE_CONFIRMED


def test_what_is_known_is_not_called_unconfirmed() -> None:
    lines = said("llama-3.1-8b-instruct")
    assert NONE_CONFIRMED not in lines.values()
    assert lines["Released"] == "2024-07-23"
    assert lines["MMLU"].startswith("69.4 (Per cent; 5 examples")


def test_a_benchmark_of_the_publisher_is_sure_and_one_at_second_hand_is_not() -> None:
    for entry_id, sure in (("llama-3.1-8b-instruct", True), ("gemma-3-4b-it", False)):
        entry = SHIPPED.entry(entry_id)
        assert entry is not None
        assert {line.sure for line in said_of(entry) if line.name == "IFEval"} == {sure}
