"""Start, steer, stop and continue a training in JupyterLab, while other cells run."""

from __future__ import annotations

import re
import time

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

import lab_page as at

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

OTHER_CELL = "print('other', 6 * 7, lab.running)"


@pytest.fixture
def box_and_page(open_notebook, tmp_path):
    cells = ["import d2lhelpers as d2l", "lab = d2l.labs.TrainAClassifier()\nlab", OTHER_CELL]
    page = open_notebook(at.write_notebook(tmp_path / "labs.ipynb", cells))
    at.run_all(page)
    return at.lab(page), page


def button(box, name: str):
    # Its accessible name begins with the letter that draws the icon.
    return box.locator("button", has_text=re.compile(rf"^\s*{name}\s*$"))


def wait_for_words(box, words: str, seconds: float = 60) -> str:
    limit = time.monotonic() + seconds
    while words not in at.sentence(box):
        assert time.monotonic() < limit, f"{words!r} did not come: {at.sentence(box)}"
        time.sleep(0.05)
    return at.sentence(box)


def share(box) -> float:
    """How far the progress bar is, in percent."""
    return float(box.locator(".widget-hbox .widget-html-content").inner_text().rstrip("%"))


def run_other_cell(page) -> str:
    """Run the last cell from the keyboard; what it prints."""
    cell = page.locator(".jp-CodeCell", has_text="'other'")
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(OTHER_CELL.replace("6 * 7", "6 * 8"), delay=0)
    page.keyboard.press("Control+Enter")
    cell.locator(".jp-OutputArea-output", has_text="other 48").wait_for(timeout=10_000)
    return cell.locator(".jp-OutputArea").inner_text()


def test_start_steer_stop_continue_and_start_over(box_and_page):
    box, page = box_and_page
    assert at.sentence(box).startswith("Not trained yet: the convolutional network with 1,370")
    assert button(box, "Stop").is_disabled()
    assert share(box) == 0
    at.screenshot(page, "lab_training_before")

    epochs = at.control(box, "epochs")
    at.press(epochs, "ArrowRight", 8)  # 20 epochs take at least five seconds
    wait_for_words(box, "gives it 20 epochs")
    old = at.picture(box)
    button(box, "Start").press("Enter")
    at.wait_for_change(box, old)
    words = wait_for_words(box, "Running: After ")
    assert "of 20 epochs" in words
    assert "True" in run_other_cell(page), "other cells run while it trains"
    assert button(box, "Stop").is_enabled()
    at.press(at.control(box, "learning rate η"), "ArrowLeft", 3)
    wait_for_words(box, "(at first 0.05 and 32)")
    at.screenshot(page, "lab_training_running")

    button(box, "Stop").press("Enter")
    stopped = wait_for_words(box, "Stopped: After ")
    assert 0 < share(box) < 100
    at.wait_until_quiet(box, 1.0)
    assert at.sentence(box) == stopped
    at.screenshot(page, "lab_training_stopped")

    button(box, "Continue").press("Enter")
    finished = wait_for_words(box, "After 20 epochs")
    assert "learning rate 0.025, batch size 32 (at first 0.05 and 32)" in finished
    assert share(box) == 100
    assert button(box, "Continue").is_disabled()
    at.screenshot(page, "lab_training_finished")

    at.press(at.control(box, "learning rate η"), "End")
    button(box, "Start over").press("Enter")
    assert "no ReLU answers" in wait_for_words(box, "Diverged after")
    at.screenshot(page, "lab_training_diverged")

    at.control(box, "Reset").press("Enter")
    wait_for_words(box, "Not trained yet")
    assert share(box) == 0
    assert button(box, "Start").is_enabled()


def test_every_control_is_labelled_in_full_and_reached_by_keyboard(box_and_page):
    box, page = box_and_page
    labels = box.locator(".widget-inline-hbox:not(.widget-html) .widget-label")
    for label in labels.all():
        assert label.evaluate("e => e.scrollWidth <= e.clientWidth"), label.inner_text()
    handles = box.locator(".noUi-handle, select, button:not([disabled])")
    assert handles.count() == 5 + 2  # Reset and Start; there is nothing yet to stop
    for handle in handles.all():
        handle.focus()
        assert handle.evaluate("e => e === document.activeElement")
    wide = box.evaluate("e => e.querySelector('img').getBoundingClientRect().right")
    assert box.locator(".progress").evaluate("e => e.getBoundingClientRect().right") <= wide


def test_the_cell_run_again_leaves_no_training_behind(box_and_page):
    box, page = box_and_page
    button(box, "Start").press("Enter")
    wait_for_words(box, "Running: After ")
    at.run_all(page)
    fresh = at.lab(page)
    assert at.sentence(fresh).startswith("Not trained yet")
    assert page.locator(".d2l-lab").count() == 1
    assert "False" in run_other_cell(page)
