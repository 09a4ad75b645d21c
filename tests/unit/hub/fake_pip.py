"""A small program that takes pip's arguments and serves wheels from a folder, or fails as it is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path


def main() -> int:
    index, command, *arguments = sys.argv[1:]
    assert command == "download"
    assert "--no-deps" in arguments
    folder = Path(index)
    destination = Path(next(a for a in arguments if a.startswith("--dest=")).removeprefix("--dest="))
    package, version = arguments[-1].split("==")
    for name, line in (("asked.txt", arguments[-1]), ("pids.txt", str(os.getpid()))):
        with (folder / name).open("a") as file:
            file.write(line + "\n")
    behaviour = json.loads((folder / "behaviour.json").read_text()) if (folder / "behaviour.json").exists() else {}
    wanted = behaviour.get(package.replace("-", "_"), "serve")
    (wheel,) = folder.glob(f"{package.replace('-', '_')}-{version}-*.whl")
    size = wheel.stat().st_size
    print(f"Collecting {package}")
    # What a real download has not finished lies in the folder for temporary files.
    (Path(os.environ["TMPDIR"]) / "half").write_bytes(b"half")
    print(f"Progress 0 of {size}", flush=True)
    if wanted in ("hang", "ignore"):
        if wanted == "ignore":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(f"Progress {size // 2} of {size}", flush=True)
        threading.Event().wait()
    if wanted != "serve":
        print("WARNING: trying again: https://user:secret@mirror.example", file=sys.stderr)
        print(f"ERROR: {wanted}", file=sys.stderr)
        return 1
    print(f"Progress {size} of {size}")
    shutil.copy(wheel, destination)
    return 0


sys.exit(main())
