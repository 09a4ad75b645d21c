"""The shipped catalogue says nothing without a source, and a user's own is taken over it, mistakes named exactly."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import CatalogueError
from workbench.hub import catalogue, documents
from workbench.hub.catalogue import Catalogue
from workbench.hub.entries import Entry
from workbench.hub.terms import Terms
from workbench.models.file import Family
from workbench.paths import resources

SHIPPED = Catalogue.load(resources())
ENTRIES = pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.id)
DAY = datetime.date(2026, 11, 23)


def a_catalogue(**changes: Any) -> dict[str, Any]:
    """A user's catalogue with one entry; ``changes`` go into the entry."""
    entry: dict[str, Any] = {
        "id": "our-llama",
        "family": "llama",
        "title": "Our Llama",
        "publisher": "Us",
        "original": {"value": "us/our-llama", "sources": ["us"]},
        "parameters": {"value": 8_000_000_000, "sources": ["us"]},
        "multimodal": {"value": False, "sources": ["us"]},
        "licence": {"value": "apache-2.0", "sources": ["us"]},
        "gate": {"value": "open", "sources": ["us"]},
    }
    sources = {"us": {"title": "Our own page", "kind": "publisher", "read": "2026-11-01"}}
    return {
        "format": 1,
        "title": "Ours",
        "dated": "2026-11-01",
        "sources": sources,
        "entries": [{**entry, **changes}],
    }


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def refusal(value: Any, name: str = "ours.json") -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        catalogue.read(value if isinstance(value, bytes) else as_bytes(value), name)
    return caught.value


def test_every_family_has_entries_and_there_is_no_other_family() -> None:
    counts = {family: len(SHIPPED.of_family(family)) for family in (Family.LLAMA, Family.MISTRAL, Family.GEMMA)}
    assert sum(counts.values()) == len(SHIPPED.entries)
    assert min(counts.values()) >= 10
    assert SHIPPED.refused == ()


@ENTRIES
def test_every_statement_of_an_entry_has_a_source_with_a_title_and_a_date(entry: Entry) -> None:
    stated = list(entry.stated())
    assert {"original", "parameters", "multimodal", "licence", "gate"} <= {name for name, _ in stated}
    for name, item in stated:
        assert item.sources, name
        for source in item.sources:
            assert re.search(r"read 2026-\d\d-\d\d", source.citation), name
            assert not re.search(r"\[S\d", source.citation), name


@ENTRIES
def test_every_figure_and_every_advice_of_an_entry_carries_sources(entry: Entry) -> None:
    without_sources = {"id", "family", "title", "publisher", "status", "purpose", "original_commit"}
    written = documents.parsed(catalogue.write([entry], title="x", dated=DAY), "x")["entries"][0]
    for name, value in written.items():
        for item in [] if name in without_sources else value if isinstance(value, list) else [value]:
            assert item["sources"], name


@ENTRIES
def test_a_released_model_says_where_it_can_be_had_and_under_which_described_licence(entry: Entry) -> None:
    if entry.status == "announced":
        assert not Terms.of(entry.licence.value).known
        assert not entry.gguf_repositories
    else:
        assert Terms.of(entry.licence.value).known
        assert entry.gguf_repositories or entry.notes


@ENTRIES
def test_estimates_and_published_sizes_of_one_quantisation_agree(entry: Entry) -> None:
    """One mistyped figure would stand out; publishers' own mixes differ less."""
    for file in entry.files:
        if entry.estimates is not None and not file.companion and file.quantisation in entry.estimates.gigabytes:
            estimate = entry.estimates.gigabytes[file.quantisation] * 1e9
            if "embeddings are F16" in (file.note or ""):
                assert file.size.size_bytes > estimate, file.name
            else:
                assert file.size.size_bytes == pytest.approx(estimate, rel=0.08), file.name


def test_dense_parameter_counts_follow_from_the_shapes() -> None:
    """params = layers × (attention + three feed-forward matrices) + embeddings, within the norms' few weights."""
    checked = 0
    for entry in SHIPPED.entries:
        shape = entry.shape
        if shape is None or shape.experts or entry.architecture is None:
            continue
        if None in (shape.n_head, shape.n_head_kv, shape.head_dim, shape.n_ff) or entry.architecture.value in (
            "gemma3n", "muse-glimmer",
        ):  # fmt: skip
            continue
        assert shape.n_head
        assert shape.n_head_kv
        assert shape.head_dim
        assert shape.n_ff
        assert shape.n_vocab
        attention = 2 * shape.n_embd * shape.head_dim * (shape.n_head + shape.n_head_kv)
        layers = shape.n_layer * (attention + 3 * shape.n_embd * shape.n_ff)
        embeddings = shape.n_vocab * shape.n_embd * (1 if shape.tied_embeddings else 2)
        assert entry.parameters.value == pytest.approx(layers + embeddings, rel=2e-3), entry.id
        checked += 1
    assert checked >= 20


@ENTRIES
def test_no_claim_is_repeated_as_a_fact(entry: Entry) -> None:
    said = {claim.claim for claim in entry.claims}
    stated = [entry.title, *(note.value for note in entry.notes)]
    stated += [item.note for _, item in entry.stated() if getattr(item, "note", None)]
    for claim in entry.claims:
        assert claim.said_by
        assert claim.finding not in said
        assert not any(claim.claim in text for text in stated)


def test_where_the_article_and_the_primary_source_differ_the_entry_has_both() -> None:
    for size in ("8b", "70b", "405b"):
        entry = SHIPPED.entry(f"llama-3.1-{size}-instruct")
        assert entry is not None
        assert "Llama 4 comes as 8B, 70B and 405B." in [claim.claim for claim in entry.claims]
    for entry in SHIPPED.entries:
        if entry.id.startswith("llama-4"):
            (claim,) = [claim for claim in entry.claims if "8B" in claim.claim]
            assert "109B" in claim.finding
            assert {source.kind for source in claim.sources} == {"publisher"}
            assert entry.parameters.value not in (8_000_000_000, 70_000_000_000, 405_000_000_000)


def test_mistral_large_2_is_for_research_only_whatever_is_said_of_it() -> None:
    for version in ("2407", "2411"):
        entry = SHIPPED.entry(f"mistral-large-instruct-{version}")
        assert entry is not None
        assert entry.claims[0].claim == "Mistral Large 123B is Apache 2.0."
        assert Terms.of(entry.licence.value).commercial == "research only"
    large_3 = SHIPPED.entry("mistral-large-3-675b-instruct-2512")
    assert large_3 is not None
    assert large_3.licence.value == "apache-2.0"


def test_the_system_role_differs_between_generations_of_one_family() -> None:
    found = {}
    for name in ("gemma-2-9b-it", "gemma-3-4b-it", "gemma-4-e4b-it"):
        entry = SHIPPED.entry(name)
        assert entry is not None
        assert entry.system_role is not None
        found[name] = entry.system_role.value
    assert list(found.values()) == ["refused", "merged", "native"]


def test_a_figure_without_a_source_that_confirms_it_says_so() -> None:
    entry = SHIPPED.entry("gemma-3-1b-it")
    assert entry is not None
    assert entry.context is not None
    assert not entry.context.confirmed
    assert entry.parameters.confirmed


@ENTRIES
def test_a_published_figure_says_its_unit_and_the_conditions_it_was_measured_under(entry: Entry) -> None:
    for figure in entry.figures:
        assert figure.about.endswith("."), figure.measure
        if figure.about.startswith("Per cent"):
            assert 0 < figure.value <= 100, figure.measure
        elif figure.about.startswith("Of 10"):
            assert 0 < figure.value <= 10, figure.measure


def test_most_models_have_benchmarks_that_somebody_published() -> None:
    """Perplexities compare the quantisations of one model, not models."""
    without = {entry.id for entry in SHIPPED.entries if all(figure.measure == "Perplexity" for figure in entry.figures)}
    assert without == {
        "mistral-7b-instruct-v0.3",
        "mistral-small-instruct-2409",
        "mistral-large-instruct-2411",
        "mistral-large-4",
    }


def test_a_figure_that_was_read_at_second_hand_is_not_confirmed() -> None:
    def confirmed(entry_id: str, measure: str) -> bool:
        entry = SHIPPED.entry(entry_id)
        assert entry is not None
        (figure,) = [figure for figure in entry.figures if figure.measure == measure]
        return all(source.kind != "unconfirmed" for source in figure.sources)

    assert confirmed("llama-3.1-8b-instruct", "MMLU")
    assert confirmed("devstral-2-123b-instruct-2512", "SWE-bench Verified")
    assert not confirmed("gemma-3-4b-it", "MMLU-Pro")
    assert not confirmed("mixtral-8x7b-instruct-v0.1", "MT-Bench")


@ENTRIES
def test_whatever_can_be_downloaded_as_gguf_has_a_size_published_or_computed(entry: Entry) -> None:
    if entry.gguf_repositories:
        assert entry.files or entry.estimates


@ENTRIES
def test_computed_sizes_come_to_possible_bits_per_weight(entry: Entry) -> None:
    """Embeddings stay at more bits, the more so the smaller a model is."""
    if entry.estimates is not None:
        bits = {name: 8e9 * size / entry.parameters.value for name, size in entry.estimates.gigabytes.items()}
        assert bits["Q2_K"] < bits["Q4_K_M"] < bits["Q6_K"] < bits["Q8_0"] < bits["BF16"]
        assert 4.5 < bits["Q4_K_M"] < 8
        assert bits["BF16"] == pytest.approx(16, rel=0.02)


def test_rounded_sizes_are_told_from_exact_ones() -> None:
    entry = SHIPPED.entry("mistral-small-3.2-24b-instruct-2506")
    assert entry is not None
    (file,) = [file for file in entry.files if file.quantisation == "Q4_K_M"]
    assert file.size.rounded == "13.3 GiB"
    assert file.size.size_bytes == round(13.3 * 2**30)


def test_the_published_losses_of_quantising_are_those_the_fit_uses() -> None:
    """Two copies of one table, read at different times: they may differ by rounding only."""
    table = json.loads((resources() / "quality.json").read_text("utf-8"))["quantisations"]
    ours = next(table for table in SHIPPED.quality if any(row.mean_kl_divergence for row in table.rows))
    compared = 0
    for row in ours.rows:
        theirs = table.get(row.quantisation)
        if theirs is not None and theirs["importance_matrix"] == row.importance_matrix:
            assert row.mean_kl_divergence == pytest.approx(theirs["mean_kl_divergence"], abs=6e-6)
            compared += 1
    assert compared >= 20


def test_an_entry_is_found_by_any_of_its_repositories() -> None:
    found = SHIPPED.for_repository("BARTOWSKI/gemma-2-9b-it-gguf")
    assert found is not None
    assert found.id == "gemma-2-9b-it"
    assert SHIPPED.for_repository("nobody/nothing") is None


def test_entries_are_values_that_can_be_keys() -> None:
    assert len(set(SHIPPED.entries)) == len(SHIPPED.entries)


def test_no_repository_belongs_to_two_entries() -> None:
    names = [name.lower() for entry in SHIPPED.entries for name in entry.repositories]
    assert sorted(names) == sorted(set(names))


# A user's own catalogue


def test_a_user_s_entry_replaces_the_shipped_one_and_says_what_it_replaced(tmp_path: Path) -> None:
    (tmp_path / "ours.json").write_bytes(as_bytes(a_catalogue(id="gemma-2-9b-it", family="gemma", title="Our Gemma")))
    found = Catalogue.load(resources(), tmp_path)
    entry = found.entry("gemma-2-9b-it")
    assert entry is not None
    assert (entry.title, entry.provenance.title, entry.provenance.shipped) == ("Our Gemma", "Ours", False)
    assert entry.provenance.file == "ours.json"
    assert entry.replaces is not None
    assert entry.replaces.shipped
    assert len(found.entries) == len(SHIPPED.entries)
    other = found.entry("gemma-2-2b-it")
    assert other is not None
    assert other.provenance.shipped
    assert other.replaces is None


def test_a_user_s_new_entry_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    catalogue.add(tmp_path, as_bytes(a_catalogue()), "https://models.example.org/lists/ours.json")
    found = Catalogue.load(resources(), tmp_path)
    entry = found.entry("our-llama")
    assert entry is not None
    assert entry.provenance.came_from == "https://models.example.org/lists/ours.json"
    assert len(found.entries) == len(SHIPPED.entries) + 1


def test_the_same_catalogue_added_again_replaces_itself(tmp_path: Path) -> None:
    first = catalogue.add(tmp_path, as_bytes(a_catalogue()), "ours.json")
    second = catalogue.add(tmp_path, as_bytes(a_catalogue(title="Our better Llama")), "ours.json")
    assert first == second
    entry = Catalogue.load(resources(), tmp_path).entry("our-llama")
    assert entry is not None
    assert entry.title == "Our better Llama"
    assert [path.name for path in tmp_path.iterdir()] == ["ours.json"]


def test_nothing_is_kept_of_a_catalogue_with_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError):
        catalogue.add(tmp_path, as_bytes(a_catalogue(family="other")), "ours.json")
    assert list(tmp_path.iterdir()) == []


def test_a_user_s_broken_file_is_named_and_everything_else_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"<html>Please log in</html>")
    (tmp_path / "b.json").write_bytes(as_bytes(a_catalogue()))
    found = Catalogue.load(resources(), tmp_path)
    assert [name for name, _ in found.refused] == ["a.json"]
    assert "a.json is not valid JSON: line 1, column 1" in found.refused[0][1].message
    assert found.entry("our-llama") is not None


def test_a_shipped_file_with_a_mistake_is_an_error_and_so_is_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="There is no catalogue"):
        Catalogue.load(tmp_path)
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "llama.json").write_bytes(as_bytes(a_catalogue(title="")))
    with pytest.raises(CatalogueError, match="entry “our-llama”, field “title”"):
        Catalogue.load(tmp_path)


def test_what_is_written_is_read_again_unchanged() -> None:
    data = catalogue.write(SHIPPED.entries, title="All", dated=DAY, about="A copy.")
    again = Catalogue(()).with_file(catalogue.read(data, "all.json"), file="all.json")
    for entry in SHIPPED.entries:
        copy = again.entry(entry.id)
        assert copy is not None
        assert list(copy.stated()) == list(entry.stated())
        assert (copy.title, copy.family, copy.purpose) == (entry.title, entry.family, entry.purpose)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"family": "qwen"}, 'entry “our-llama”, field “family”: should be llama, mistral or gemma, not "qwen".'),
        ({"family": "other"}, 'entry “our-llama”, field “family”: should be llama, mistral or gemma, not "other".'),
        ({"colour": "red"}, "entry “our-llama”, field “colour” is not known."),
        (
            {"context": {"value": "long", "sources": ["us"]}},
            'entry “our-llama”, field “context › value”: should be a whole number, not "long".',
        ),
        (
            {"context": {"value": True, "sources": ["us"]}},
            "entry “our-llama”, field “context › value”: should be a whole number, not true.",
        ),
        (
            {"context": {"value": 8192, "sources": []}},
            "entry “our-llama”, field “context › sources”: names no source; every statement has one.",
        ),
        ({"context": {"value": 8192}}, "entry “our-llama”, field “context › sources” is missing."),
        (
            {"context": {"value": 8192, "sources": ["them"]}},
            'entry “our-llama”, field “context › sources › no. 1”: names no source of this file’s list, not "them".',
        ),
        (
            {"files": [{"name": "a", "size": "13 apples", "sources": ["us"]}]},
            "entry “our-llama”, field “files › no. 1 › size”: should be a number of bytes, or a rounded size like",
        ),
        (
            {"gguf_repositories": [{"name": "../../etc", "sources": ["us"]}]},
            "entry “our-llama”, field “gguf_repositories › no. 1 › name”: ",
        ),
        (
            {"gguf_repositories": [{"name": name, "sources": ["us"]} for name in ("us/a-GGUF", "us/A-gguf")]},
            "entry “our-llama”, field “gguf_repositories”: names one repository twice.",
        ),
        (
            {"gguf_repositories": [{"name": "us/a", "sources": ["us"], "asked_at": "lately"}]},
            "entry “our-llama”, field “gguf_repositories › no. 1 › asked_at”: ",
        ),
        ({"title": "Nice\u202egnp.exe"}, "entry “our-llama”, field “title”: holds characters that cannot be shown"),
        ({"provenance": {"shipped": True}}, "entry “our-llama”, field “provenance” is not known."),
    ],
    ids=lambda value: None,
)
def test_a_mistake_is_named_by_file_entry_and_field(changes: dict[str, Any], expected: str) -> None:
    assert f"ours.json: {expected}" in refusal(a_catalogue(**changes)).message


def test_a_mistyped_key_brings_the_right_one_to_mind() -> None:
    assert refusal(a_catalogue(licenc={"value": "mit", "sources": ["us"]})).hint == "Did you mean “licence”?"


def test_a_missing_field_is_named() -> None:
    written = a_catalogue()
    del written["entries"][0]["licence"]
    assert refusal(written).message == "ours.json: entry “our-llama”, field “licence” is missing."


def test_an_entry_without_an_id_is_told_by_its_title_and_one_without_either_by_its_number() -> None:
    written = a_catalogue()
    del written["entries"][0]["id"]
    assert "entry “Our Llama”, field “id” is missing." in refusal(written).message
    del written["entries"][0]["title"]
    assert "entry no. 1, field “id” is missing." in refusal(written).message


def test_a_mistake_in_a_source_is_named_by_the_source() -> None:
    written = a_catalogue()
    written["sources"]["us"]["read"] = "yesterday"
    assert "ours.json: source “us”, field “read”: should be a date like 2026-11-23" in refusal(written).message


def test_two_entries_of_one_name_are_refused() -> None:
    written = a_catalogue()
    written["entries"] *= 2
    assert "has two entries called “our-llama”" in refusal(written).message


def test_many_mistakes_are_told_a_few_at_a_time() -> None:
    lines = refusal(a_catalogue(**{f"x{number}": 1 for number in range(9)})).message.splitlines()
    assert len(lines) == documents.MAX_MISTAKES_SHOWN + 1
    assert lines[-1] == "and 4 mistakes more."


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[1]", "holds no JSON object"),
        (b"\xff\xfe{", "is not UTF-8 text"),
        (b'{"format": 1, "format": 1}', "the key 'format' comes twice"),
        (b'{"format": NaN}', "NaN is no number of JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"format": ' + b"9" * 5000 + b"}", "cannot be read"),
        (b" " * (documents.MAX_DOCUMENT_BYTES + 1), "has 8 MB"),
        (b'{"format": 2}', "field “format”: should be 1"),
        (b'{"format": 1, "entries": [], "title": "x", "dated": "2026-11-23"}', "field “sources” is missing"),
        (b'{"format": 1, "sources": {}, "entries": [7], "title": "x", "dated": "2026-11-23"}', "entry no. 1"),
    ],
)
def test_what_is_no_catalogue_at_all_is_refused_with_its_reason(data: bytes, expected: str) -> None:
    assert expected in refusal(data).message


def test_a_file_that_begins_with_a_byte_order_mark_is_read() -> None:
    assert catalogue.read(b"\xef\xbb\xbf" + as_bytes(a_catalogue()), "ours.json").title == "Ours"
