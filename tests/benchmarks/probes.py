"""What is promised about answers, prompts and hostile input, tried out: python -m tests.benchmarks.probes

    bits        which ways of asking give the same bits (tests.benchmarks.determinism)
    templates   prompts beside independent references (tests.benchmarks.templates)
    hostile     templates and files made to do harm (tests.benchmarks.hostile_templates, hostile_files)

Each is a program of its own and runs in a process of its own; here they are short.  The status is 1 where one of them
found a promise broken.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

PROBES: dict[str, tuple[tuple[str, ...], ...]] = {
    "bits": (("determinism",),),
    "templates": (("templates",),),
    "hostile": (("hostile_templates",), ("hostile_files", "--flips", "12")),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default=",".join(PROBES), help="probes, with commas between them: %(default)s")
    chosen = parser.parse_args().only.split(",")
    if unknown := [name for name in chosen if name not in PROBES]:
        parser.error(f"no such probe: {', '.join(unknown)}")
    broken = []
    for name, *rest in [command for probe in chosen for command in PROBES[probe]]:
        print(f"\n=== {name} {' '.join(rest)}", flush=True)
        began = time.monotonic()
        status = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", *rest], check=False).returncode
        print(f"=== {name}: status {status}, {time.monotonic() - began:.0f} s", flush=True)
        if status:
            broken.append(name)
    print(f"\npromises broken: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
