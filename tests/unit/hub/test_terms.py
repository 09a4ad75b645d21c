"""Licences in plain words: as they occur on the hub, with their conditions, and never guessed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from workbench.errors import CatalogueError
from workbench.hub.repository import RemoteFile, Repository
from workbench.hub.terms import Terms, described, legal_files, read_all
from workbench.paths import resources

EVERY = pytest.mark.parametrize("terms", described(), ids=lambda terms: terms.id)


@EVERY
def test_every_licence_has_words_a_source_and_an_official_page(terms: Terms) -> None:
    assert terms.known
    assert terms.summary
    assert terms.sources
    assert all(link.address.startswith("https://") for link in terms.links)
    assert terms.links


@EVERY
def test_every_licence_answers_to_each_of_its_names(terms: Terms) -> None:
    for name in (terms.id, *terms.names, terms.id.upper(), f" {terms.id} "):
        assert Terms.of(name) == terms
        assert Terms.of("other", name) == terms


@pytest.mark.parametrize(
    ("licence", "name", "commercial"),
    [
        ("llama3.1", None, "conditions"),
        ("llama3.2", None, "conditions"),
        ("llama3.3", None, "conditions"),
        ("llama4", None, "conditions"),
        ("other", "llama4", "conditions"),
        ("gemma", None, "conditions"),
        ("apache-2.0", None, "yes"),
        ("mit", None, "yes"),
        ("other", "mrl", "research only"),
        ("other", "mnpl", "research only"),
        ("other", "modified MIT", "conditions"),
    ],
)
def test_licences_are_known_by_what_the_hub_calls_them(licence: str, name: str | None, commercial: str) -> None:
    assert Terms.of(licence, name).commercial == commercial


@pytest.mark.parametrize(
    ("licence", "name"),
    [(None, None), ("", None), ("other", None), ("unknown", None), ("llama2", None), ("llama5", None), ("gemma4", None),
     ("apache", None), ("other", "apache-2.0-with-changes"), ("modified", None), ("cc-by-nc-4.0", None)],
)  # fmt: skip
def test_an_unknown_licence_says_so_and_allows_nothing(licence: str | None, name: str | None) -> None:
    terms = Terms.of(licence, name)
    assert not terms.known
    assert terms.commercial == "unknown"
    assert terms.title == "Unknown licence"
    assert "before you use the model" in terms.summary
    assert (terms.duties, terms.thresholds, terms.eu_multimodal, terms.text) == ((), (), None, None)


def test_an_unknown_name_is_shown_without_what_could_deceive() -> None:
    terms = Terms.of("other", "free\u202e\x00 for all" + "!" * 500)
    assert "“free for all!" in terms.summary
    assert len(terms.summary) < 300


def test_the_eu_clause_is_for_multimodal_llama_only() -> None:
    with_clause = {terms.id for terms in described() if terms.eu_clause(multimodal=True)}
    assert with_clause == {"llama3.2", "llama3.3", "llama4"}
    assert not any(terms.eu_clause(multimodal=False) for terms in described())


def test_users_and_revenue_have_their_limits() -> None:
    limits = {terms.id: [(step.limit, step.unit) for step in terms.thresholds] for terms in described()}
    for version in ("3.1", "3.2", "3.3", "4"):
        assert limits[f"llama{version}"] == [(700_000_000, "users")]
    assert limits["modified-mit"] == [(20_000_000, "US$ a month")]
    assert limits["apache-2.0"] == limits["mit"] == limits["gemma"] == []


def test_llama_asks_to_be_named_and_gemma_does_not() -> None:
    assert any("Built with Llama" in duty for duty in Terms.of("llama3.1").duties)
    assert not any("Built with" in duty for duty in Terms.of("gemma").duties)


def test_the_research_licence_speaks_of_the_answers_too() -> None:
    assert "its answers" in Terms.of("mrl").summary


def test_the_whole_text_is_shipped_where_it_may_be() -> None:
    text = Terms.of("apache-2.0").text
    assert text is not None
    # The Apache Software Foundation's own file.
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    )
    assert Terms.of("gemma").text is None


def test_the_texts_a_repository_ships_are_found_the_licence_first() -> None:
    paths = ["README.md", "USE_POLICY.md", "LICENSE", "Notice", "LICENSE.txt", "licensed-model.gguf", "a/LICENSE",
             "NOTICE.md", "config.json", "LICENCE-APACHE", "termsheet.txt"]  # fmt: skip
    files = tuple(RemoteFile(path, 10, None, "") for path in paths)
    found = legal_files(Repository("us/model", "main", "0" * 40, gated=False, files=files))
    assert [file.path for file in found] == [
        "LICENCE-APACHE", "LICENSE", "LICENSE.txt", "NOTICE.md", "Notice", "USE_POLICY.md",
    ]  # fmt: skip


def test_a_weight_file_is_no_licence_whatever_it_is_called() -> None:
    files = (RemoteFile("LICENSE-model.gguf", 10, None, ""), RemoteFile("LICENSE.safetensors", 10, None, ""))
    assert legal_files(Repository("us/model", "main", "0" * 40, gated=False, files=files)) == ()


def test_two_licences_of_one_name_are_refused(tmp_path: Path) -> None:
    text = (resources() / "licences" / "mit.json").read_text("utf-8")
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(CatalogueError, match="Two licences are called mit"):
        read_all(tmp_path)
