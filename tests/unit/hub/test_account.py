"""Whose an access token is, as the hub says; the token goes to the hub's own origin alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loopback_hub import LoopbackHub
from workbench.errors import HubError, OfflineError
from workbench.hub.account import Account, TokenRefusedError, _read, account
from workbench.hub.switch import Switch
from workbench.jobs import run

TOKEN = "hf_one"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as serving:
        serving.accounts[TOKEN] = "anna"
        yield serving


def test_the_hub_says_whose_it_is_and_what_it_may(hub: LoopbackHub) -> None:
    connect = Switch(offline=False).connecting(hub.endpoint, token=lambda: TOKEN)
    assert run(account(connect)) == Account("anna", "read")


@pytest.mark.parametrize("token", ["hf_other", None])
def test_what_the_hub_does_not_know_is_refused_with_what_to_do(hub: LoopbackHub, token: str | None) -> None:
    connect = Switch(offline=False).connecting(hub.endpoint, token=lambda: token)
    with pytest.raises(TokenRefusedError) as refused:
        run(account(connect))
    assert refused.value.hint is not None
    assert token is None or token not in f"{refused.value.message} {refused.value.hint}"


def test_offline_nobody_is_asked(hub: LoopbackHub) -> None:
    connect = Switch(offline=True).connecting(hub.endpoint, token=lambda: TOKEN)
    with pytest.raises(OfflineError):
        run(account(connect))
    assert hub.served == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"name": 1}',
        b'{"name": ""}',
        b'{"name": "a\\nb"}',
        b'{"name": "%s"}' % (b"a" * 99),
    ],
)
def test_an_answer_that_names_nobody_is_no_account(body: bytes) -> None:
    with pytest.raises(HubError, match="does not say whose"):
        _read(body, "hub.example")


@pytest.mark.parametrize("auth", [b"1", b"null", b'{"accessToken": 1}', b'{"accessToken": {"role": ["read"]}}'])
def test_a_role_that_is_none_is_left_out(auth: bytes) -> None:
    assert _read(b'{"name": "anna", "auth": %s}' % auth, "hub.example") == Account("anna", None)
