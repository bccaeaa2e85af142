"""The chapters as a reader meets them: `make lab`, run the cells, drag a slider of the lab."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

import lab_page as at

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PART1 = "notebooks/part1_preliminaries"
PART2 = "notebooks/part2_linear_regression"
PART3 = "notebooks/part3_neural_networks"
PART5 = "notebooks/part5_convolutional_networks"
# Chapter, label of the slider that is dragged, what the lab says after its largest value.
LABS = [
    ("notebooks/00_start_here.ipynb", "learning rate η", "Diverged"),
    (f"{PART1}/02_broadcasting.ipynb", "first shape, listed", "Refused"),
    (f"{PART1}/05_derivatives.ipynb", "step h", "In float32 with h = 1, the central quotient of"),
    (f"{PART2}/07_gradient_descent.ipynb", "learning rate η", "Diverges"),
    (f"{PART2}/08_linear_regression.ipynb", "learning rate η", "Diverged"),
    (f"{PART3}/11_neurons.ipynb", "weight w of x₁", "With w = 10 and b = −2 the output of the"),
    (f"{PART3}/12_computational_graphs.ipynb", "step", "Done"),
    (f"{PART3}/15_cross_entropy.ipynb", "start weight w", "From w = 6 and b = 2 the output starts"),
    (f"{PART3}/16_regularization.ipynb", "training examples n", "With 800 examples, 20% of"),
    (f"{PART3}/17_universal_approximation.ipynb", "steepness w", "With 10 bumps and w = 100000"),
    (f"{PART3}/18_unstable_gradients.ipynb", "hidden layers", "Vanishes: in 20 hidden layers of"),
    (f"{PART5}/22_convolution.ipynb", "kernel, listed", "The kernel of 3 × 3, “all ones”, adds up"),
    (f"{PART5}/23_pooling.ipynb", "kernel k", "Impossible: a kernel of 11 with dilation 1"),
    (f"{PART5}/24_convnets.ipynb", "epochs", "Not trained yet"),
]
# These run from top to bottom here. Of the others the imports and the lab run, which needs nothing
# else; that all their cells run is nbval's to show.
WHOLE = ("notebooks/00_start_here.ipynb", f"{PART2}/08_linear_regression.ipynb")
SLOWEST_PICTURE = 180  # milliseconds; benchmarks/lab_latency.py measures the median and its spread


@pytest.fixture(scope="module")
def make_lab(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[at.JupyterLab]:
    """The server that the README's command starts; the tests save nothing."""
    if not (at.REPOSITORY / ".venv" / "up-to-date").exists():
        pytest.skip("the README's command needs .venv, which `make setup` creates")
    chapters = sorted((at.REPOSITORY / "notebooks").rglob("*.ipynb"))
    before = [path.read_bytes() for path in chapters if ".ipynb_checkpoints" not in path.parts]
    server = at.JupyterLab(tmp_path_factory.mktemp("make_lab"), book=at.REPOSITORY)
    yield server
    server.close()
    after = [path.read_bytes() for path in chapters if ".ipynb_checkpoints" not in path.parts]
    assert after == before


@pytest.mark.parametrize(("chapter", "label", "verdict"), LABS)
def test_a_chapter_runs_and_its_lab_answers(browser, make_lab, chapter, label, verdict):
    page = make_lab.open_served(browser, chapter)
    (at.run_all if chapter in WHOLE else at.run_lab)(page, seconds=300)
    box = at.lab(page)
    name = Path(chapter).stem

    handle = at.control(box, label)
    old, before, words = at.picture(box), at.picture_bytes(box), at.sentence(box)
    at.drag(handle, 30)
    at.screenshot(page, f"{name}_dragged")
    at.wait_for_change(box, old)
    at.wait_until_quiet(box)
    assert at.picture_bytes(box) != before
    assert at.sentence(box) != words

    answers = at.press_times(box, handle, presses=9)
    print(f"{name}: {statistics.median(answers):.0f} ms from key to picture (median of 9)")
    assert statistics.median(answers) < SLOWEST_PICTURE

    for key in ("Home", "End"):  # the drag may have reached the end already
        old = at.picture(box)
        at.press(handle, key)
        at.wait_for_change(box, old)
        at.wait_until_quiet(box)
    assert at.sentence(box).startswith(verdict)
    at.screenshot(page, f"{name}_diverged")

    assert at.problems(page) == []
    make_lab.leave(page)
    assert make_lab.tracebacks() == []


def test_a_solution_opens_and_the_attempt_is_checked(browser, make_lab):
    page = make_lab.open_served(browser, "notebooks/00_start_here.ipynb")
    at.run_all(page)
    attempt = page.locator(".jp-CodeCell", has_text="days = ...").first
    assert "… 00.1: not attempted" in attempt.locator(".jp-OutputArea").inner_text()
    editor = attempt.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.type('d2l.check("00.1", 365)')
    page.keyboard.press("Shift+Enter")
    attempt = page.locator(".jp-CodeCell", has_text='d2l.check("00.1", 365)').first
    attempt.locator("text=a leap year has one day more").wait_for(timeout=20_000)
    assert page.locator("text=days = 366").count() == 0, "the solution is closed"
    make_lab.leave(page)


def test_the_server_keeps_jupyters_defaults(make_lab):
    log = make_lab.log.read_text()
    assert "http://localhost" in log or "http://127.0.0.1" in log
    assert "0.0.0.0" not in log and "*:" not in log
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{make_lab.base}/api/contents", timeout=20)
