"""A newcomer walks through the whole program with keys and clicks: from an empty home to a file to send round."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.walk.reader import available
from tests.walk.steps import Look, take

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb and xdotool are for Linux"),
    pytest.mark.skipif(not (available() and shutil.which("xdotool")), reason="needs an accessibility bus and xdotool"),
]


def test_a_newcomer_gets_from_first_run_to_an_exported_comparison(tmp_path: Path) -> None:
    take(Look(), tmp_path / "home", out=None)
