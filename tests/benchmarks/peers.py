"""llama.cpp's own programs, beside which the engine is measured, and how they are started and always ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.engine.child_limits import die_with_starter

STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Peers:
    """Where they lie; None: nowhere."""

    folder: Path | None

    def program(self, name: str) -> Path | None:
        """One of them; None, and a word to the reader, where it is missing."""
        found = None if self.folder is None else self.folder / (f"{name}.exe" if os.name == "nt" else name)
        if found is None or not found.is_file():
            print(f"{name} is missing, so nothing is measured against it: make bench-engine builds it", file=sys.stderr)
            return None
        return found


def finished(command: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """A program after it has ended, with what it printed.  It ends with this one, whatever ends that."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=_with_us())
    if done.returncode:
        raise SystemExit(f"{words[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done


def end_on_terminate() -> None:
    """SIGTERM unwinds as Ctrl-C does, so that everything that was started is ended."""

    def unwind(number: int, _: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, unwind)


class Server:
    """A llama-server that answers."""

    def __init__(self, port: int) -> None:
        self._port = port

    def completion(self, body: Mapping[str, object]) -> dict[str, Any]:
        """One answer, whole; the fields of its last event where it is streamed."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        try:
            connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise SystemExit(f"llama-server refused: {response.read(2000).decode(errors='replace')}")
            found: dict[str, Any] = _last_event(response) if body.get("stream") else json.loads(response.read())
            return found
        finally:
            connection.close()

    def is_up(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def serving(program: Path, flags: Mapping[str, object], more: Sequence[str] = ()) -> Iterator[Server]:
    """A server with these flags, at a free port of the loopback, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = {"--host": "127.0.0.1", "--port": port}
    command = [str(program), *(str(word) for pair in {**flags, **where}.items() for word in pair), *more]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "LLAMA_OFFLINE": "1"}, preexec_fn=_with_us()
        )
        try:
            server, until = Server(port), time.monotonic() + STARTS_WITHIN_S
            while not server.is_up():
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise SystemExit(f"llama-server did not start:\n{log.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.1)
            yield server
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _with_us() -> Any:
    return die_with_starter if sys.platform == "linux" else None


def _last_event(response: http.client.HTTPResponse) -> dict[str, Any]:
    """Reads server-sent events as they come, and takes each apart, as any reader of a stream has to."""
    last: dict[str, Any] = {}
    text = ""
    for raw in response:
        if raw.startswith(b"data: "):
            last = json.loads(raw[6:])
            text += last.get("content", "")
    return {**last, "content": text}
