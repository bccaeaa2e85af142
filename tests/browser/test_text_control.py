"""A control to type in, as the reader meets it: the lab Broadcasting in JupyterLab."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

import lab_page as at

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def box_and_page(open_notebook, tmp_path):
    source = ["import d2lhelpers as d2l", "lab = d2l.labs.Broadcasting()\nlab"]
    page = open_notebook(at.write_notebook(tmp_path / "labs.ipynb", source))
    at.run_all(page)
    return at.lab(page), page


def type_text(box, label: str, text: str) -> None:
    """Replace the text letter by letter, and wait until the lab has answered."""
    field = box.get_by_label(label, exact=True)
    old = at.picture(box)
    field.press("Control+a")
    field.press_sequentially(text, delay=40)
    at.wait_for_change(box, old)
    at.wait_until_quiet(box)
    assert field.input_value() == text, "the lab must not change what is being typed"


def test_shapes_are_typed_explained_and_reset(box_and_page):
    box, page = box_and_page
    first = at.sentence(box).split(" Computed")[0]
    assert first.startswith("(3, 1) and (1, 2) fit: the result has the shape (3, 2)")
    assert box.get_by_label("first shape", exact=True).input_value() == "3, 1"
    at.screenshot(page, "lab_broadcasting")

    type_text(box, "first shape", "2, 4, 1")
    assert "the result has the shape (2, 4, 2)" in at.sentence(box)
    type_text(box, "second shape", "3,,x")
    assert at.sentence(box).startswith("Not a shape: second is “3,,x”: a size is missing")
    field = box.get_by_label("second shape", exact=True)
    assert field.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 227, 214)"
    at.screenshot(page, "lab_broadcasting_refused_text")
    type_text(box, "second shape", "1000000000, 1, 1, 5")
    assert "drawn is only the corner of shape" in at.sentence(box)
    at.screenshot(page, "lab_broadcasting_huge")

    old = at.picture(box)
    at.control(box, "Reset").press("Enter")
    at.wait_for_change(box, old)
    at.wait_until_quiet(box)
    assert at.sentence(box).split(" Computed")[0] == first
    assert field.input_value() == "1, 2"


def test_the_slider_below_fills_the_text_box_and_all_is_reached_by_tab(box_and_page):
    box, page = box_and_page
    old = at.picture(box)
    at.press(at.control(box, "second shape, listed"), "End")
    at.wait_for_change(box, old)
    at.wait_until_quiet(box)
    assert box.get_by_label("second shape", exact=True).input_value() == "2, 3, 4, 5"
    assert "(3, 1) and (2, 3, 4, 5)" in at.sentence(box)

    labels = box.locator(".widget-inline-hbox:not(.widget-html) .widget-label")
    assert labels.all_inner_texts() == [
        *("first shape", "first shape, listed", "second shape", "second shape, listed")
    ]
    for label in labels.all():
        assert label.evaluate("e => e.scrollWidth <= e.clientWidth"), label.inner_text()
    box.get_by_label("first shape", exact=True).focus()
    reached = []
    for _ in range(4):
        reached.append(page.evaluate("document.activeElement.className"))
        page.keyboard.press("Tab")
    assert [("noUi-handle" in name) for name in reached] == [False, True, False, True]


def test_after_typing_the_slider_goes_back_to_the_example_it_stood_at(box_and_page):
    box, _ = box_and_page
    slider = at.control(box, "second shape, listed")
    for typed in ("7", "8"):
        type_text(box, "second shape", typed)
        assert slider.get_attribute("aria-valuenow") == "0.0", "what was typed is its first place"
        for _ in range(5):  # "1, 2" is the fifth example
            at.press(slider, "ArrowRight")
        at.wait_until_quiet(box)
        assert box.get_by_label("second shape", exact=True).input_value() == "1, 2"
        assert at.sentence(box).startswith("(3, 1) and (1, 2) fit")
