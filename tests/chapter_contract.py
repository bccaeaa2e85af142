"""What every chapter must have, as functions that yield what is missing.

`test_contract.py` applies `contract_violations` to the chapters, and to samples with one defect.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.chapters import CHECK, checked_number, printed, tags

NAME = re.compile(r"(?P<chapter>\d\d|[a-z]\d)_(?P<topic>[a-z][a-z0-9_]*)")
RUN_TIME = re.compile(r"about \d+ s on two CPU cores")
EXERCISE = re.compile(
    r"### Exercise (?P<number>[0-9a-z]{2}\.\d+) "
    r"\(objectives? (?P<objectives>\d+(?:(?:, | and )\d+)*)(?:; [^)]+)?\)\n"
)
CAPTION = re.compile(r"^\*Figure (?P<chapter>[0-9a-z]{2})\.(?P<number>\d+)\. \S", re.MULTILINE)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)[^)]*\)")
# The sections that stand in this order, found by their tag.
SECTIONS = ("objectives", "prerequisites", "mistakes", "exercise", "summary", "further-reading")
MAX_LINES = 25  # without docstrings and empty lines
WORDS = (1000, 3200)
CODE_CELLS = (15, 60)
MIN_EXERCISES = 4
CAPTION_WITHIN = 3  # cells below the picture


def contract_violations(path: Path, known: Collection[str]) -> list[str]:
    """What the chapter at `path` lacks, in words.

    `known` holds the numbers of the exercises that have a check and a wrong answer.
    """
    match = NAME.fullmatch(path.stem)
    if not match:
        return [f"file name {path.name}, want NN_topic.ipynb"]
    chapter = match["chapter"]
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return [
        *title(notebook, chapter),
        *sections(notebook, chapter),
        *exercises(notebook, chapter, known),
        *figures(notebook, chapter),
        *links(notebook, path),
        *code(notebook),
        *(size(notebook) if chapter.isdigit() and chapter != "00" else []),
    ]


def title(notebook: NotebookNode, chapter: str) -> Iterator[str]:
    """Heading, promise and metadata agree."""
    d2l = notebook.metadata.get("d2l", {})
    if d2l.get("chapter") != chapter:
        yield f"metadata d2l.chapter is {d2l.get('chapter')!r}, the file name says {chapter!r}"
    if not RUN_TIME.fullmatch(d2l.get("run_time", "")):
        yield f"metadata d2l.run_time is {d2l.get('run_time')!r}, `make run` writes it"
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown":
        yield "the first cell is not the title"
        return
    heading, _, promise = first.source.partition("\n")
    if heading != f"# {chapter} {d2l.get('title')}":
        yield f"first heading {heading!r}, the metadata say '# {chapter} {d2l.get('title')}'"
    if not re.search(r"\w[.?!](\s|$)", promise):
        yield "no promise below the title: a sentence in the same cell"
    for index, cell in enumerate(notebook.cells[1:], start=1):
        if cell.cell_type == "markdown" and re.search(
            r"^# ", without_code(cell.source), re.MULTILINE
        ):
            yield f"cell {index}: a second heading of the first level"


def sections(notebook: NotebookNode, chapter: str) -> Iterator[str]:
    """The tagged sections are there, in order, and say something."""
    at = {
        tag: [i for i, cell in enumerate(notebook.cells) if tag in tags(cell)] for tag in SECTIONS
    }
    for tag in SECTIONS:
        if not at[tag] and tag != "mistakes":
            yield f"no cell tagged {tag}"
        for index in at[tag]:
            if notebook.cells[index].cell_type != "markdown" and tag != "mistakes":
                yield f"cell {index}: tagged {tag} but not markdown"
    present = [at[tag] for tag in SECTIONS if at[tag]]
    for before, after in pairwise(present):
        if max(before) > min(after):
            yield f"cell {max(before)}: section out of order, want {', '.join(SECTIONS)}"
    if at["objectives"] and objectives(notebook) < 2:
        yield "fewer than two objectives (a list, one line each)"
    if at["prerequisites"] and chapter != "00":
        text = "".join(notebook.cells[index].source for index in at["prerequisites"])
        if not re.search(r"\]\([^)]*\.ipynb", text):
            yield "prerequisites without a link to a chapter"
    for index in at["further-reading"]:
        if not LINK.search(notebook.cells[index].source):
            yield f"cell {index}: further reading without a link"


def objectives(notebook: NotebookNode) -> int:
    """The number of learning objectives: list items at the margin."""
    text = "\n".join(cell.source for cell in notebook.cells if "objectives" in tags(cell))
    return len(re.findall(r"^(?:[-*]|\d+\.) ", text, re.MULTILINE))


def exercises(notebook: NotebookNode, chapter: str, known: Collection[str]) -> Iterator[str]:
    """Exercises are complete, numbered, checked, unattempted and solved."""
    starts = [i for i, cell in enumerate(notebook.cells) if "exercise" in tags(cell)]
    wanted = 1 if chapter == "00" else MIN_EXERCISES if chapter.isdigit() else 0
    if len(starts) < wanted:
        yield f"{len(starts)} exercises, want {wanted} or more"
    for index, cell in enumerate(notebook.cells[: starts[0] if starts else None]):
        if {"attempt", "solution"} & set(tags(cell)):
            yield f"cell {index}: attempt or solution before the first exercise"
    if starts:
        above = [
            cell.source for cell in notebook.cells[: starts[0]] if cell.cell_type == "markdown"
        ]
        headings = re.findall(r"^## (.+)", without_code("\n".join(above)), re.MULTILINE)
        if headings[-1:] != ["Exercises"]:
            yield f"cell {starts[0]}: no heading '## Exercises' above the first exercise"
    asked: set[int] = set()  # objectives
    for count, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), start=1):
        number = f"{chapter}.{count}"
        match = EXERCISE.match(notebook.cells[start].source)
        if not match:
            yield f"cell {start}: want '### Exercise {number} (objective k)' and a statement below"
        elif match["number"] != number:
            yield f"cell {start}: exercise {match['number']}, want {number}"
        else:
            named = set(map(int, re.findall(r"\d+", match["objectives"])))
            asked |= named
            if max(named) > objectives(notebook):
                yield f"cell {start}: exercise {number} names an objective that is not listed"
        if number not in known:
            yield f"exercise {number} has no check, or no wrong answer in tests/wrong_answers"
        cells = notebook.cells[start + 1 : end]
        for problem in one_exercise(cells, number):
            yield f"exercise {number}: {problem}"
    for objective in range(1, objectives(notebook) + 1):
        if starts and objective not in asked:
            yield f"no exercise for objective {objective}"


def one_exercise(cells: list[NotebookNode], number: str) -> Iterator[str]:
    """What the cells below the statement of one exercise lack."""
    attempts = [cell for cell in cells if "attempt" in tags(cell)]
    solutions = [cell for cell in cells if "solution" in tags(cell)]
    if len(attempts) != 1 or len(solutions) != 1:
        yield f"{len(attempts)} attempt and {len(solutions)} solution cells, want one of each"
        return
    (attempt,), (solution,) = attempts, solutions
    if cells.index(attempt) > cells.index(solution):
        yield "the solution stands above the attempt"
    bar = cells[cells.index(solution) - 1]
    if bar.cell_type != "markdown" or f"Solution of {number}" not in bar.source:
        yield f"no 'Solution of {number}' above the solution"
    for name, cell in (("attempt", attempt), ("solution", solution)):
        if checked_number(cell) != number:
            yield f'the {name} does not end with d2l.check("{number}", answer)'
    lines = [cell.source.rstrip().rsplit("\n", 1)[-1] for cell in (attempt, solution)]
    if all(CHECK.fullmatch(line) for line in lines) and lines[0] != lines[1]:
        yield f"attempt and solution end with different checks: {lines[0]} and {lines[1]}"
    if "..." not in attempt.source:
        yield "the attempt holds no `...` to replace"
    if solution.source.partition("\n")[0] != f"# Solution of {number}":
        yield f"the solution does not begin with '# Solution of {number}', which its bar shows"
    if not solution.metadata.get("jupyter", {}).get("source_hidden"):
        yield "the solution is not collapsed (jupyter.source_hidden)"
    if printed(attempt) != f"… {number}: not attempted\n":
        yield f"the stored attempt says {printed(attempt)!r}"
    if printed(solution).splitlines()[-1:] != [f"✓ {number}"]:
        yield f"the stored solution says {printed(solution)!r}"


def figures(notebook: NotebookNode, chapter: str) -> Iterator[str]:
    """Pictures have alternative text and a numbered caption."""
    count = 0
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for match in CAPTION.finditer(cell.source):
                count += 1
                if (match["chapter"], int(match["number"])) != (chapter, count):
                    found = f"{match['chapter']}.{match['number']}"
                    yield f"cell {index}: Figure {found}, want {chapter}.{count}"
            for match in LINK.finditer(without_code(cell.source)):
                if match["image"] and not match["text"].strip():
                    yield f"cell {index}: picture {match['target']} without alternative text"
            continue
        pictures = [
            (mime, output.metadata.get(mime, {}).get("alt", ""))
            for output in cell.outputs
            for mime in output.get("data", {})
            if mime.startswith("image/")
        ]
        for mime, alt in pictures:
            if len(alt.split()) < 3:
                yield f"cell {index}: {mime} without alternative text (output metadata alt)"
        below = notebook.cells[index + 1 : index + 1 + CAPTION_WITHIN]
        if pictures and not any(
            CAPTION.search(c.source) for c in below if c.cell_type == "markdown"
        ):
            yield f"cell {index}: picture without a caption '*Figure {chapter}.k. ...*' below"


def links(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Relative links lead somewhere, and addresses are https."""
    for index, cell in enumerate(notebook.cells):
        for address in re.findall(r"http://[^\s)\"'>]*", cell.source):
            yield f"cell {index}: {address}, want https"
        if cell.cell_type != "markdown":
            continue
        text = without_code(cell.source)
        for address in re.findall(r"(?<![\w/.])www\.\S+", text):
            yield f"cell {index}: {address}, want https://"
        for match in LINK.finditer(text):
            target = match["target"]
            if re.match(r"(https?|mailto|attachment):", target):
                continue
            file, _, anchor = target.partition("#")
            goal = (path.parent / file).resolve() if file else path
            if not goal.exists():
                yield f"cell {index}: link to {target}, which does not exist"
            elif anchor and goal.suffix == ".ipynb":
                other = notebook if goal == path else nbformat.read(goal, as_version=4)
                if anchor not in anchors(other):
                    yield f"cell {index}: link to {target}, which has no such heading"


def anchors(notebook: NotebookNode) -> set[str]:
    """The names of a notebook's headings, as JupyterLab makes them and as web pages do."""
    names = set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for heading in re.findall(
                r"^#{1,6} (.+?)\s*$", without_code(cell.source), re.MULTILINE
            ):
                names.add(heading.replace(" ", "-"))
                names.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
            names.update(re.findall(r"\bid=\"([^\"]+)\"", cell.source))
    return names


def code(notebook: NotebookNode) -> Iterator[str]:
    """Code cells are short, and an ignored output is followed by an assertion."""
    cells = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for (index, cell), (_, after) in zip(cells, [*cells[1:], (0, None)], strict=True):
        lines = code_lines(cell.source)
        if lines > MAX_LINES and not {"setup", "solution"} & set(tags(cell)):
            yield f"cell {index}: {lines} lines of code, want {MAX_LINES} or fewer"
        if re.search(r"\bplt\.show\(", cell.source):
            yield f"cell {index}: plt.show(), want d2l.show_figure with alternative text"
        if "nbval-ignore-output" in tags(cell) and (
            after is None or not re.search(r"\bassert(?:_close)?\b", after.source)
        ):
            yield f"cell {index}: ignored output, and the next code cell asserts nothing"


def code_lines(source: str) -> int:
    """The lines of code that a reader must take in: docstrings and empty lines are rest."""
    source = re.sub(r'^ +r?"""(?:[^"]|"(?!""))*"""', "", source, flags=re.MULTILINE)
    return sum(bool(line.strip()) for line in source.splitlines())


def size(notebook: NotebookNode) -> Iterator[str]:
    """The chapter is neither a note nor a book."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    words = sum(len(re.findall(r"[^\W_]{2,}", without_code(text))) for text in texts)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    for what, found, (low, high) in (("words", words, WORDS), ("code cells", cells, CODE_CELLS)):
        if not low <= found <= high:
            yield f"{found} {what}, want {low} to {high}"


def without_code(text: str) -> str:
    """Markdown without code blocks, code in the line and formulas."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`|\$[^$\n]*\$", "", text)
