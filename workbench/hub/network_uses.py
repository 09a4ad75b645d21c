"""Everything this program can use the network for, and whether it may now; there is nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from workbench.words import said

Uses: TypeAlias = Literal["allowed", "off", "this machine only"]


@dataclass(frozen=True, slots=True)
class NetworkUse:
    """``what`` for, ``to`` whom, ``when`` it happens, its ``state`` now, and the ``switch`` that stops it.

    ``to`` names hosts as far as they are known before.  What stays on "this machine only" has no switch.
    """

    what: str
    to: str
    when: str
    state: Uses
    switch: str | None


OFFLINE = "Offline"


def network_uses(*, endpoint: str, offline: bool) -> tuple[NetworkUse, ...]:
    """Every use with its state; tests hold the list against what the program's modules import."""
    state: Uses = "off" if offline else "allowed"
    hub = endpoint
    return (
        NetworkUse(said("Searching for models"), hub, said("when you search"), state, OFFLINE),
        NetworkUse(
            said("Looking at a repository: its list of files, their headers, and the licence's text"),
            said("{hub}, and the addresses it leads to for the files", hub=hub),
            said("when you open a repository, ask what of it fits, or are shown its licence"),
            state,
            OFFLINE,
        ),
        NetworkUse(
            said("Downloading models"),
            said("{hub}, and the addresses it leads to for the files", hub=hub),
            said("while a download that you asked for is not finished, also after a restart"),
            state,
            OFFLINE,
        ),
        NetworkUse(
            said("Bringing the catalogue up to date"),
            said("{hub}, or the address of a catalogue that you named", hub=hub),
            said("when you refresh an entry or add a catalogue"),
            state,
            OFFLINE,
        ),
        NetworkUse(
            said("Asking whose an access token is"),
            hub,
            said("when you press Check beside a token"),
            state,
            OFFLINE,
        ),
        NetworkUse(
            said("Getting the starter models"),
            said("the package index that pip is set up for"),
            said("when you ask for them, unless they are here already"),
            state,
            OFFLINE,
        ),
        NetworkUse(
            said("Opening a link"),
            said("the address that is shown, in your browser"),
            said("when you confirm it; this program itself asks nothing"),
            "this machine only",
            None,
        ),
        NetworkUse(
            said("Telling a second start of the program that a window is open"),
            said("this machine, by a local socket"),
            said("when the window starts"),
            "this machine only",
            None,
        ),
    )
