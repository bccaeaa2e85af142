"""The notebook comparison lets through what does not matter and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.nbval_adapter import text_difference
from tools.notebook import execute, kernel_environment, normalise, write

ROOT = Path(__file__).resolve().parents[1]


# ---- Texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("0.3", "0.29999"),
        ("loss 0.5123", "loss 0.5124"),
        ("tensor([ 0.9999, -0.0000])", "tensor([1.0000, 0.0000])"),
        ("tensor([1., 2., 3.])", "tensor([1.0000, 2.0000, 3.0000])"),
        ("[9.9996 1.]", "[10.0000  1.0000]"),
        ("1.0000e-04", "9.9999e-05"),
        ("1e-05", "1.0001e-05"),
        ("accuracy 98.4 %", "accuracy 98.5 %"),
        ("0.0000", "0.0001"),
        ("0.31", "0.32"),
        ("<td>0.123456</td>", "<td>0.123457</td>"),
        ("$x = 1.500$", "$x = 1.501$"),
        ("-3.4002", "-3.3999"),
    ],
)
def test_rounding_is_no_difference(stored: str, new: str) -> None:
    assert text_difference(stored, new) is None
    assert text_difference(new, stored) is None


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("0.5123", "0.5223"),
        ("0.3", "0.4"),
        ("0.03", "0.04"),
        ("1.0", "-1.0"),
        ("1.2e-05", "1.2e-06"),
        ("5e-05", "6e-05"),
        ("tensor([1., 2.])", "tensor([1., 3.])"),
        ("1000", "1001"),
        ("We have 1000.", "We have 1001."),
        ("1000", "1000.0"),
        ("epoch 3, loss 0.25", "epoch 4, loss 0.25"),
        ("torch 2.15.0", "torch 2.15.1"),
        ("torch 2.15.0", "torch 2.14.0"),
        ("torch.Size([2, 3])", "torch.Size([2, 4])"),
        ("True", "False"),
        ("0.5 nan", "0.5 0.5"),
        ("0.5", "inf"),
        ("0.5", "1.0e999"),
        ("a 0.5", "b 0.5"),
        ("0.5", "0.5 0.5"),
        ("0.5\n", "0.5"),
        ("  indented", "indented"),
        ("id 3fa0", "id 3fb0"),
    ],
)
def test_a_difference_is_found(stored: str, new: str) -> None:
    assert text_difference(stored, new) is not None
    assert text_difference(new, stored) is not None


def test_the_differing_number_is_shown() -> None:
    found = text_difference(
        "epoch 1, loss 0.50\nepoch 2, loss 0.25", "epoch 1, loss 0.50\nepoch 2, loss 0.30"
    )
    assert found is not None
    assert "0.25 became 0.30, relative difference 1.7e-01 (allowed 1e-03)" in found
    assert "epoch 2, loss >>>0.25<<<" in found
    assert "epoch 2, loss >>>0.30<<<" in found


def test_the_differing_word_is_shown() -> None:
    found = text_difference("0.5 right", "0.5 wrong")
    assert found is not None
    assert "0.5 >>>r<<<ight" in found
    assert "0.5 >>>w<<<rong" in found


@example("1e+999")
@given(st.text(alphabet="0123456789.,-+e[]() \nab", max_size=40))
def test_a_text_agrees_with_itself(text: str) -> None:
    assert text_difference(text, text) is None


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_integers_agree_only_when_equal(first: int, second: int) -> None:
    assert (text_difference(f"n = {first}", f"n = {second}") is None) == (first == second)


@given(
    st.floats(0.1, 1e6) | st.floats(-1e6, -0.1),
    st.sampled_from([0.9, 0.98, 1.02, 1.1]),
    st.sampled_from([".4f", ".5e"]),
)
def test_two_percent_is_a_difference_and_a_millionth_is_none(
    value: float, factor: float, style: str
) -> None:
    printed = format(value, style)
    if "." not in printed:
        return
    nearly, far = format(value * (1 + 1e-6), style), format(value * factor, style)
    if "." in nearly:
        assert text_difference(printed, nearly) is None
    assert text_difference(printed, far) is not None


# ---- Notebooks -----------------------------------------------------------------------------------

Change = Callable[[NotebookNode], None]


def text(old: str, new: str) -> Change:
    """A change that puts `new` for `old` in all stored outputs of a cell."""

    def apply(cell: NotebookNode) -> None:
        before = repr(cell.outputs)
        for output in cell.outputs:
            for holder in (output, output.get("data", {})):
                for key, value in holder.items():
                    if isinstance(value, str):
                        holder[key] = value.replace(old, new)
        assert repr(cell.outputs) != before, f"{old!r} not in {before}"

    return apply


def without(mime: str) -> Change:
    """A change that takes one kind of content out of a stored bundle."""
    return lambda cell: cell.outputs[0].data.pop(mime)


def nothing_stored(cell: NotebookNode) -> None:
    """No outputs in the notebook."""
    assert cell.outputs
    cell.outputs = []


def one_more(cell: NotebookNode) -> None:
    """An output in the notebook that the cell does not give."""
    cell.outputs.append(new_output("display_data", {"text/plain": "more"}))


def source(new: str) -> Change:
    """Another source than the one the stored outputs come from."""
    return lambda cell: cell.update(source=new)


def unchanged(cell: NotebookNode) -> None:
    """The notebook as it was run."""


@dataclass
class Case:
    """A cell, and a change to what is stored of it."""

    source: str
    change: Change = unchanged
    tags: list[str] = field(default_factory=list)


SETUP = """
import sys, io, base64
import ipywidgets as widgets
from IPython.display import display, clear_output, HTML, Latex, Markdown, SVG
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")
class Bundle:
    def __init__(self, **data):
        self.data = {key.replace("_", "/"): value for key, value in data.items()}
    def _repr_mimebundle_(self, **kwargs):
        return self.data
class LabLike(widgets.VBox):
    def _repr_mimebundle_(self, **kwargs):
        return super()._repr_mimebundle_(**kwargs) | {"image/png": PNG, "text/plain": "loss 0.13"}
"""

PASS = {
    "setup": Case(SETUP),
    "numbers": Case("print('loss 0.3, w 2.0001')", text("0.3, w 2.0001", "0.29999, w 2.0003")),
    "last digit": Case("print('loss 0.31')", text("0.31", "0.32")),
    "html": Case("HTML('<b>0.5000</b>')", text("0.5000", "0.5001")),
    "latex": Case("Latex('$0.5000$')", text("0.5000", "0.5001")),
    "markdown": Case("Markdown('*0.5000*')", text("0.5000", "0.5001")),
    "svg is not compared": Case(
        "Bundle(image_svg='a', text_plain='a figure')".replace(
            "image_svg", "**{'image_svg+xml'"
        ).replace("='a', text_plain", ": 'a'}, text_plain"),
        lambda cell: cell.outputs[0].data.update({"image/svg+xml": "b"}),
    ),
    "png is not compared": Case(
        "Bundle(image_png=PNG, text_plain='a figure')",
        lambda cell: cell.outputs[0].data.update({"image/png": "aaaa"}),
    ),
    "semicolon": Case("12345;"),
    "history": Case("In[-1], len(In) > 9"),
    "stored stderr": Case("print('beware', file=sys.stderr)"),
    "both streams": Case("print('a'); print('b', file=sys.stderr); print('c')"),
    "widget": Case("widgets.IntSlider(3)"),
    "widget shown": Case("display(widgets.HBox([widgets.Label('x'), widgets.FloatSlider(0.5)]))"),
    "lab": Case("LabLike([widgets.IntSlider(1)])"),
    "output widget": Case(
        "out = widgets.Output()\nwith out:\n    print('inside')\nprint('outside')\nout"
    ),
    "output widget cleared": Case(
        "display(out)\nfor i in range(3):\n    with out:\n        clear_output(wait=True)\n"
        "        print(i)\nprint(len(out.outputs))"
    ),
    "interact": Case("widgets.interact(lambda x: print(f'x = {x}'), x=(0, 10));"),
    "display updated": Case(
        "handle = display(HTML('0'), display_id=True)\n"
        "for i in range(20):\n    handle.update(HTML(str(i)))"
    ),
    "animation": Case(
        "for i in range(20):\n    clear_output(wait=True)\n"
        "    display(Bundle(image_png=PNG, text_plain=f'epoch {i}'))"
    ),
    "progress in text": Case("for i in range(5):\n    print(f'{i}/5', end='\\r')\nprint('5/5')"),
    # The kernel forwards what a child prints a moment later: the cell waits for it.
    "child process": Case(
        "import subprocess, time\n_ = subprocess.run(['echo', 'child'])\ntime.sleep(1)"
    ),
    "exception": Case("raise ValueError('loss 0.3')", text("0.3", "0.29999"), ["raises-exception"]),
    "ignored": Case("print('time 3 s')", text("3", "4"), ["nbval-ignore-output"]),
}

FAIL = {
    "number": Case("print('loss 0.5123')", text("0.5123", "0.5223")),
    "integer": Case("print('1000 steps')", text("1000", "1001")),
    "word": Case("print('the loss falls')", text("falls", "rises")),
    "boolean": Case("1 < 2", text("True", "False")),
    "shape": Case("(2, 3)", text("3", "4")),
    "html": Case("HTML('<b>0.5000</b>')", text("0.5000", "0.6000")),
    "latex": Case("Latex('$0.5000$')", text("0.5000", "0.6000")),
    "missing output": Case("print('here')", one_more),
    "extra output": Case("print('here')", nothing_stored),
    "extra stderr": Case("print('beware', file=sys.stderr)", nothing_stored),
    "missing picture": Case(
        "Bundle(text_plain='a figure')",
        lambda cell: cell.outputs[0].data.update({"image/png": "aaaa"}),
    ),
    "extra picture": Case("Bundle(image_png=PNG, text_plain='a figure')", without("image/png")),
    "description of a lab": Case("LabLike([widgets.IntSlider(1)])", text("0.13", "0.23")),
    "display updated": Case(
        "handle = display('first', display_id=True)\nhandle.update('last')", text("last", "first")
    ),
    "exception message": Case("raise ValueError('got 3')", text("3", "4"), ["raises-exception"]),
    "exception name": Case("raise ValueError('')", text("Value", "Type"), ["raises-exception"]),
    "no exception": Case("raise ValueError('')", source("pass"), ["raises-exception"]),
    "outputs in another order": Case(
        "print('a'); display('b')", lambda cell: cell.outputs.reverse()
    ),
    "unexpected exception": Case("print('fine')", source("1 / 0")),
}


def run_pytest(*arguments: str | Path) -> tuple[dict[int, str], str]:
    """Test notebooks as the book's are tested; outcome of each cell, and all that is said."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-n", "0", "-v"]
    command += ["--rootdir", str(ROOT), "-p", "conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    outcomes = re.findall(
        r"^\S*::Cell (\d+) (PASSED|FAILED|SKIPPED|ERROR)", done.stdout, re.MULTILINE
    )
    return {int(cell): outcome for cell, outcome in outcomes}, done.stdout + done.stderr


def changed_notebook(cases: dict[str, Case], folder: Path) -> Path:
    """A notebook of these cells, run, in normal form, then with each case's change."""
    cells = []
    for case in cases.values():
        metadata: dict[str, Any] = {"tags": case.tags} if case.tags else {}
        cells.append(new_code_cell(case.source.strip(), metadata=metadata))
    notebook = new_notebook(cells=cells)
    execute(notebook, folder, kernel_environment())
    notebook = normalise(from_dict(deepcopy(notebook)))
    for cell, case in zip(notebook.cells, cases.values(), strict=True):
        case.change(cell)
    path = folder / "chapter.ipynb"
    write(notebook, path)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, str], str]:
    return run_pytest(changed_notebook(PASS, tmp_path_factory.mktemp("good")))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, str], str]:
    cases = {"setup": Case(SETUP)} | FAIL | {"after the exception": Case("print('unreached')")}
    return run_pytest(changed_notebook(cases, tmp_path_factory.mktemp("bad")))


@pytest.mark.parametrize("name", PASS)
def test_passes(name: str, good: tuple[dict[int, str], str]) -> None:
    outcomes, said = good
    assert outcomes.get(list(PASS).index(name)) == "PASSED", said


@pytest.mark.parametrize("name", FAIL)
def test_fails(name: str, bad: tuple[dict[int, str], str]) -> None:
    outcomes, said = bad
    assert outcomes.get(1 + list(FAIL).index(name)) == "FAILED", said


def test_cells_after_an_exception_are_skipped(bad: tuple[dict[int, str], str]) -> None:
    outcomes, _ = bad
    assert outcomes[len(FAIL) + 1] == "SKIPPED"


def test_the_report_helps(bad: tuple[dict[int, str], str]) -> None:
    _, said = bad
    assert "chapter.ipynb, code cell [2], id " in said
    assert "    print('loss 0.5123')" in said
    assert "0.5223 became 0.5123, relative difference 1.9e-02 (allowed 1e-03)" in said
    assert "stored  loss >>>0.5223<<<" in said
    assert "output 2, text/plain: missing, the notebook has" in said
    assert "output 1, stderr: not in the notebook, new" in said
    assert "ZeroDivisionError: division by zero" in said
    assert re.search(r"make run NB=\S+chapter\.ipynb", said)


def test_output_widgets_do_not_stall_the_run(tmp_path: Path) -> None:
    setup = new_code_cell("import ipywidgets as widgets\nout = widgets.Output()")
    source = "for i in range(3):\n    with out:\n        print(i)"
    cells = [setup, *(new_code_cell(source) for _ in range(150))]
    execute(new_notebook(cells=cells), tmp_path, kernel_environment())


def test_tqdm_passes(tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    cases = {"bar": Case("from tqdm.auto import tqdm\nfor i in tqdm(range(3)):\n    pass")}
    outcomes, said = run_pytest(changed_notebook(cases, tmp_path))
    assert outcomes == {0: "PASSED"}, said


def test_kernel_settings_timeout_and_a_cell_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = {
        "environment": Case("import os, time\nthreads = os.environ['OMP_NUM_THREADS']"),
        "shown": Case(
            "print(threads, os.environ.get('D2L_DEVICE'), 'PYTEST_CURRENT_TEST' in os.environ)",
            text("1 cpu", "3 here"),
        ),
        "hangs": Case("print('quick')", source("time.sleep(60)")),
    }
    monkeypatch.setenv("D2L_DEVICE", "cpu")
    path = changed_notebook(cases, tmp_path)
    monkeypatch.setenv("D2L_DEVICE", "here")
    monkeypatch.setenv("D2L_TEST_THREADS", "3")
    outcomes, said = run_pytest("--nbval-cell-timeout=3", f"{path}::Cell 1", f"{path}::Cell 2")
    assert outcomes[1] == "PASSED", said
    assert outcomes[2] == "FAILED", said
    assert "timed out" in said


# ---- Exercises done two more ways ----------------------------------------------------------------

CHAPTER = """
x = 3
def check(number, answer):
    print(f"… {number}: not attempted" if answer is ... else f"✓ {number}")
class d2l:
    check = staticmethod(check)
"""


EXERCISES = {  # attempt, solution, what must be said
    "sound": ("answer = ...", "answer = x", "PASSED"),
    "names_are_put_back": ("x = 4\nanswer = ...", "answer = ... if x == 4 else x", "PASSED"),
    "no_solution": ("x = 4\nanswer = ...", "answer = ... if x == 3 else x", "not attempted"),
    "given_away": ("answer = x", "answer = x", "not attempted"),
    "leaning": ("helper = 1\nanswer = ...", "answer = helper", "'helper' is not defined"),
}


def test_exercises_are_done_without_solutions_and_without_attempts(tmp_path: Path) -> None:
    for name, (attempt, solution, _) in EXERCISES.items():
        cells = [new_code_cell(CHAPTER), new_code_cell("y = x"), new_markdown_cell("The end.")]
        for tag, source in (("solution", solution), ("attempt", attempt)):
            metadata = {"tags": [tag, "nbval-ignore-output"]}
            cells.insert(
                1, new_code_cell(f'{source}\nd2l.check("08.1", answer)', metadata=metadata)
            )
        write(normalise(new_notebook(cells=cells)), tmp_path / f"{name}.ipynb")
    _, said = run_pytest(*(tmp_path / f"{name}.ipynb" for name in EXERCISES))
    outcomes = re.findall(r"::exercises (PASSED|FAILED)", said)
    wanted = [text for _, _, text in EXERCISES.values()]
    assert outcomes == ["PASSED" if text == "PASSED" else "FAILED" for text in wanted], said
    assert said.count(": not attempted") >= 2
    assert "'helper' is not defined" in said
