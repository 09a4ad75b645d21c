"""Conversations in the groups that the sidebar shows them in, and moments as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from workbench.chat.stored import Listed
from workbench.gui.tr import tr

DAYS = 7


@dataclass(frozen=True, slots=True)
class Group:
    """``key`` stays the same whatever is in it; ``folder`` where it is one."""

    key: str
    title: str
    entries: tuple[Listed, ...]
    folder: str | None = None


def grouped(listed: Iterable[Listed], now: datetime) -> tuple[Group, ...]:
    """Pinned ones, folders by name, then by when they were last used; each conversation stands in one group."""
    pinned: list[Listed] = []
    folders: dict[str, list[Listed]] = {}
    moments: dict[str, list[Listed]] = {}
    first: dict[str, datetime] = {}
    for one in listed:
        if one.pinned:
            pinned.append(one)
        elif one.folder:
            folders.setdefault(one.folder, []).append(one)
        else:
            moment = datetime.fromisoformat(one.changed_at).astimezone(now.tzinfo)
            key = _age(moment, now)
            moments.setdefault(key, []).append(one)
            first.setdefault(key, moment)
    found = [Group("pinned", tr("Pinned"), tuple(pinned))] if pinned else []
    found += [
        Group(f"folder:{name}", name, tuple(folders[name]), folder=name)
        for name in sorted(folders, key=lambda name: (name.casefold(), name))
    ]
    named = {"today": tr("Today"), "week": tr("Last 7 days")}
    found += [Group(key, named.get(key) or f"{first[key]:%B %Y}", tuple(entries)) for key, entries in moments.items()]
    return tuple(found)


def _age(moment: datetime, now: datetime) -> str:
    if moment.date() >= now.date():  # a clock that was put back is no reason for a group of its own
        return "today"
    if moment.date() > (now - timedelta(days=DAYS)).date():
        return "week"
    return f"month:{moment.year}-{moment.month:02}"


def when(timestamp: str) -> str:
    """A stored time in this machine's time zone, short: "14:05" today, "3 May", "May 24" of an earlier year."""
    moment = datetime.fromisoformat(timestamp).astimezone()
    now = datetime.now().astimezone()
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b}" if moment.year == now.year else f"{moment:%b %y}"
