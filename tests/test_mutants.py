"""The suite proves itself: each deliberate mistake in a saved helper turns its tests red."""

import pytest

from .mutants import CONTROLS, MUTANTS, ROOT, Mutant, survives


@pytest.mark.slow
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.module)
def test_the_tests_pass_when_nothing_is_broken(control):
    assert survives(control)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_notice(mutant):
    assert not survives(mutant)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_changes_one_place(mutant):
    text = (ROOT / "d2lhelpers" / f"{mutant.module}.py").read_text()
    assert mutant.apply(text) != text


@pytest.mark.parametrize("text", ["", "a = 1", "x = 1\nx = 1"])
def test_a_pattern_that_does_not_occur_once_is_refused(text):
    with pytest.raises(ValueError, match="wanted once"):
        Mutant("name", "module", "x = 1", "x = 2").apply(text)
