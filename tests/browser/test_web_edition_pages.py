"""The web edition in a real browser, opened as files: formulas, labs, search, no requests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.chapters import CHAPTERS, ROOT
from tests.web_edition import build

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NOTEBOOKS = ROOT / "notebooks"
PAGES = [chapter.relative_to(NOTEBOOKS).with_suffix(".html").as_posix() for chapter in CHAPTERS]
REGRESSION = next(page for page in PAGES if "08_" in page)
DESCENT = next(page for page in PAGES if "07_" in page)
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages in the folder that D2L_WEB_EDITION names, else built here, which takes a minute."""
    if finished := os.environ.get("D2L_WEB_EDITION"):
        return Path(finished)
    output = tmp_path_factory.mktemp("web")
    done = build(NOTEBOOKS, output)
    assert done.returncode == 0, done.stderr
    return output / "html"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may read files only; fails afterwards on requests, missing files and errors."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    problems: list[str] = []

    def guard(route: Route, request: Request) -> None:
        if request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            problems.append(f"requested {request.url}")
            route.abort()

    opened.route("**/*", guard)
    opened.on("requestfailed", lambda request: problems.append(f"failed {request.url}"))
    opened.on("pageerror", lambda error: problems.append(f"error {error}"))
    opened.on(
        "console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None
    )
    yield opened
    opened.close()
    assert problems == []


def open_page(page: Page, site: Path, name: str) -> None:
    page.goto((site / name).as_uri())
    page.wait_for_function("!window.MathJax || MathJax.startup?.promise")
    page.evaluate("window.MathJax ? MathJax.startup.promise : null")


@pytest.mark.parametrize("name", ["index.html", *PAGES])
def test_page_shows_all_its_formulas_and_figures(page: Page, site: Path, name: str) -> None:
    open_page(page, site, name)
    formulas = page.locator(".math")
    assert formulas.count() == page.locator(".math:has(mjx-container > svg)").count()
    if name in (REGRESSION, DESCENT):
        assert formulas.count() > 0
    assert page.locator("mjx-container [data-mjx-error], mjx-merror").count() == 0
    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    assert page.evaluate(broken) == []
    # Nothing is wider than the page, on a telephone either.
    for size in ({"width": 1280, "height": 900}, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_lab_follows_its_sliders_and_resets(page: Page, site: Path) -> None:
    open_page(page, site, REGRESSION)
    lab = page.locator(".lab")
    picture, sentence = lab.locator("img"), lab.locator(".lab-sentence")
    rate, batch = lab.get_by_label("learning rate"), lab.get_by_label("batch size")
    first = picture.get_attribute("src"), sentence.inner_text()
    assert first[1].startswith("Loss ")

    rate.focus()
    page.keyboard.press("End")
    expect(sentence).to_contain_text("Diverged")
    expect(rate).to_have_attribute("aria-valuetext", "3")
    expect(lab.locator("output").first).to_have_text("3")
    assert picture.get_attribute("src") != first[0]
    assert picture.get_attribute("alt") == sentence.inner_text()
    assert picture.evaluate("image => image.naturalWidth") > 1000

    batch.focus()
    page.keyboard.press("ArrowRight")
    expect(sentence).to_contain_text("of 150")  # 1,000 examples, 3 epochs, batches of 20

    lab.get_by_role("button", name="Reset").click()
    expect(sentence).to_have_text(first[1])
    expect(rate).to_have_attribute("aria-valuetext", "0.03")
    assert picture.get_attribute("alt") == first[1]


def test_lab_shows_the_last_of_many_settings(page: Page, site: Path) -> None:
    open_page(page, site, REGRESSION)
    rate = page.locator(".lab").get_by_label("learning rate")
    rate.focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft", delay=0)
    value = rate.get_attribute("aria-valuetext")
    expect(page.locator(".lab-sentence")).to_contain_text(f"learning rate {value}, batch")


def test_lab_with_a_choice(page: Page, site: Path) -> None:
    open_page(page, site, DESCENT)
    lab = page.locator(".lab")
    choice = lab.get_by_label("surface")
    old = lab.locator("img").get_attribute("src")
    choice.select_option(index=0)
    expect(lab.locator("img")).not_to_have_attribute("src", str(old))


def test_solution_opens_with_the_keyboard(page: Page, site: Path) -> None:
    open_page(page, site, REGRESSION)
    solution = page.locator("details", has_text="Solution").first
    expect(solution.locator("pre").first).to_be_hidden()
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(solution.locator("pre").first).to_be_visible()


def test_search_finds_a_chapter_without_a_server(page: Page, site: Path) -> None:
    page.goto((site / "search.html").as_uri() + "?q=regression")
    results = page.locator("#search-results li a")
    expect(results.first).to_be_visible()
    title = nbformat.read(NOTEBOOKS / Path(REGRESSION).with_suffix(".ipynb"), 4).metadata.d2l.title
    assert any(title in text for text in results.all_inner_texts())


def test_figures_stay_white_cards_in_the_dark(page: Page, site: Path) -> None:
    page.emulate_media(color_scheme="dark")
    open_page(page, site, REGRESSION)
    for style, wanted in (("backgroundColor", "rgb(255, 255, 255)"), ("filter", "none")):
        found = page.locator(".cell_output img").evaluate_all(
            f"images => images.map(i => getComputedStyle(i).{style})"
        )
        assert set(found) == {wanted}
    dark = page.locator(".lab").evaluate("lab => getComputedStyle(lab.parentElement).color")
    assert dark == page.locator("article p").first.evaluate("p => getComputedStyle(p).color")
