"""Every chapter is stored in normal form; the check finds what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.chapters import CHAPTERS, ROOT
from tools.notebook import (
    KERNELSPEC,
    MAX_BYTES,
    WIDGET_VIEW,
    normalise,
    read,
    serialise,
    violations,
    write,
)


def test_there_are_chapters() -> None:
    assert CHAPTERS, "no notebooks found"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_in_normal_form(path: Path) -> None:
    problems = violations(path)
    assert not problems, "\n".join([str(path.relative_to(ROOT)), *problems])


# ---- The check itself ----------------------------------------------------------------------------


def raw() -> NotebookNode:
    """A notebook as a kernel and an editor leave it."""
    stream = {"output_type": "stream", "name": "stdout"}
    widget = {WIDGET_VIEW: {"model_id": "1"}, "text/plain": "IntSlider(value=3)"}
    outputs = [
        new_output(text="a\n", **stream),
        new_output(text=" 1 %\r 2 %\n", **stream),
        new_output("display_data", {WIDGET_VIEW: {"model_id": "2"}}),
        new_output("execute_result", widget, execution_count=7),
    ]
    traceback = [
        "File \x1b[32m/home/me/.venv/lib/python3.12/site-packages/torch/nn/linear.py:1\x1b[0m",
        "File ~/book/d2lhelpers/plotting.py:3",
        "File /usr/lib/python3.12/json/decoder.py:1",
    ]
    error = new_output("error", ename="TypeError", evalue="no", traceback=traceback)
    cells = [
        new_markdown_cell("# 08 Lines\n"),
        new_code_cell(
            "slider\n",
            outputs=outputs,
            execution_count=7,
            metadata={"tags": ["setup"], "jupyter": {"source_hidden": True}, "scrolled": True},
        ),
        new_code_cell("layer(x)", outputs=[error], metadata={"execution": {"iopub": "now"}}),
        new_code_cell(""),
        new_markdown_cell(" "),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata.update(
        {
            "kernelspec": {"name": "venv", "display_name": "mine"},
            "language_info": {"name": "python", "version": "3.11.7"},
            "widgets": {},
            "d2l": {"chapter": "08"},
        }
    )
    return notebook


def test_normalise() -> None:
    before = raw()
    ids = [cell.id for cell in before.cells[:3]]
    after = normalise(before)
    assert [cell.id for cell in after.cells] == ids
    assert set(after.metadata) == {"kernelspec", "language_info", "d2l"}
    assert after.metadata.kernelspec == KERNELSPEC
    assert "version" not in after.metadata.language_info
    _, slider, failed = after.cells
    assert slider.metadata == {"tags": ["setup"], "jupyter": {"source_hidden": True}}
    assert slider.source == "slider"
    assert slider.outputs[0].text == "a\n 2 %\n"
    assert slider.outputs[1].data == {"text/plain": "IntSlider(value=3)"}
    assert len(slider.outputs) == 2
    assert (slider.execution_count, slider.outputs[1].execution_count) == (1, 1)
    assert (failed.execution_count, failed.metadata) == (2, {})
    assert failed.outputs[0].traceback == [
        "File \x1b[32m.../site-packages/torch/nn/linear.py:1\x1b[0m",
        "File d2lhelpers/plotting.py:3",
        "File .../lib/python3/json/decoder.py:1",
    ]
    assert before.cells[1].outputs[0].text == "a\n", "the argument was changed"


def test_normal_form_is_a_fixed_point(tmp_path: Path) -> None:
    path = tmp_path / "08_lines.ipynb"
    notebook = normalise(raw())
    write(notebook, path)
    assert violations(path) == []
    assert (
        serialise(normalise(read(path))) == path.read_text(encoding="utf-8") == serialise(notebook)
    )


def outputs(change: Callable[[list[NotebookNode]], None]) -> Callable[[NotebookNode], None]:
    """A change of the outputs of the first code cell."""
    return lambda notebook: change(notebook.cells[1].outputs)


def says(text: str) -> Callable[[NotebookNode], None]:
    """The first code cell printed `text`."""
    return outputs(lambda stored: stored[0].update(text=text))


CHANGES = {
    "old format": (lambda nb: nb.update(nbformat_minor=4), "notebook format 4.4, want 4.5"),
    "kernelspec": (lambda nb: nb.metadata.kernelspec.update(name="venv"), "kernelspec"),
    "python version": (lambda nb: nb.metadata.language_info.update(version="3"), "language_info"),
    "widget state": (
        lambda nb: nb.metadata.update(widgets={}),
        "notebook metadata holds 'widgets'",
    ),
    "blank end": (lambda nb: nb.cells.append(new_markdown_cell("")), "blank cell at the end"),
    "trailing blanks": (lambda nb: nb.cells[0].update(source="# 08 \n"), "source ends in blanks"),
    "timestamps": (lambda nb: nb.cells[1].metadata.update(execution={}), "tags and jupyter"),
    "collapsed output": (
        lambda nb: nb.cells[1].metadata.jupyter.update(outputs_hidden=True),
        "tags and jupyter",
    ),
    "not run": (
        lambda nb: nb.cells[2].update(execution_count=None),
        "not run top to bottom: execution count of cells 2 is",
    ),
    "run in another order": (
        lambda nb: nb.cells[2].update(execution_count=1),
        "not run top to bottom: execution count of cells 2 is",
    ),
    "count of the result": (
        outputs(lambda stored: stored[1].update(execution_count=5)),
        "counts of cell and output differ",
    ),
    "widget view": (
        outputs(lambda stored: stored[1].data.update({WIDGET_VIEW: {}})),
        "holds a widget view",
    ),
    "split stream": (
        outputs(lambda stored: stored.insert(0, new_output("stream", text="b\n"))),
        "outputs not merged",
    ),
    "too large": (says("a" * MAX_BYTES), "want less than 1,000,000"),
    "home folder": (says("saved /home/me/x.pt"), "an absolute path: /home/me"),
    "scratch folder": (says("'/tmp/x'"), "an absolute path: /tmp/x"),
    "windows folder": (says("C:\\Users\\me"), "an absolute path"),
    "memory address": (says("<object at 0x7f4af9c6e350>"), "a memory address: 0x7f4af9c6e350"),
    "network address": (says("at 10.0.0.12:8888"), "a network address: 10.0.0.12"),
    "no such output type": (
        outputs(lambda stored: stored[0].update(extra=1)),
        "not a valid notebook",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    notebook = normalise(raw())
    change(notebook)
    path = tmp_path / "08_lines.ipynb"
    path.write_text(serialise(notebook), encoding="utf-8")
    assert message in "\n".join(violations(path))


@pytest.mark.parametrize(
    ("old", "new"),
    [('\n "metadata"', '\n  "metadata"'), ("\n}\n", "\n}"), ('"nbformat": 4,', '"nbformat":4,')],
    ids=["indent", "final newline", "blank"],
)
def test_other_spelling_is_found(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "08_lines.ipynb"
    text = serialise(normalise(raw()))
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert violations(path) == [
        "not written as nbformat writes it (key order, indent, final newline)"
    ]


def test_repeated_and_missing_ids_are_found(tmp_path: Path) -> None:
    path = tmp_path / "08_lines.ipynb"
    notebook = normalise(raw())
    text = serialise(notebook)
    first, second = notebook.cells[0].id, notebook.cells[1].id
    path.write_text(text.replace(second, first), encoding="utf-8")
    assert violations(path) == [f"cell id {first} used more than once"]
    path.write_text(text.replace(f'   "id": "{second}",\n', ""), encoding="utf-8")
    assert violations(path) == ["cell 1 has no id"]


def test_no_notebook_at_all(tmp_path: Path) -> None:
    path = tmp_path / "08_lines.ipynb"
    path.write_text("{}", encoding="utf-8")
    assert len(violations(path)) == 1
    path.write_text("not json", encoding="utf-8")
    assert "cannot be read" in violations(path)[0]


@pytest.mark.parametrize(
    "text", ["loss 10.0.0", "https://example.org/home/me", "a/tmp/b", "and/or", "0x1F", "1.2.3"]
)
def test_harmless_output_passes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "08_lines.ipynb"
    notebook = normalise(raw())
    notebook.cells[1].outputs[0].text = text
    write(notebook, path)
    assert violations(path) == []
