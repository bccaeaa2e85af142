"""Settings of every test run: threads, notebooks through nbval, order of work."""

from __future__ import annotations

import json
import os
import re

import hypothesis
import pytest

# Two workers with two torch threads each on two cores are many times slower than with one. This is
# set before anything imports torch, and workers and kernels inherit it.
os.environ["OMP_NUM_THREADS"] = os.environ.get("D2L_TEST_THREADS", "1")

# No example has a time limit: a machine that stalls for a moment is no mistake. (The profile "ci",
# which hypothesis brings, has none either.)
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# For tests/mutants.py: one failure is enough there, and the search for the simplest takes most of
# the time.
hypothesis.settings.register_profile(
    "first_failure",
    deadline=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)

pytest_plugins = ["tests.nbval_adapter"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that no worker is left alone with it at the end."""
    seconds: dict[object, float] = {}
    for item in items:
        if item.path not in seconds:
            seconds[item.path] = expected_seconds(item)
    items.sort(key=lambda item: -seconds[item.path])


def expected_seconds(item: pytest.Item) -> float:
    """What the file of a test is known to take: a notebook says so, other files count as short."""
    if item.path.suffix != ".ipynb":
        return 1000.0 if item.path.name == "test_exercise_answers.py" else 0.0
    try:
        metadata = json.loads(item.path.read_text(encoding="utf-8"))["metadata"]
        found = re.search(r"\d+", metadata["d2l"]["run_time"])
    except (ValueError, KeyError):
        return 1.0
    return float(found[0]) if found else 1.0
