"""The two labs of part 2 in JupyterLab: pictures follow the controls, nothing breaks."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

import lab_page as at

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LEARNING_RATE, REGRESSION = 0, 1
STRESS_PRESSES = 60
ALLOWED_LAG = 0.3  # seconds from the last of many presses to the last picture


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Both labs in one notebook."""
    return at.write_notebook(
        tmp_path_factory.mktemp("labs") / "labs.ipynb",
        [
            "import d2lhelpers as d2l",
            "first = d2l.labs.LearningRate()\nfirst",
            "second = d2l.labs.LearningRateAndBatchSize()\nsecond",
        ],
    )


def move(box, label: str, key: str = "ArrowRight", times: int = 1) -> None:
    """Press and wait until the picture has followed."""
    old = at.picture(box)
    at.press(at.control(box, label), key, times)
    at.wait_for_change(box, old)
    at.wait_until_quiet(box, 0.2)


def test_labs_follow_their_controls(open_notebook, notebook):
    page = open_notebook(notebook)
    at.run_all(page)

    descent = at.lab(page, LEARNING_RATE)
    assert at.sentence(descent).startswith("On its way: after 40 steps")
    assert "learning rate 0.5 " in at.sentence(descent), "showing the lab must not move its sliders"
    picture, words = at.picture_bytes(descent), at.sentence(descent)
    at.screenshot(page, "lab_learning_rate")
    move(descent, "learning rate η")
    assert at.picture_bytes(descent) != picture
    assert at.sentence(descent) != words
    assert "learning rate 0.6 " in at.sentence(descent)
    move(descent, "momentum m", times=5)
    assert "stability limit 1.05" in at.sentence(descent)
    old = at.picture(descent)
    at.control(descent, "surface").select_option("wavy curve (1-D)")
    at.wait_for_change(descent, old)
    assert "near the lowest point" in at.sentence(descent)
    at.screenshot(page, "lab_learning_rate_wavy")
    old = at.picture(descent)
    at.control(descent, "Reset").press("Enter")
    at.wait_for_change(descent, old)
    at.wait_until_quiet(descent)
    assert at.sentence(descent).split(" Computed")[0] == words.split(" Computed")[0]
    assert at.picture_bytes(descent) == picture
    move(descent, "learning rate η", times=6)
    assert at.sentence(descent).startswith("Diverges: after ")
    assert "the path has left the picture" in at.sentence(descent)
    at.screenshot(page, "lab_learning_rate_diverged")

    regression = at.lab(page, REGRESSION)
    regression.locator("[role=status]").scroll_into_view_if_needed()
    assert "Loss 0.0000513 after 3 epochs (300 updates)" in at.sentence(regression)
    assert "learning rate 0.03, batch size 10" in at.sentence(regression)
    at.screenshot(page, "lab_regression")
    for label in ("learning rate η", "batch size", "epochs", "noise σ", "features", "data set"):
        picture, words = at.picture_bytes(regression), at.sentence(regression)
        move(regression, label)
        assert at.picture_bytes(regression) != picture, label
        assert at.sentence(regression) != words, label
    at.screenshot(page, "lab_regression_two_features")
    move(regression, "learning rate η", "End")
    assert at.sentence(regression).startswith("Diverged: after ")
    assert "the limit even for the full batch" in at.sentence(regression)
    at.screenshot(page, "lab_regression_diverged")


def test_every_control_is_labelled_in_full_and_reached_by_keyboard(open_notebook, notebook):
    page = open_notebook(notebook)
    at.run_all(page)
    for n, count in ((LEARNING_RATE, 6), (REGRESSION, 6)):
        box = at.lab(page, n)
        labels = box.locator(".widget-inline-hbox:not(.widget-html) .widget-label")
        assert labels.count() == count
        for label in labels.all():
            assert label.inner_text().strip()
            assert label.evaluate("e => e.scrollWidth <= e.clientWidth"), label.inner_text()
        handles = box.locator(".noUi-handle, select, button")
        assert handles.count() == count + 1
        for handle in handles.all():
            handle.focus()
            assert handle.evaluate("e => e === document.activeElement")
        readouts = box.locator(".widget-readout")
        assert all(r.evaluate("e => e.scrollWidth <= e.clientWidth") for r in readouts.all())
        wide = box.locator("img").evaluate("e => e.getBoundingClientRect().right")
        assert wide <= page.locator(".jp-NotebookPanel").evaluate(
            "e => e.getBoundingClientRect().right"
        )


@pytest.mark.parametrize(
    ("n", "label", "settings"),
    [
        (LEARNING_RATE, "learning rate η", ""),
        (REGRESSION, "learning rate η", ""),
        # Twenty thousand updates each time: a run is cut short by the next press.
        (REGRESSION, "data set", "second.set(batch_size=1, epochs=20, learning_rate=0.01)"),
    ],
)
def test_sixty_quick_presses_end_with_the_last_setting(open_notebook, tmp_path, n, label, settings):
    notebook = at.write_notebook(
        tmp_path / "stress.ipynb",
        [
            "import d2lhelpers as d2l",
            "first = d2l.labs.LearningRate()\nfirst",
            f"second = d2l.labs.LearningRateAndBatchSize()\n{settings}\nsecond",
        ],
    )
    page = open_notebook(notebook)
    at.run_all(page)
    box = at.lab(page, n)
    at.wait_until_quiet(box)
    box.locator("img").evaluate(
        """image => {
            window.pictures = []
            new MutationObserver(() => window.pictures.push(performance.now()))
                .observe(image, {attributes: true, attributeFilter: ['src']})
            document.addEventListener('keydown', e => window.pressed = e.timeStamp, true)
        }"""
    )
    handle = at.control(box, label)
    # One press alone tells how fast this machine is just now.
    alone = []
    for key in ("ArrowRight", "ArrowLeft") * 3:
        move(box, label, key)
        alone.append(page.evaluate("window.pictures.at(-1) - window.pressed"))
    page.evaluate("window.pictures = []")
    # Back and forth, ending three steps to the right of where it stood.
    half = STRESS_PRESSES // 2 - 2
    at.press(handle, "ArrowRight", half + 3)
    at.press(handle, "ArrowLeft", half)
    at.press(handle, "ArrowRight", STRESS_PRESSES - 2 * half - 3)
    at.wait_until_quiet(box, 1.0)
    lag, count = page.evaluate("[window.pictures.at(-1) - window.pressed, window.pictures.length]")
    shown = handle.evaluate("e => e.closest('.widget-inline-hbox').querySelector('.widget-readout')"
                            ".textContent")  # fmt: skip
    if label == "learning rate η":
        assert f"learning rate {shown}" in at.sentence(box)
    picture, words = at.picture_bytes(box), at.sentence(box).split(" Computed")[0]
    assert "computing" not in words
    # Away and back again, slowly: the same setting has the same picture.
    move(box, label, "ArrowLeft")
    move(box, label, "ArrowRight")
    assert at.sentence(box).split(" Computed")[0] == words
    assert at.picture_bytes(box) == picture
    assert count >= 3, "a drag shows pictures on its way"
    print(f"{STRESS_PRESSES} presses: {count} pictures, the last {lag:.0f} ms after the last press")
    assert lag < max(ALLOWED_LAG * 1e3, 3 * max(alone)), f"a press alone takes {alone} ms"


def test_an_error_is_shown_in_the_lab_and_the_next_setting_recovers(open_notebook, tmp_path):
    notebook = at.write_notebook(
        tmp_path / "error.ipynb",
        [
            "import d2lhelpers as d2l\n"
            "class Touchy(d2l.labs.LearningRateAndBatchSize):\n"
            "    def describe(self, result):\n"
            "        if result.epochs == 4:\n"
            "            raise RuntimeError('four <b>epochs</b>')\n"
            "        return super().describe(result)\n"
            "Touchy()",
        ],
    )
    page = open_notebook(notebook)
    at.run_all(page)
    box = at.lab(page)
    epochs = at.control(box, "epochs")
    at.press(epochs)
    box.locator(".d2l-lab-error").wait_for(timeout=5000)
    assert "RuntimeError: four <b>epochs</b>" in at.sentence(box)
    move(box, "epochs")
    assert "after 5 epochs" in at.sentence(box)


def test_closing_removes_the_lab_from_the_page(open_notebook, tmp_path):
    notebook = at.write_notebook(
        tmp_path / "close.ipynb",
        [
            "import d2lhelpers as d2l\nlab = d2l.labs.LearningRate()\nlab",
            "import asyncio\nawait asyncio.sleep(2)\nlab.close()\n'closed'",
        ],
    )
    page = open_notebook(notebook)
    at.run_all(page)
    limit = time.monotonic() + 10
    while page.locator(".d2l-lab").count() and time.monotonic() < limit:
        time.sleep(0.1)
    assert page.locator(".d2l-lab").count() == 0
