"""The package as a whole: lazy, complete, visible to editors and type checkers."""

import inspect
import json
import pydoc
import subprocess
import sys

import pytest

import d2lhelpers as d2l

HEAVY = ("torch", "torchvision", "pandas", "matplotlib", "numpy", "ipywidgets", "IPython", "sympy")


def loaded_after(statements: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after the statements."""
    code = f"{statements}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout)) & set(HEAVY)


def test_the_import_alone_loads_nothing_heavy():
    assert loaded_after("import d2lhelpers as d2l; dir(d2l)") == set()


def test_a_saved_helper_loads_torch_and_nothing_that_it_does_not_use():
    found = loaded_after("import d2lhelpers as d2l; d2l.sgd, d2l.load_array, d2l.Timer")
    assert found <= {"torch", "numpy"}


def test_checking_an_exercise_loads_no_plotting():
    code = 'import d2lhelpers as d2l; d2l.check("00.1", 366)'
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "✓ 00.1\n"
    assert "matplotlib" not in done.stderr and "| torch" not in done.stderr


@pytest.mark.parametrize("name", d2l.__all__)
def test_every_public_name_exists_has_help_and_completes(name):
    value = getattr(d2l, name)
    assert name in dir(d2l)
    if inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)
        assert name in pydoc.render_doc(value)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="squared_lost"):
        _ = d2l.squared_lost


@pytest.mark.slow
def test_type_checkers_see_the_signatures(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\nimport d2lhelpers as d2l\n"
        "reveal_type(d2l.linreg(torch.ones(1, 1), torch.ones(1), 0))\n"
        "d2l.squared_loss(1.0, 2.0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--ignore-missing-imports", str(program)],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert 'Revealed type is "torch._tensor.Tensor"' in done.stdout
    assert 'Argument 1 to "squared_loss" has incompatible type "float"' in done.stdout
