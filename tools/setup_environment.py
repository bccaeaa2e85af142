"""Create `.venv` from requirements.lock and install the package into it; `make setup` calls this.

Uses the standard library alone and runs from Python 3.6 on, so that an interpreter that is too old
gets a sentence instead of a syntax error. A second run finds its stamp and returns at once.
"""

import argparse
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parent.parent
# What `--torch` replaces: PyTorch and the CUDA libraries that its default Linux build needs.
TORCH_PACKAGES = ("torch", "torchvision")
CUDA_PACKAGES = re.compile(r"(nvidia-|cuda-|triton$)")

NO_NETWORK = """
The packages could not be fetched: the package index did not answer.
Setting up needs a network connection once (about 3 GB on Linux, see TORCH=cpu in the README);
the book itself then works offline. Check the connection (or the proxy settings) and run the same
command again: what was already downloaded is kept.
"""
NO_VENV = """
This Python cannot create virtual environments (its `venv` module is incomplete).
On Debian or Ubuntu: sudo apt install python3-venv   Then run the same command again.
"""
NETWORK_TROUBLE = re.compile(r"(?i)connection|resolv|timed? ?out|network|no matching distribution")
INSTALL_FAILED = """
Installing the packages failed; the lines above say where. If they speak of connections, names that
cannot be resolved or time-outs, the network is missing: run the same command again when it is back.
If they speak of space, about 8 GB are needed (2 GB with `make setup TORCH=cpu`).
"""


class SetupError(Exception):
    """Something the user can act on; its text is printed without a traceback."""


def check_python(version):
    """Raise SetupError unless `version`, a tuple like `sys.version_info`, is supported."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise SetupError(
            "The book needs Python {}.{} to {}.{}; this is Python {}.{} ({}).\n"
            "Install one of them (python.org, conda, your system's packages) and name it:\n"
            "    make setup PYTHON=python3.12".format(
                *OLDEST, *NEWEST, *version[:2], sys.executable
            )
        )


def split_lock(lock):
    """Split the lock's text for another build of PyTorch.

    Returns the lock without torch, torchvision and the CUDA libraries, and the two pins,
    for instance ["torch==2.15.0", "torchvision==0.29.2"].
    """
    kept, pins = [], []
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", lock):
        name = re.split(r"[=<>!~\s\[]", entry, maxsplit=1)[0].lower()
        if name in TORCH_PACKAGES:
            pins.append(entry.split()[0])
        elif not CUDA_PACKAGES.match(name):
            kept.append(entry)
    return "".join(kept), pins


def commands(venv, torch, lock):
    """The commands that fill the environment, in order, each a list of arguments.

    `torch` is "default" (the build of the lock) or a name that uv's --torch-backend takes
    ("cpu", "auto", "cu130", ...).
    """
    python = str(venv_python(venv))
    install = [python, "-m", "uv", "pip", "install", "--python", python]
    if torch == "default":
        fill = [install + ["--require-hashes", "-r", str(lock)]]
    else:
        rest = venv / "requirements-without-torch.lock"
        kept, pins = split_lock(lock.read_text(encoding="utf-8"))
        if venv.is_dir():
            rest.write_text(kept, encoding="utf-8")
        fill = [
            install + ["--require-hashes", "--no-deps", "-r", str(rest)],
            install + ["--torch-backend", torch] + pins,
        ]
    return fill + [install + ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]]


def venv_python(venv):
    """Path of the environment's interpreter on this system."""
    windows = platform.system() == "Windows"
    return venv / ("Scripts/python.exe" if windows else "bin/python")


def fingerprint(torch):
    """What the environment depends on: when this text is unchanged there is nothing to do."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "tools/setup_environment.py"):
        digest.update((ROOT / name).read_bytes())
    digest.update(str(ROOT).encode())  # scripts and the editable install name the folder
    return f"python {platform.python_version()} torch {torch}\n{digest.hexdigest()}\n"


def chosen_build(venv, torch):
    """The build of PyTorch to install; "keep" is the one that is there, else the lock's."""
    if torch != "keep":
        return torch
    stamp = venv / "up-to-date"
    found = re.search(r"(?m) torch (\S+)$", stamp.read_text()) if stamp.is_file() else None
    return found.group(1) if found else "default"


def create(venv):
    """Make an empty environment."""
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)])
    if made.returncode:
        raise SetupError(NO_VENV)


def fetch_uv(venv):
    """Install uv, which installs everything else, into the environment."""
    pip = [str(venv_python(venv)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    fetched = subprocess.run(pip + [UV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if fetched.returncode:
        said = fetched.stdout.decode(errors="replace")
        sys.stderr.write(said)
        raise SetupError(NO_NETWORK if NETWORK_TROUBLE.search(said) else INSTALL_FAILED)


def set_up(venv, torch, dry_run=False):
    """Bring the environment up to date; prints what it does. Raises SetupError."""
    lock = ROOT / "requirements.lock"
    stamp = venv / "up-to-date"
    torch = chosen_build(venv, torch)
    wanted = fingerprint(torch)
    if dry_run:
        for command in commands(venv, torch, lock):
            print(" ".join(shlex.quote(part) for part in command))
        return
    found = stamp.read_text() if stamp.is_file() else ""
    if found == wanted:
        return
    print(f"Setting up {venv.name} (once; a few minutes) ...", flush=True)
    # The same interpreter and the same build of PyTorch: bring what is there up to date.
    if found.splitlines()[:1] != wanted.splitlines()[:1]:
        create(venv)
    fetch_uv(venv)
    for command in commands(venv, torch, lock):
        if subprocess.run(command, env={**os.environ, "VIRTUAL_ENV": str(venv)}).returncode:
            raise SetupError(INSTALL_FAILED)
    stamp.write_text(wanted)


def main(arguments=None):
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Create .venv from requirements.lock.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where (default: .venv)")
    parser.add_argument(
        "--torch",
        default="keep",
        metavar="BUILD",
        help="default: as in the lock; cpu, auto, cu130, ...: what uv's --torch-backend takes; "
        "keep: what is installed, else the lock's",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands and stop")
    options = parser.parse_args(arguments)
    try:
        check_python(sys.version_info)
        set_up(options.venv.resolve(), options.torch, options.dry_run)
    except SetupError as error:
        sys.stderr.write(str(error).strip() + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
