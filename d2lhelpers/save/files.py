"""The whole export, and the only place that writes."""

import contextlib
import difflib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .notebooks import read_notebooks
from .package import read_package
from .problems import ExportError, Problem
from .render import render
from .resolve import collect, resolve


@dataclass(frozen=True)
class Plan:
    """What the package should hold: file -> text, and the generated files to be removed."""

    files: dict[Path, str]
    stale: list[Path]

    def changed(self) -> dict[Path, str]:
        """The files whose text differs from the one on disk."""
        return {path: text for path, text in self.files.items() if _read(path) != text.encode()}

    def diff(self) -> str:
        """A unified diff from the package to the plan; empty if they agree."""
        lines: list[str] = []
        new: dict[Path, str] = {**self.changed(), **dict.fromkeys(self.stale, "")}
        for path, text in sorted(new.items()):
            old = (_read(path) or b"").decode("utf-8", errors="replace")
            before = f"{path} (in the package)" if path.exists() else "/dev/null"
            after = "/dev/null" if path in self.stale else f"{path} (from the notebooks)"
            piece = list(
                difflib.unified_diff(
                    old.splitlines(keepends=True), text.splitlines(keepends=True), before, after
                )
            )
            # Also where only line endings differ there is something to see.
            lines += piece or [f"--- {before}\n", f"+++ {after}\n"]
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


@dataclass(frozen=True)
class Changes:
    """What an export did."""

    written: list[Path]
    removed: list[Path]
    unchanged: list[Path]


def plan(notebooks: Path, package: Path) -> Plan:
    """What the notebooks below a folder save into a package. Writes nothing.

    Raises FileNotFoundError when there is no such folder of notebooks, ExportError with all
    problems found when anything is wrong in the notebooks.
    """
    if not notebooks.is_dir():
        raise FileNotFoundError(f"there is no folder of notebooks at {notebooks}")
    if package.exists() and not package.is_dir():
        raise NotADirectoryError(f"the package {package} is not a folder")
    chapters, problems = read_notebooks(notebooks)
    target, wrong = read_package(package)
    problems += wrong
    marked, wrong = collect(chapters, target)
    problems += wrong
    modules, wrong = resolve(marked, target)
    problems += wrong
    if problems:
        raise ExportError(problems)
    try:
        texts = render(modules, target)
    except RuntimeError as error:
        raise ExportError([Problem(str(notebooks), 0, 0, str(error))]) from error
    files = {package / name: text for name, text in sorted(texts.items())}
    stale = [path for path in target.generated.values() if path not in files]
    return Plan(files, sorted(stale))


def export(notebooks: Path, package: Path) -> Changes:
    """Bring the package up to date with the notebooks below a folder.

    Unchanged files are not touched. Raises like `plan`; then nothing has been written.
    """
    planned = plan(notebooks, package)
    changed = planned.changed()
    package.mkdir(parents=True, exist_ok=True)
    _replace(changed)
    for path in planned.stale:
        path.unlink()
    unchanged = [path for path in planned.files if path not in changed]
    return Changes(list(changed), planned.stale, unchanged)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _replace(texts: dict[Path, str]) -> None:
    """Write all texts beside their files first, then put them in place one by one."""
    ready: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            ready[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
            os.chmod(name, path.stat().st_mode if path.exists() else 0o666 & ~_umask())
        for path, temporary in ready.items():
            os.replace(temporary, path)
    finally:
        for temporary in ready.values():
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
