"""Hostile chat templates, rendered in a process of their own: how each ends.

python -m tests.benchmarks.hostile_templates
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.hostile_templates import HOSTILE

MEMORY_BYTES = 1 << 30
KILLED_AFTER_S = 120


@dataclass(frozen=True, slots=True)
class Ending:
    outcome: str
    seconds: float
    peak_bytes: int
    message: str


def tried(text: str) -> Ending:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "render"],
        input=text.encode("utf-8", errors="surrogatepass"),
        capture_output=True,
        timeout=KILLED_AFTER_S,
    )
    seconds = time.perf_counter() - began
    *_, said = done.stdout.decode(errors="replace").strip().splitlines() or ["nothing"]
    outcome, _, rest = said.partition(" ")
    peak, _, message = rest.partition(" ")
    outcome = outcome if done.returncode == 0 else f"crash {done.returncode}"
    return Ending(outcome, seconds, int(peak) if peak.isdigit() else 0, message)


def main() -> int:
    endings = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, ending in zip(HOSTILE, pool.map(tried, HOSTILE.values()), strict=True):
            endings.append(ending)
            print(f"{name:58} {ending.outcome:8} {ending.seconds:5.1f} s  {ending.message[:120]}", flush=True)
    outcomes = Counter(ending.outcome for ending in endings)
    crashes = sum(count for outcome, count in outcomes.items() if outcome.startswith("crash"))
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    slowest_s, largest_bytes = max(one.seconds for one in endings), max(one.peak_bytes for one in endings)
    print(f"{len(HOSTILE)} tried, {crashes} crashes ({told})")
    print(f"slowest {slowest_s:.1f} s with the start of a process, largest {largest_bytes / 1024**2:.0f} MiB in use")
    return 1 if outcomes["refused"] + outcomes["empty"] != len(HOSTILE) else 0


def render() -> None:
    """One template from standard input, within bounds that the program itself does not have."""
    from tests.template_references import CONVERSATIONS, TODAY, Letters
    from workbench.engine.prompt import PromptWriter
    from workbench.engine.templates import TemplateChoice
    from workbench.errors import TemplateError

    text = sys.stdin.buffer.read().decode("utf-8", errors="surrogatepass")
    resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY_BYTES, 2 * MEMORY_BYTES))
    try:
        prompt = PromptWriter(Letters(), TemplateChoice("user", text), today=TODAY).write(CONVERSATIONS["question"])
        outcome, message = ("written", repr(prompt.rendered.text)) if prompt.rendered.text else ("empty", "")
    except TemplateError as error:
        outcome, message = "refused", error.message.replace("\n", " ")
    print(outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, message)


if __name__ == "__main__":
    render() if sys.argv[1:] == ["render"] else sys.exit(main())
