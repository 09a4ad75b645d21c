"""How a repository, its revisions and its files are named, and what is refused."""

from __future__ import annotations

import pytest

from workbench.errors import ModelNotFoundError
from workbench.hub.remote import repository_in
from workbench.hub.repository import Address, is_safe_path, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", Address("owner/name", "main")),
        ("  Owner/Na.me-1_2 ", Address("Owner/Na.me-1_2", "main")),
        ("https://huggingface.co/owner/name", Address("owner/name", "main")),
        ("https://huggingface.co/owner/name/", Address("owner/name", "main")),
        ("https://huggingface.co/owner/name?library=x#usage", Address("owner/name", "main")),
        ("https://huggingface.co/owner/name/tree/v2", Address("owner/name", "v2")),
        ("https://huggingface.co/owner/name/tree/main/sub", Address("owner/name", "main")),
        ("https://huggingface.co/owner/name/blob/main/a-Q4_K_M.gguf", Address("owner/name", "main")),
        ("https://hf.co/owner/name/resolve/refs%2Fpr%2F1/a.gguf", Address("owner/name", "refs/pr/1")),
        ("hf.co/owner/name", Address("owner/name", "main")),
        ("huggingface.co/owner/name", Address("owner/name", "main")),
    ],
)
def test_a_repository_is_named_in_short_or_by_its_page(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "a/b/c",
        "../name",
        "owner/..",
        "owner/name..x",
        "owner/name.",
        "owner/name.git",
        "/owner/name",
        "owner\\name/x",
        "owner/na me",
        "owner/na\x00me",
        "owner/ñame",
        "con/name",
        "owner/aux.gguf",
        "-owner/name",
        "owner/" + "x" * 97,
        "https://huggingface.co/",
        "https://huggingface.co/owner",
        "https://huggingface.co/owner/..%2f..%2fname",
        "https://user:word@huggingface.co/owner/name",
        "https://evil.example/owner/name",
        "https://huggingface.co.evil.example/owner/name",
        "https://huggingface.co:99999999/owner/name",
        "file:///etc/passwd",
        "ftp://huggingface.co/owner/name",
    ],
)
def test_what_names_no_repository_is_refused(text: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        parse_address(text)
    assert caught.value.hint


@pytest.mark.parametrize("revision", ["", "../x", "a..b", "-x", "a b", "x" * 300, "a/../b", "a//b"])
def test_what_names_no_revision_is_refused(revision: str) -> None:
    with pytest.raises(ModelNotFoundError, match="is no revision"):
        parse_address("owner/name", revision=revision)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", "owner/name"),
        ("hf.co/owner/name", "owner/name"),
        ("https://mirror.example/owner/name/tree/v2", "https://mirror.example/owner/name/tree/v2"),
        ("models/model.gguf", None),
        ("./owner/name", None),
        ("SmolLM2", None),
        ("a/b/c", None),
    ],
)
def test_only_what_is_written_like_a_repository_is_taken_for_one(text: str, expected: str | None) -> None:
    assert repository_in(text) == expected


@pytest.mark.parametrize("path", ["a.gguf", "Q4_K_M/a-00001-of-00002.gguf", "ünï/a b.gguf", "a..b.gguf"])
def test_ordinary_paths_are_safe(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "../../x.gguf",
        "/etc/x.gguf",
        "a//b.gguf",
        "a/./b.gguf",
        "..\\x.gguf",
        "C:\\x.gguf",
        "C:x.gguf",
        "\\\\server\\x.gguf",
        "a\x00.gguf",
        "a\n.gguf",
        "a\u202egguf.gguf",
        "NUL.gguf",
        "com1/x.gguf",
        "a /x.gguf",
        "a./x.gguf",
        "~/x.gguf",
        "x" * 200 + ".gguf",
        "u\u0308.gguf",
        'a".gguf',
        "\ud800.gguf",
    ],
)
def test_paths_that_lead_out_or_fit_no_system_are_not(path: str) -> None:
    assert not is_safe_path(path)
