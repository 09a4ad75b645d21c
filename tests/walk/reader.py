"""What a screen reader is told of the window: names, roles, states and places, over the accessibility bus."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from jeepney import DBusAddress, DBusErrorResponse, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

ACCESSIBLE = "org.a11y.atspi.Accessible"
COMPONENT = "org.a11y.atspi.Component"
REGISTRY = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
ON_SCREEN = 0  # coordinates of the screen rather than of the window
CHECKED, ENABLED, FOCUSED, SHOWING = 4, 8, 12, 25  # places in the set of states, as AT-SPI numbers them
ANSWER_S = 20
SERVICE = Path("/usr/share/dbus-1/services/org.a11y.Bus.service")

Reference: TypeAlias = tuple[str, str]


def available() -> bool:
    """Whether this machine has what it takes to be a screen reader."""
    return bool(shutil.which("dbus-daemon")) and SERVICE.exists()


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing on the screen; its place in pixels of the screen."""

    name: str
    role: str
    states: int
    x: int
    y: int
    width: int
    height: int

    def has(self, state: int) -> bool:
        return bool(self.states >> state & 1)

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


class ScreenReader:
    """Reads the programs on one session bus."""

    def __init__(self, connection: DBusConnection) -> None:
        self._bus = connection

    def everything(self) -> Iterator[Seen]:
        """What is showing now, windows first; what goes away while it is read is left out."""
        for program in self._children(REGISTRY):
            yield from self._below(program, inside=False)

    def _below(self, reference: Reference, *, inside: bool) -> Iterator[Seen]:
        try:
            seen = self._look_at(reference) if inside else None
            children = self._children(reference)
        except (DBusErrorResponse, KeyError):
            return
        if seen is not None:
            if not seen.has(SHOWING):
                return
            yield seen
        for child in children:
            yield from self._below(child, inside=True)

    def _look_at(self, reference: Reference) -> Seen:
        name = self._call(reference, "org.freedesktop.DBus.Properties", "Get", "ss", ACCESSIBLE, "Name")[0][1]
        role = self._call(reference, ACCESSIBLE, "GetRoleName")[0]
        low, high = self._call(reference, ACCESSIBLE, "GetState")[0]
        x, y, width, height = self._call(reference, COMPONENT, "GetExtents", "u", ON_SCREEN)[0]
        return Seen(name, role, low | high << 32, x, y, width, height)

    def _children(self, reference: Reference) -> list[Reference]:
        return [(name, path) for name, path in self._call(reference, ACCESSIBLE, "GetChildren")[0]]

    def _call(self, to: Reference, interface: str, method: str, signature: str | None = None, *body: object) -> Any:
        message = new_method_call(DBusAddress(to[1], to[0], interface), method, signature, body)
        reply = self._bus.send_and_get_reply(message, timeout=ANSWER_S)
        if reply.header.message_type.name == "error":
            raise DBusErrorResponse(reply)
        return reply.body


@contextmanager
def session(environment: dict[str, str]) -> Iterator[ScreenReader]:
    """A session bus of its own for what is started with this environment, and a reader on it."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address"]
    daemon = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        environment |= {"DBUS_SESSION_BUS_ADDRESS": address, "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}
        with open_dbus_connection(address) as bus:
            launcher = DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus")
            reply = bus.send_and_get_reply(new_method_call(launcher, "GetAddress"), timeout=ANSWER_S)
            with open_dbus_connection(reply.body[0]) as accessibility:
                yield ScreenReader(accessibility)
    finally:
        daemon.terminate()
        daemon.communicate(timeout=10)
