"""Resolve pyproject.toml into requirements.lock and environment.yml; `make lock` calls this."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# torch and torchvision belong together: a pair that does not match fails at import.
CONSTRAINTS = "torch==2.15.0\ntorchvision==0.29.2\n"
ENVIRONMENT_HEADER = """\
# For conda users and Binder: `conda env create -f environment.yml`.
# The pip part repeats requirements.lock without its hashes; `make lock` writes both.
name: d2lhelpers
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.12
  - pip
  - pip:
"""


def resolve(lock: Path) -> None:
    """Write the lock for every supported Python and system: pins and hashes, no index address."""
    constraints = ROOT / "build" / "constraints.txt"
    constraints.parent.mkdir(exist_ok=True)
    constraints.write_text(CONSTRAINTS)
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--universal"]
    command += ["--python-version", "3.11", "--group", "dev", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-header", "--no-annotate"]
    command += ["--constraints", str(constraints), "--output-file", str(lock), "pyproject.toml"]
    subprocess.run(command, cwd=ROOT, check=True)


def requirements(lock: str) -> list[str]:
    """The requirement lines of a lock, without hashes: `name==version ; marker`."""
    lines = re.findall(r"(?m)^[A-Za-z0-9].*$", lock)
    return [line.rstrip(" \\") for line in lines]


def environment(lock: str) -> str:
    """The text of environment.yml that belongs to a lock."""
    pins = [f'      - "{requirement}"\n' for requirement in requirements(lock)]
    return ENVIRONMENT_HEADER + "".join(pins) + "      - -e .\n"


def main() -> None:
    """Write both files."""
    lock = ROOT / "requirements.lock"
    resolve(lock)
    (ROOT / "environment.yml").write_text(environment(lock.read_text()))


if __name__ == "__main__":
    main()
