"""The suite proves itself: each deliberate mistake in a saved helper turns its tests red."""

import pytest

from .mutants import MUTANTS, survives


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_notice(mutant):
    assert not survives(mutant)
