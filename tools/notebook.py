"""The author's tool for notebooks: as text and back, run, normal form.

    python tools/notebook.py text  NB.ipynb > X.py     jupytext "percent" text
    python tools/notebook.py build X.py NB.ipynb       and back; unchanged cells keep outputs
    python tools/notebook.py run   NB.ipynb [...]      execute in place and normalise
    python tools/notebook.py check NB.ipynb [...]      report every departure from the normal form

The normal form is what a stored notebook looks like after `run`. Running twice gives the same file,
so that a diff shows what an edit changed and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from copy import deepcopy
from difflib import SequenceMatcher
from math import ceil
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

MAX_BYTES = 1_000_000
CELL_TIMEOUT = 300  # seconds
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PROGRESS_BAR = re.compile(r"(?:[^\n|]*: )?\s*\d+%\|")  # how tqdm's widget reads without a kernel
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
# What must not reach a reader: folders of the author's machine, memory and network addresses.
PRIVATE = {
    "an absolute path": re.compile(
        r"(?<![\w./:>])(?:/(?:home|Users|root|workspaces?|tmp|usr|opt|var|private|mnt|srv)/[\w.-]+"
        r"|[A-Za-z]:\\(?:Users|Windows)\\)"
    ),
    "a memory address": re.compile(r"\b0x[0-9a-fA-F]{6,}\b"),
    "a network address": re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|\blocalhost:\d"),
}


# ---- Text ----------------------------------------------------------------------------------------


def to_text(notebook: NotebookNode) -> str:
    """The notebook as jupytext percent text: sources, tags, `kernelspec` and `d2l` metadata."""
    import jupytext

    notebook = deepcopy(notebook)
    notebook.metadata["jupytext"] = {
        "notebook_metadata_filter": "kernelspec,d2l,-all",
        "cell_metadata_filter": "tags,jupyter,-all",
    }
    for cell in notebook.cells:
        cell.pop("id", None)
    return jupytext.writes(notebook, fmt="py:percent")


def from_text(text: str, existing: NotebookNode | None = None, seed: str = "") -> NotebookNode:
    """The notebook that percent text describes, in normal form.

    Cells whose source is found in `existing` in the same order keep their id, outputs and execution
    count; edited cells keep their id. New cells get an id made from `seed` and their source.
    """
    import jupytext

    notebook = jupytext.reads(text, fmt="py:percent")
    if existing is not None:
        kept = {**existing.metadata.get("d2l", {}), **notebook.metadata.get("d2l", {})}
        notebook.metadata["d2l"] = nbformat.from_dict(kept)
    for cell in notebook.cells:
        cell.pop("id", None)
    notebook = normalise(notebook, renumber=False)
    old = [] if existing is None else normalise(existing, renumber=False).cells
    keep_ids_and_outputs(notebook.cells, old)
    used = {cell.id for cell in notebook.cells if "id" in cell}
    for cell in notebook.cells:
        if "id" not in cell:
            cell.id = new_id(f"{seed}\n{cell.cell_type}\n{cell.source}", used)
            used.add(cell.id)
    return normalise(notebook, renumber=False)


def keep_ids_and_outputs(new: list[NotebookNode], old: list[NotebookNode]) -> None:
    """Carry ids, outputs and counts of `old` cells over to the `new` cells that continue them."""
    keys_new = [(cell.cell_type, cell.source) for cell in new]
    keys_old = [(cell.cell_type, cell.source) for cell in old]
    matcher = SequenceMatcher(a=keys_old, b=keys_new, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        if what not in ("equal", "replace"):
            continue
        for before, after in zip(old[i1:i2], new[j1:j2], strict=False):
            if before.cell_type != after.cell_type:
                continue
            if "id" in before:
                after.id = before.id
            if what == "equal" and after.cell_type == "code":
                after.outputs = before.outputs
                after.execution_count = before.execution_count


def new_id(text: str, used: set[str]) -> str:
    """An id of eight hexadecimal digits made from `text`, different from those in `used`."""
    for attempt in range(len(used) + 1):
        digest = hashlib.sha256(f"{attempt}\n{text}".encode()).hexdigest()[:8]
        if digest not in used:
            break
    return digest


# ---- Normal form ---------------------------------------------------------------------------------


def normalise(notebook: NotebookNode, renumber: bool = True) -> NotebookNode:
    """A copy of `notebook` in normal form; `renumber` counts the code cells 1, 2, 3, ..."""
    notebook = deepcopy(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    metadata: dict[str, Any] = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO}
    if "d2l" in notebook.metadata:
        metadata["d2l"] = notebook.metadata["d2l"]
    notebook.metadata = nbformat.from_dict(metadata)
    for cell in notebook.cells:
        cell.source = cell.source.rstrip()
    while notebook.cells and not notebook.cells[-1].source:
        notebook.cells.pop()
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(normal_cell_metadata(cell.metadata))
        if cell.cell_type != "code":
            continue
        count += 1
        if renumber:
            cell.execution_count = count
        cell.outputs = normal_outputs(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    return notebook


def normal_cell_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a cell keeps: its tags, and that its source is collapsed."""
    kept: dict[str, Any] = {}
    if metadata.get("tags"):
        kept["tags"] = list(metadata["tags"])
    if metadata.get("jupyter", {}).get("source_hidden"):
        kept["jupyter"] = {"source_hidden": True}
    return kept


def normal_outputs(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Outputs without live widgets, neighboring stream outputs of one name merged.

    A bundle loses its widget view (dead without the kernel that made it) and keeps the rest; a
    bundle that held nothing else goes, and so does a progress bar, which would stand still.
    Carriage returns overwrite, as in a terminal.
    """
    kept: list[NotebookNode] = []
    for output in deepcopy(list(outputs)):
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
            else:
                kept.append(output)
        elif output.output_type == "error":
            output.traceback = [without_machine_paths(line) for line in output.traceback]
            kept.append(output)
        else:
            output.data.pop(WIDGET_VIEW, None)
            output.metadata.pop(WIDGET_VIEW, None)
            output.pop("transient", None)
            text = output.data.get("text/plain", "")
            if output.data and not PROGRESS_BAR.match(text):
                kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = overwrite_carriage_returns(output.text)
    return [output for output in kept if output.output_type != "stream" or output.text]


def overwrite_carriage_returns(text: str) -> str:
    """`text` as a terminal shows it: what precedes a carriage return on its line is gone."""
    return re.sub(r"^[^\n]*\r(?=[^\n])", "", text.replace("\r\n", "\n"), flags=re.MULTILINE)


def without_machine_paths(line: str) -> str:
    """A traceback line whose file names start at the package instead of at the disk's root."""
    line = re.sub(r"[~/][^\s\x1b'\"(]*/site-packages/", ".../site-packages/", line)
    line = re.sub(r"[~/][^\s\x1b'\"(]*/lib/python3\.\d+/", ".../lib/python3/", line)
    line = re.sub(r"[~/][^\s\x1b'\"(]*/d2lhelpers/", "d2lhelpers/", line)
    return re.sub(r"[~/][^\s\x1b'\"(]*/ipykernel_\d+/\d+\.py", "<cell>", line)


def serialise(notebook: NotebookNode) -> str:
    """The file's text: as nbformat writes it, with a trailing newline."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def read(path: Path) -> NotebookNode:
    """The notebook stored at `path`."""
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def write(notebook: NotebookNode, path: Path) -> None:
    """Store `notebook` at `path`, all or nothing."""
    text = serialise(notebook)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def output_texts(output: NotebookNode) -> Iterator[str]:
    """Every text in an output that a reader can see (pictures in base64 are not text)."""
    if output.output_type == "stream":
        yield output.text
    elif output.output_type == "error":
        yield f"{output.ename}: {output.evalue}"
        yield from output.traceback
    else:
        for mime, value in output.data.items():
            if isinstance(value, str) and mime not in ("image/png", "image/jpeg"):
                yield value


def violations(path: Path) -> list[str]:
    """Every way in which the notebook at `path` departs from the normal form, in words."""
    text = path.read_text(encoding="utf-8")
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"cannot be read: {error}"]
    found = (document.get("nbformat"), document.get("nbformat_minor"))
    if found != (4, 5):
        return [f"notebook format {found[0]}.{found[1]}, want 4.5"]
    notebook = nbformat.v4.reads(text)  # nbformat.reads would repair what we look for
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids:
        return [f"cell {ids.index(None)} has no id"]
    if repeated := sorted({str(i) for i in ids if ids.count(i) > 1}):
        return [f"cell id {', '.join(repeated)} used more than once"]
    problems = []
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        problems.append(f"not a valid notebook: {str(error).splitlines()[0]}")
    if (size := len(text.encode())) >= MAX_BYTES:
        problems.append(f"{size:,} bytes, want less than {MAX_BYTES:,}")
    problems += metadata_violations(notebook.metadata)
    if notebook.cells and not notebook.cells[-1].source.strip():
        problems.append("blank cell at the end")
    count = 0
    uncounted = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            count += 1
            if cell.execution_count != count:
                uncounted.append(str(index))
        problems += [f"cell {index}: {problem}" for problem in cell_violations(cell)]
    if uncounted:
        problems.append(
            f"not run top to bottom: execution count of cells {', '.join(uncounted)}"
            " is not 1, 2, 3, ... of the code cells"
        )
    if not problems and text != serialise(normalise(notebook)):
        problems.append("not written as nbformat writes it (key order, indent, final newline)")
    return problems


def metadata_violations(metadata: NotebookNode) -> list[str]:
    """Departures of the notebook's own metadata."""
    problems = []
    if dict(metadata.get("kernelspec", {})) != KERNELSPEC:
        problems.append(f"kernelspec {dict(metadata.get('kernelspec', {}))}, want {KERNELSPEC}")
    if metadata.get("language_info") != LANGUAGE_INFO:
        problems.append(
            "language_info not in normal form (it names a Python version, or is missing)"
        )
    for key in sorted(set(metadata) - {"kernelspec", "language_info", "d2l"}):
        problems.append(f"notebook metadata holds {key!r}")
    return problems


def cell_violations(cell: NotebookNode) -> list[str]:
    """Departures of one cell."""
    problems = []
    if cell.source != cell.source.rstrip():
        problems.append("source ends in blanks or empty lines")
    if dict(cell.metadata) != normal_cell_metadata(cell.metadata):
        problems.append(f"metadata {dict(cell.metadata)}, want tags and jupyter.source_hidden only")
    if cell.cell_type != "code":
        return problems
    for output in cell.outputs:
        if output.get("execution_count", cell.execution_count) != cell.execution_count:
            problems.append("execution counts of cell and output differ")
        if WIDGET_VIEW in output.get("data", {}):
            problems.append("output holds a widget view")
    bare = [{**output, "execution_count": None} for output in cell.outputs]
    normal = [{**output, "execution_count": None} for output in normal_outputs(cell.outputs)]
    if bare != normal and not any("widget" in problem for problem in problems):
        problems.append("outputs not merged or cleaned")
    for what, pattern in PRIVATE.items():
        for text in (text for output in cell.outputs for text in output_texts(output)):
            if match := pattern.search(text):
                problems.append(f"output shows {what}: {match.group()}")
                break
    return problems


# ---- Execution -----------------------------------------------------------------------------------


def kernel_environment(threads: str = "1", device: str | None = None) -> dict[str, str]:
    """The environment of a kernel that runs a chapter: this one, made the same for everybody.

    `device` sets D2L_DEVICE, None leaves it as it is. String hashing stays random, as in a reader's
    kernel, so that a chapter that prints the order of a set fails its test.
    """
    environment = dict(os.environ)
    for name in ("PYTEST_CURRENT_TEST", "PYTHONHASHSEED", "MPLBACKEND", "COLUMNS", "LINES"):
        # ipykernel stops capturing the output of child processes when it sees PYTEST_CURRENT_TEST.
        environment.pop(name, None)
    environment["OMP_NUM_THREADS"] = threads
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    if device is not None:
        environment["D2L_DEVICE"] = device
    return environment


def notebook_client(notebook: NotebookNode, folder: Path, timeout: float = CELL_TIMEOUT) -> Any:
    """An nbclient that runs the cells of `notebook` in `folder` with this very interpreter.

    The kernel is reached through socket files in a folder of its own where there are such (not on
    Windows). TCP ports are chosen before the kernel binds them, and when another process takes the
    one for outputs in between, the kernel lives on and never answers.
    """
    import ipykernel.kernelspec
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            spec = ipykernel.kernelspec.get_kernel_dict()
            return KernelSpec(resource_dir=ipykernel.kernelspec.RESOURCES, **spec)

    class Manager(AsyncKernelManager):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            if os.name != "nt":
                folder = tempfile.mkdtemp(prefix="d2l-kernel-")
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                self.connection_file = str(Path(folder) / "kernel.json")
                self.transport = "ipc"

        def _kernel_spec_manager_default(self) -> KernelSpecManager:
            return ThisInterpreter(parent=self)

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        kernel_manager_class=Manager,
        timeout=timeout,
        record_timing=False,
        store_widget_state=True,  # nbclient's Output widgets need it; the normal form drops it
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )

    def started(notebook: NotebookNode) -> None:
        look_again(client.kc.shell_channel)  # type: ignore[union-attr]

    client.on_notebook_start = started
    return client


def look_again(channel: Any, interval: float = 0.25) -> None:
    """Make a waiting channel look for messages every `interval` seconds.

    An Output widget makes nbclient send on the channel on which it waits for the cell's reply. A
    reply that arrives at that moment goes unnoticed (in 12 of 400 cells) until the cell's timeout.
    """
    from queue import Empty

    get_msg = channel.get_msg

    async def get_msg_in_slices(timeout: float | None = None) -> dict[str, Any]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = interval if deadline is None else deadline - time.monotonic()
            try:
                return await get_msg(timeout=max(0, min(interval, left)))
            except Empty:
                if left <= interval and deadline is not None:
                    raise

    channel.get_msg = get_msg_in_slices


class ChapterError(Exception):
    """A cell failed; the message says which and how."""


def execute(notebook: NotebookNode, folder: Path, environment: dict[str, str]) -> None:
    """Run `notebook` top to bottom, in place.

    Raises ChapterError at the first cell that fails without the tag `raises-exception`, or that
    takes longer than `CELL_TIMEOUT` seconds.
    """
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = notebook_client(notebook, folder)
    with client.setup_kernel(env=environment, stderr=subprocess.DEVNULL):
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                count = sum(c.cell_type == "code" for c in notebook.cells[: index + 1])
                raise ChapterError(
                    f"cell {index} (code cell [{count}], id {cell.get('id')}) failed\n"
                    f"{plain(str(error))}"
                ) from None


def run_time_text(seconds: float, stored: str | None = None) -> str:
    """ "about 10 s on two CPU cores": seconds rounded up to five.

    The stored text stays when it is within a factor of two, so that files do not change with the
    weather of the machine.
    """
    rounded = max(5, 5 * ceil(seconds / 5))
    match = re.fullmatch(r"about (\d+) s on two CPU cores", stored or "")
    if match and 0.5 <= rounded / int(match[1]) <= 2:
        return match[0]
    return f"about {rounded} s on two CPU cores"


def run(path: Path) -> str | None:
    """Execute and normalise the notebook at `path`; None, or what failed (file untouched)."""
    notebook = read(path)
    start = time.perf_counter()
    try:
        execute(notebook, path.resolve().parent, kernel_environment(device="cpu"))
    except ChapterError as error:
        return f"{path}: {error}"
    seconds = time.perf_counter() - start
    d2l = notebook.metadata.setdefault("d2l", nbformat.from_dict({}))
    d2l["run_time"] = run_time_text(seconds, d2l.get("run_time"))
    write(normalise(notebook), path)
    print(f"{path}: {seconds:.1f} s")
    return None


def plain(text: str) -> str:
    """`text` without terminal colors."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ---- Command line --------------------------------------------------------------------------------


def build(text_path: Path, path: Path) -> None:
    """Write the notebook that the text at `text_path` describes to `path`."""
    existing = read(path) if path.exists() else None
    notebook = from_text(text_path.read_text(encoding="utf-8"), existing, seed=path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(notebook, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when all went well, else 1."""
    parser = argparse.ArgumentParser(description="Notebooks as text, run, and in normal form.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("text", help="print a notebook as percent text")
    command.add_argument("notebook", type=Path)
    command = commands.add_parser("build", help="make a notebook from percent text")
    command.add_argument("text", type=Path)
    command.add_argument("notebook", type=Path)
    command = commands.add_parser("run", help="execute notebooks in place and normalise them")
    command.add_argument("notebooks", type=Path, nargs="+", metavar="notebook")
    command = commands.add_parser("check", help="report departures from the normal form")
    command.add_argument("notebooks", type=Path, nargs="+", metavar="notebook")
    options = parser.parse_args(arguments)
    try:
        return obey(options)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def obey(options: argparse.Namespace) -> int:
    """Do what the command line asks; 0 when all went well, else 1."""
    failures: list[str] = []
    if options.command == "text":
        sys.stdout.write(to_text(read(options.notebook)))
    elif options.command == "build":
        build(options.text, options.notebook)
    elif options.command == "run":
        for path in options.notebooks:
            if failure := run(path):
                print(failure, file=sys.stderr)
                failures.append(failure)
    else:
        for path in options.notebooks:
            found = violations(path)
            failures += found
            for problem in found:
                print(f"{path}: {problem}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
