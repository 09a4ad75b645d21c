"""Access tokens: one for each hub, kept by the system, shown to nobody."""

from __future__ import annotations

import logging
from pathlib import Path

import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from workbench.hub.tokens import TokenError, Tokens, TokenSource, origin_of

HUB, MIRROR = "https://huggingface.co", "https://mirror.example:8443/hub"


class Ring(keyring.backend.KeyringBackend):
    """A store in memory."""

    priority = 1  # type: ignore[assignment]  # the library declares a property of the class

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("not found")
        del self.kept[service, username]


class Locked(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("hf_canary is behind a password")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.PasswordSetError(f"refused {password}")


def test_a_token_is_kept_for_its_own_hub_only() -> None:
    tokens = Tokens(environment={}, keyring=Ring())
    tokens.keep(HUB, " hf_secret\n")
    assert tokens.token(HUB) == "hf_secret"
    assert tokens.token(f"{HUB}:443/") == "hf_secret"
    assert tokens.token(MIRROR) is None
    assert tokens.state(HUB).source is TokenSource.KEYRING
    assert tokens.forget(HUB)
    assert not tokens.forget(HUB)
    assert tokens.state(HUB).source is TokenSource.NONE


def test_a_token_that_another_process_kept_or_forgot_is_seen_when_asked_again() -> None:
    ring = Ring()
    tokens, elsewhere = Tokens(environment={}, keyring=ring), Tokens(environment={}, keyring=ring)
    assert tokens.token(HUB) is None
    elsewhere.keep(HUB, "hf_secret")
    assert tokens.token(HUB) is None, "the store is not asked by every connection"
    tokens.ask_again(HUB)
    assert tokens.token(HUB) == "hf_secret"
    elsewhere.forget(HUB)
    tokens.ask_again(HUB)
    assert tokens.token(HUB) is None


def test_a_store_that_did_not_open_is_not_knocked_at_again_unasked() -> None:
    class Counting(Locked):
        asked = 0

        def get_password(self, service: str, username: str) -> str | None:
            Counting.asked += 1
            return super().get_password(service, username)

    tokens = Tokens(environment={}, keyring=Counting())
    for _ in range(3):
        assert tokens.token(HUB) is None
        tokens.ask_again(HUB)
    assert Counting.asked == 1


def test_the_environments_token_is_for_the_environments_hub() -> None:
    tokens = Tokens(environment={"HF_TOKEN": "hf_env"}, keyring=Ring())
    assert tokens.token(HUB) == "hf_env"
    assert tokens.token(MIRROR) is None, "a mirror of the settings is not handed it"
    tokens = Tokens(environment={"HF_TOKEN": "hf_env", "HF_ENDPOINT": MIRROR}, keyring=Ring())
    assert tokens.token(MIRROR) == "hf_env"
    assert tokens.token(HUB) is None


def test_the_environment_goes_before_the_store() -> None:
    ring = Ring()
    Tokens(environment={}, keyring=ring).keep(HUB, "hf_kept")
    tokens = Tokens(environment={"HF_TOKEN": "hf_env"}, keyring=ring)
    assert tokens.token(HUB) == "hf_env"
    assert tokens.state(HUB).source is TokenSource.ENVIRONMENT


@pytest.mark.parametrize("token", ["", "  ", "a b", "hf_\r\nX-Evil: 1", "hf_ü", "x" * 5000])
def test_what_is_no_token_is_neither_kept_nor_sent(token: str) -> None:
    ring = Ring()
    with pytest.raises(TokenError, match="no access token"):
        Tokens(environment={}, keyring=ring).keep(HUB, token)
    assert ring.kept == {}
    assert Tokens(environment={"HF_TOKEN": token}, keyring=ring).token(HUB) is None


def test_a_store_that_does_not_open_is_said_without_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens(environment={}, keyring=Locked())
    with caplog.at_level(logging.DEBUG):
        assert tokens.token(HUB) is None
        problem = tokens.state(HUB).problem
        with pytest.raises(TokenError) as caught:
            tokens.keep(HUB, "hf_canary")
    assert problem is not None
    for text in (caplog.text, problem, caught.value.message, caught.value.hint or ""):
        assert "hf_canary" not in text


def test_a_system_without_a_store_is_told_of_the_variable() -> None:
    tokens = Tokens(environment={}, keyring=keyring.backends.fail.Keyring())
    assert tokens.token(HUB) is None
    assert "no password store" in (tokens.state(HUB).problem or "")
    with pytest.raises(TokenError) as caught:
        tokens.keep(HUB, "hf_secret")
    assert "HF_TOKEN" in (caught.value.hint or "")
    assert not tokens.forget(HUB)


def test_a_store_that_is_switched_off_is_told_of_the_variable_too() -> None:
    tokens = Tokens(environment={}, keyring=keyring.backends.null.Keyring())
    with pytest.raises(TokenError, match="password store is off") as caught:
        tokens.keep(HUB, "hf_secret")
    assert "HF_TOKEN" in (caught.value.hint or "")


@pytest.mark.parametrize("named", ["HF_TOKEN_PATH", "HF_HOME", "XDG_CACHE_HOME", "HOME", "USERPROFILE"])
def test_the_token_of_the_hubs_own_command_line_is_used_where_there_is_no_other(tmp_path: Path, named: str) -> None:
    below = {"HF_TOKEN_PATH": "", "HF_HOME": "token", "XDG_CACHE_HOME": "huggingface/token"}
    path = tmp_path / "there" / below.get(named, ".cache/huggingface/token")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("hf_of_the_file\n")
    environment = {named: str(tmp_path / "there")}
    tokens = Tokens(environment=environment, keyring=Ring())
    assert tokens.token(HUB) == "hf_of_the_file"
    assert tokens.state(HUB).source is TokenSource.HF_FILE
    assert tokens.token(MIRROR) is None, "a mirror of the settings is not handed it"
    tokens.keep(HUB, "hf_kept")
    assert tokens.token(HUB) == "hf_kept"
    path.write_bytes(b"\xff\0 no token")
    tokens.forget(HUB)
    assert tokens.token(HUB) is None


def test_without_a_store_the_file_counts_and_what_is_wrong_with_the_store_is_said(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_of_the_file")
    tokens = Tokens(environment={"HF_HOME": str(tmp_path)}, keyring=keyring.backends.fail.Keyring())
    state = tokens.state(HUB)
    assert tokens.token(HUB) == "hf_of_the_file"
    assert (state.source, "no password store" in (state.problem or "")) == (TokenSource.HF_FILE, True)


def test_nothing_that_is_shown_holds_the_token() -> None:
    tokens = Tokens(environment={"HF_TOKEN": "hf_canary"}, keyring=Ring())
    assert "hf_canary" not in repr(tokens.state(HUB)) + repr(tokens)


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://HuggingFace.co/", "https://huggingface.co"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/x/y", "http://[::1]:8080"),
        ("https://hub.example:443", "https://hub.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port(endpoint: str, origin: str) -> None:
    assert origin_of(endpoint) == origin


@pytest.mark.parametrize("endpoint", ["", "huggingface.co", "ftp://x", "https://user@huggingface.co", "https://x?y"])
def test_an_address_without_an_origin_is_refused(endpoint: str) -> None:
    with pytest.raises(TokenError):
        origin_of(endpoint)


def test_the_store_is_asked_once_until_a_token_is_kept_or_forgotten() -> None:
    asked: list[str] = []

    class Counting(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            asked.append(username)
            return super().get_password(service, username)

    tokens = Tokens(environment={}, keyring=Counting())
    assert [tokens.token(HUB) for _ in range(3)] == [None, None, None]
    assert len(asked) == 1, "a locked store asks the user for a password each time"
    tokens.keep(HUB, "hf_secret")
    asked.clear()
    assert [tokens.token(HUB) for _ in range(3)] == ["hf_secret"] * 3
    assert len(asked) == 1
    tokens.forget(HUB)
    assert tokens.token(HUB) is None
