"""`python -m d2lhelpers.save`: regenerate the saved modules, or check that they are up to date."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .files import export, plan
from .problems import ExportError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0: all is well. 1: problems in the notebooks, or a package that has drifted. 2: wrong usage.
    """
    own = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(
        prog="python -m d2lhelpers.save",
        description="Write what the notebooks mark with #@save into the modules of the package.",
    )
    parser.add_argument("--notebooks", type=Path, default=own.parent / "notebooks", metavar="DIR")
    parser.add_argument("--package", type=Path, default=own, metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; show a diff if the package has drifted"
    )
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if options.check:
            return _check(options.notebooks, options.package)
        changes = export(options.notebooks, options.package)
    except (FileNotFoundError, NotADirectoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ExportError as error:
        count = len(error.problems)
        print(error, file=sys.stderr)
        noun = "problem" if count == 1 else "problems"
        print(f"{count} {noun}; nothing was written", file=sys.stderr)
        return 1
    for path in changes.written:
        print(f"wrote {path}")
    for path in changes.removed:
        print(f"removed {path}")
    if not changes.written and not changes.removed:
        print(f"{options.package} is up to date")
    return 0


def _check(notebooks: Path, package: Path) -> int:
    difference = plan(notebooks, package).diff()
    if difference:
        print(difference, end="", flush=True)
        message = "the package has drifted from the notebooks: run python -m d2lhelpers.save"
        print(message, file=sys.stderr)
        return 1
    print(f"{package} is up to date with {notebooks}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
