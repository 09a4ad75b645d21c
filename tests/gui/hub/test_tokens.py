"""The access token in the window: entered, checked on a click, kept in the system's store, forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoStore
from pytestqt.qtbot import QtBot

from tests.gui.hub.conftest import Publisher, consent, remote_line
from tests.loopback_hub import Faults, LoopbackHub
from workbench.app import Workbench
from workbench.gui.hub.self_check import SelfCheckDialog
from workbench.gui.hub.token_dialog import TokenDialog
from workbench.gui.window import MainWindow
from workbench.hub.download_rows import State
from workbench.hub.tokens import VARIABLES, Tokens

TOKEN = "hf_letMeIn"


class Store(KeyringBackend):
    """A password store that holds what it is given."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The system's password store, and no token from elsewhere."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before, made = keyring.get_keyring(), Store()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def opened(window: MainWindow, qtbot: QtBot) -> TokenDialog:
    window.menus.actions["token"].trigger()
    (dialog,) = window.findChildren(TokenDialog)
    qtbot.waitUntil(lambda: not dialog.busy)
    return dialog


def test_a_token_is_kept_in_the_systems_store_and_forgotten_again(
    window: MainWindow, store: Store, hub: LoopbackHub, qtbot: QtBot
) -> None:
    dialog = opened(window, qtbot)
    assert dialog.state.text() == "There is no token."
    assert not dialog.keep_button.isEnabled()
    dialog.field.setText(TOKEN)
    dialog.keep_button.click()
    qtbot.waitUntil(dialog.forget_button.isVisible)
    assert list(store.kept.values()) == [TOKEN]
    assert dialog.field.text() == ""
    assert "password store" in dialog.state.text()
    assert not hub.served
    dialog.forget_button.click()
    qtbot.waitUntil(lambda: dialog.state.text() == "There is no token.")
    assert store.kept == {}


def test_checking_asks_the_hub_only_on_the_click_and_says_whose_it_is(
    window: MainWindow, store: Store, hub: LoopbackHub, qtbot: QtBot
) -> None:
    hub.accounts[TOKEN] = "anna"
    dialog = opened(window, qtbot)
    dialog.field.setText(TOKEN)
    assert not hub.served
    dialog.check_button.click()
    qtbot.waitUntil(lambda: "account “anna”" in dialog.notice.message.text())
    assert [one.target for one in hub.served] == ["/api/whoami-v2"]
    assert store.kept == {}
    dialog.field.setText("hf_mistyped")
    dialog.check_button.click()
    qtbot.waitUntil(lambda: "does not take this token" in dialog.notice.message.text())


def test_offline_a_token_is_not_checked(window: MainWindow, store: Store, bench: Workbench, qtbot: QtBot) -> None:
    bench.set_offline(True)
    dialog = opened(window, qtbot)
    dialog.field.setText(TOKEN)
    dialog.check_button.click()
    qtbot.waitUntil(lambda: "switched off" in dialog.notice.message.text())


def test_what_is_no_token_is_refused_in_place(window: MainWindow, store: Store, qtbot: QtBot) -> None:
    dialog = opened(window, qtbot)
    dialog.field.setText("two words")
    dialog.keep_button.click()
    qtbot.waitUntil(lambda: "no access token" in dialog.notice.message.text())
    assert store.kept == {}


def test_a_machine_without_a_password_store_names_the_variable(window: MainWindow, qtbot: QtBot) -> None:
    keyring.set_keyring(NoStore())
    dialog = opened(window, qtbot)
    assert "HF_TOKEN" in dialog.where.text()


def test_the_self_check_leads_to_it(window: MainWindow, store: Store, qtbot: QtBot) -> None:
    window.menus.actions["self-check"].trigger()
    (check,) = window.findChildren(SelfCheckDialog)
    check.token_button.click()
    qtbot.waitUntil(lambda: any(one.isVisible() for one in window.findChildren(TokenDialog)))
    check.accept()


def test_a_token_kept_from_the_command_line_is_seen_by_the_next_download(
    shown: MainWindow, publisher: Publisher, bench: Workbench, store: Store, qtbot: QtBot
) -> None:
    consent(bench, publisher)
    repository = publisher.hub.repository("bartowski/Llama-3.2-1B-Instruct-GGUF")
    assert repository is not None
    repository.gated, repository.faults = "manual", Faults(token=TOKEN)
    remote_line(shown, "Q8_0").get_button.click()
    qtbot.waitUntil(lambda: [item.download.state for item in shown.traffic.items] == [State.FAILED])
    Tokens(environment={}, keyring=store).keep(publisher.hub.endpoint, TOKEN)
    qtbot.waitUntil(lambda: not shown.traffic.working)
    shown.dock.drawer.rows[0].resume_button.click()
    qtbot.waitUntil(lambda: [item.download.state for item in shown.traffic.items] == [State.DONE])


def test_a_download_that_needs_an_account_offers_to_enter_a_token(
    shown: MainWindow, publisher: Publisher, bench: Workbench, store: Store, qtbot: QtBot
) -> None:
    consent(bench, publisher)
    hub = publisher.hub
    repository = hub.repository("bartowski/Llama-3.2-1B-Instruct-GGUF")
    assert repository is not None
    repository.gated, repository.faults = "manual", Faults(token=TOKEN)
    remote_line(shown, "Q8_0").get_button.click()
    drawer = shown.dock.drawer
    qtbot.waitUntil(lambda: [item.download.state for item in shown.traffic.items] == [State.FAILED])
    drawer.rows[0].token_button.click()
    qtbot.waitUntil(lambda: bool(shown.findChildren(TokenDialog)))
    (dialog,) = shown.findChildren(TokenDialog)
    qtbot.waitUntil(lambda: not dialog.busy)
    dialog.field.setText(TOKEN)
    dialog.keep_button.click()
    qtbot.waitUntil(lambda: list(store.kept.values()) == [TOKEN])
    dialog.reject()
    drawer.rows[0].resume_button.click()
    qtbot.waitUntil(lambda: [item.download.state for item in shown.traffic.items] == [State.DONE])
