"""Every chapter has what the book promises; the rules find a chapter that has not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from d2lhelpers.exercises.registry import numbers
from tests import wrong_answers
from tests.answer_files import answers_in
from tests.chapter_contract import code_lines, contract_violations
from tests.chapters import CHAPTERS, ROOT, checked_number
from tools.notebook import read, write


def known_exercises() -> set[str]:
    """The exercises that have both a check and a wrong answer."""
    return set(numbers()) & {
        number for number, wrong in answers_in(wrong_answers, "WRONG").items() if wrong
    }


def test_there_are_chapters() -> None:
    assert CHAPTERS, "no notebooks found"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_contract(path: Path) -> None:
    problems = contract_violations(path, known_exercises())
    assert not problems, "\n".join([str(path.relative_to(ROOT)), *problems])


def test_chapter_numbers_are_unique() -> None:
    chapters = [path.stem.partition("_")[0] for path in CHAPTERS]
    assert sorted(set(chapters)) == sorted(chapters)


def test_every_check_belongs_to_an_exercise() -> None:
    asked = {
        checked_number(cell)
        for path in CHAPTERS
        for cell in read(path).cells
        if cell.cell_type == "code"
    }
    assert set(numbers()) <= asked
    assert set(answers_in(wrong_answers, "WRONG")) <= asked


# ---- The rules themselves ------------------------------------------------------------------------


def markdown(source: str, *tags: str) -> NotebookNode:
    return new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def code(source: str, text: str = "", *tags: str, hidden: bool = False) -> NotebookNode:
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    metadata: dict[str, object] = {"tags": list(tags)} if tags else {}
    if hidden:
        metadata["jupyter"] = {"source_hidden": True}
    return new_code_cell(source, outputs=outputs, execution_count=1, metadata=metadata)


def figure() -> NotebookNode:
    cell = code("d2l.show_figure('a falling line')")
    data = {"image/png": "aaaa", "text/plain": "a falling line"}
    cell.outputs = [
        new_output("display_data", data, metadata={"image/png": {"alt": "a falling line"}})
    ]
    return cell


def sample() -> NotebookNode:
    """A small chapter that keeps every rule."""
    cells = [
        markdown("# 08 Lines\n\nHow do we fit a line? We shall see."),
        markdown("You can\n\n1. fit\n2. measure", "objectives"),
        markdown("See [the start](00_start_here.ipynb#Run-a-cell).", "prerequisites"),
        markdown("## Why lines\n\n" + "word " * 1000),
        *[code(f"x = {i}") for i in range(12)],
        figure(),
        markdown("The loss falls, see [above](#Why-lines).\n\n*Figure 08.1. It falls.*"),
        code("measured = 3.0", "3.1\n", "nbval-ignore-output"),
        code("assert measured > 2"),
    ]
    cells.append(markdown("## Exercises\n\nReplace each `...`."))
    for number, objective in (("08.1", 2), ("08.2", 1), ("08.3", 2), ("08.4", 2)):
        last = f'd2l.check("{number}", answer)'
        cells += [
            markdown(f"### Exercise {number} (objective {objective})\n\nMeasure.", "exercise"),
            code(f"answer = ...\n{last}", f"… {number}: not attempted\n", "attempt"),
            markdown(f"Solution of {number}: try first"),
            code(
                f"# Solution of {number}\nanswer = 3\n{last}",
                f"✓ {number}\n",
                "solution",
                hidden=True,
            ),
        ]
    cells += [
        markdown("We fitted.", "summary"),
        markdown("[A book](https://example.org/book)", "further-reading"),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata["d2l"] = {
        "chapter": "08",
        "title": "Lines",
        "run_time": "about 5 s on two CPU cores",
    }
    return notebook


def violations_of(notebook: NotebookNode, folder: Path, name: str = "08_lines.ipynb") -> list[str]:
    write(
        new_notebook(cells=[markdown("# 00 Start\n\n## Run a cell")]),
        folder / "00_start_here.ipynb",
    )
    write(notebook, folder / name)
    return contract_violations(folder / name, {f"08.{k}" for k in range(1, 5)})


def put(index: int, old: str, new: str) -> Callable[[NotebookNode], None]:
    """A change of the source of one cell."""

    def apply(notebook: NotebookNode) -> None:
        assert old in notebook.cells[index].source
        notebook.cells[index].source = notebook.cells[index].source.replace(old, new)

    return apply


def drop(index: int) -> Callable[[NotebookNode], None]:
    """A change that takes one cell away."""
    return lambda notebook: notebook.cells.pop(index)


def meta(key: str, value: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.metadata.d2l.update({key: value})


FIGURE, CAPTION, IGNORED, EXERCISE = 16, 17, 18, 21
DEFECTS = {
    "chapter in metadata": (meta("chapter", "07"), "d2l.chapter is '07'"),
    "title in metadata": (meta("title", "Planes"), "first heading"),
    "run time": (meta("run_time", "soon"), "d2l.run_time"),
    "no promise": (put(0, "How do we fit a line? We shall see.", ""), "no promise"),
    "two titles": (put(3, "## Why", "# Why"), "second heading of the first level"),
    "no objectives": (drop(1), "no cell tagged objectives"),
    "one objective": (put(1, "\n2. measure", ""), "fewer than two objectives"),
    "no prerequisites": (drop(2), "no cell tagged prerequisites"),
    "prerequisites without link": (put(2, "ipynb", "html"), "prerequisites without a link"),
    "no summary": (drop(-2), "no cell tagged summary"),
    "no further reading": (drop(-1), "no cell tagged further-reading"),
    "order": (lambda nb: nb.cells.insert(3, nb.cells.pop(-2)), "section out of order"),
    "three exercises": (lambda nb: nb.cells.__delitem__(slice(-6, -2)), "3 exercises, want 4"),
    "exercise without objective": (put(EXERCISE, " (objective 2)", ""), "want '### Exercise 08.1"),
    "exercise with unknown objective": (put(EXERCISE, "2)", "3)"), "not listed"),
    "objective without exercise": (put(EXERCISE + 4, "1)", "2)"), "no exercise for objective 1"),
    "no heading of the exercises": (drop(EXERCISE - 1), "no heading '## Exercises'"),
    "exercise number": (put(EXERCISE + 4, "08.2", "08.3"), "exercise 08.3, want 08.2"),
    "no attempt": (drop(EXERCISE + 1), "0 attempt and 1 solution"),
    "no solution": (drop(EXERCISE + 3), "1 attempt and 0 solution"),
    "no bar": (drop(EXERCISE + 2), "no 'Solution of 08.1'"),
    "attempt unchecked": (put(EXERCISE + 1, "d2l.check", "print"), "the attempt does not end"),
    "solution checks another": (put(EXERCISE + 3, '"08.1"', '"08.2"'), "the solution does not end"),
    "solution shows itself": (put(EXERCISE + 3, "# Solution of 08.1\n", ""), "which its bar shows"),
    "different checks": (put(EXERCISE + 3, ", answer", ", ans"), "different checks"),
    "nothing to replace": (put(EXERCISE + 1, "...", "3"), "no `...`"),
    "solution open": (
        lambda nb: nb.cells[EXERCISE + 3].metadata.pop("jupyter"),
        "not collapsed",
    ),
    "attempt succeeded": (
        lambda nb: nb.cells[EXERCISE + 1].outputs[0].update(text="✓ 08.1\n"),
        "the stored attempt says",
    ),
    "solution refused": (
        lambda nb: nb.cells[EXERCISE + 3].outputs[0].update(text="✗ 08.1: no\n"),
        "the stored solution says",
    ),
    "picture without alt": (
        lambda nb: nb.cells[FIGURE].outputs[0].metadata.clear(),
        "without alternative text",
    ),
    "picture in text without alt": (
        put(3, "word", "![](00_start_here.ipynb)"),
        "without alternative",
    ),
    "no caption": (put(CAPTION, "*Figure", "*Picture"), "without a caption"),
    "caption number": (put(CAPTION, "08.1", "08.2"), "Figure 08.2, want 08.1"),
    "dead link": (put(2, "00_start_here", "01_tensors"), "does not exist"),
    "dead anchor": (put(2, "#Run-a-cell", "#Stop"), "no such heading"),
    "dead anchor here": (put(CAPTION, "#Why-lines", "#Why-planes"), "no such heading"),
    "http": (put(-1, "https", "http"), "want https"),
    "www": (put(3, "word", "www.example.org"), "want https://"),
    "ignored and unasserted": (put(IGNORED + 1, "assert", ""), "asserts nothing"),
    "long cell": (put(4, "x = 0", "x = 0\n" * 26), "26 lines of code"),
    "plt.show": (put(4, "x = 0", "plt.show()"), "plt.show()"),
    "too short": (put(3, "word " * 500, ""), "words, want 1000 to 3200"),
    "too long": (put(3, "word", "word and more and more"), "words, want 1000 to 3200"),
    "few code cells": (lambda nb: nb.cells.__delitem__(slice(4, 14)), "code cells, want 15 to 60"),
}


def test_the_sample_keeps_the_contract(tmp_path: Path) -> None:
    assert violations_of(sample(), tmp_path) == []


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found(name: str, tmp_path: Path) -> None:
    change, message = DEFECTS[name]
    notebook = sample()
    change(notebook)
    assert message in "\n".join(violations_of(notebook, tmp_path))


def test_docstrings_and_empty_lines_are_no_code() -> None:
    source = 'def f(x):\n    """One.\n\n    Two "words".\n    """\n\n    y = x\n    return y\n'
    assert code_lines(source) == 3
    assert code_lines(f"{source}\n{source}") == 6


def test_file_name_and_unknown_exercises_are_found(tmp_path: Path) -> None:
    assert "want NN_topic" in violations_of(sample(), tmp_path, "lines.ipynb")[0]
    write(sample(), tmp_path / "08_lines.ipynb")
    problems = contract_violations(tmp_path / "08_lines.ipynb", {"08.1", "08.2", "08.3"})
    assert problems == ["exercise 08.4 has no check, or no wrong answer in tests/wrong_answers"]
