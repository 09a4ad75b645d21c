"""Hostile chat templates, rendered in a process of their own: how each ends.

python -m tests.benchmarks.hostile_templates
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections import Counter

from tests.hostile_templates import HOSTILE

MEMORY_BYTES = 1 << 30
KILLED_AFTER_S = 60


def main() -> int:
    outcomes: Counter[str] = Counter()
    slowest_s, largest_bytes = 0.0, 0
    for name, text in HOSTILE.items():
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
        outcomes[outcome] += 1
        slowest_s = max(slowest_s, seconds)
        largest_bytes = max(largest_bytes, int(peak) if peak.isdigit() else 0)
        print(f"{name:58} {outcome:8} {seconds:5.1f} s  {message[:120]}")
    crashes = sum(count for outcome, count in outcomes.items() if outcome.startswith("crash"))
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
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
