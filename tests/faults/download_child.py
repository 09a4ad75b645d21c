"""A program that downloads what it is told, for tests that end it: one line for every state.

    python -m tests.faults.download_child HOME ENDPOINT PIECE_BYTES CONNECTIONS [REPOSITORY COMMIT PATH]

Without the last three it works on the queue that it finds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.errors import HubError
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Downloads, connecting
from workbench.hub.transfer import Manners
from workbench.hub.wanted import Wanted
from workbench.jobs import run
from workbench.models.file import Origin
from workbench.store.database import Database


def main(home: str, endpoint: str, piece_bytes: str, connections: str, *origin: str) -> int:
    manners = Manners(connections=int(connections), piece_bytes=int(piece_bytes), floor_bytes=1, tick_s=0.002)
    with Database(Path(home) / "data" / "w.sqlite3") as db:
        downloads = Downloads(
            db,
            Path(home) / "models",
            connecting(endpoint, offline=False),
            endpoint=endpoint,
            manners=manners,
        )
        if origin:
            downloads.add(Wanted.of_origin(Origin(*origin)))
        try:
            run(downloads.work(), on_event=_say)
        except HubError as error:
            print("error", error.code, flush=True)
        return 0 if all(one.state.value == "done" for one in downloads.listing()) else 1


def _say(state: DownloadState) -> None:
    print(state.phase.value, state.done_bytes, state.error.code if state.error else "", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
