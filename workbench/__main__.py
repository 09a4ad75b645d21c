"""The program: the command line, the window, or a child process of either."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    if sys.argv[1:] == ["--engine-child"]:
        from workbench.engine import isolated_child

        return isolated_child.serve()
    if sys.argv[1:] == ["--child"]:
        from workbench.engine import child

        return child.serve()
    from workbench.cli.main import run

    return run(sys.argv[1:], open_window)


def open_window(data_dir: Path | None) -> int:
    """Open the window, or raise the one that is open on the same data folder; its exit status."""
    from workbench.app import Workbench
    from workbench.gui.data.starting_again import START_AGAIN
    from workbench.gui.run import run_window

    while True:
        with Workbench.open(data_dir=data_dir) as workbench:
            status = run_window(workbench)
        if status != START_AGAIN:
            return status


if __name__ == "__main__":
    sys.exit(main())
