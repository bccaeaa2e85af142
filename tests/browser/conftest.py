"""Fixtures for tests that look at notebooks in JupyterLab with a real browser.

`open_notebook(path)` returns a Playwright page that shows a copy of the notebook; the functions for
the page are in lab_page.py: `run_all(page)`, `lab(page, n)`, `control(lab, label)`, `press(handle,
key)` and more. After each test the fixture fails the test when the browser's console or the kernel
told of an error; a test that provokes one takes it off with `page_problems.clear()`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs JupyterLab and a Chromium")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for the session; skips when none is installed."""
    pytest.importorskip("playwright", reason="Playwright is not installed")
    import lab_page
    from playwright.sync_api import sync_playwright

    if lab_page.find_chromium() is None:
        pytest.skip("no Chromium: install one or set PLAYWRIGHT_CHROMIUM to its path")
    with sync_playwright() as playwright:
        chromium = lab_page.start_chromium(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def jupyterlab(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A JupyterLab server for the session."""
    import lab_page

    server = lab_page.JupyterLab(tmp_path_factory.mktemp("jupyterlab"))
    yield server
    server.close()


@pytest.fixture
def open_notebook(browser, jupyterlab) -> Iterator[Callable[[Path], object]]:
    """`open_notebook(path)`: a page showing a copy of the notebook, its kernel ready."""
    import lab_page

    pages = []
    known = len(jupyterlab.tracebacks())

    def open_copy(path: Path):
        pages.append(jupyterlab.open(browser, Path(path)))
        return pages[-1]

    yield open_copy
    found = [problem for page in pages for problem in lab_page.problems(page)]
    for page in pages:
        jupyterlab.leave(page)
    assert found == []
    assert jupyterlab.tracebacks()[known:] == []
