"""Building the web edition for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build(notebooks: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Run docs/build.py; the pages are in `output`/html."""
    command = [sys.executable, str(ROOT / "docs" / "build.py")]
    options = ["--notebooks", str(notebooks), "--output", str(output)]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=300)
