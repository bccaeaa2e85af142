"""The web edition: every chapter is there, complete, and needs nothing from outside."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.chapters import CHAPTERS, ROOT, tags
from tests.web_edition import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOTEBOOKS = ROOT / "notebooks"
PAGES = [chapter.relative_to(NOTEBOOKS).with_suffix(".html").as_posix() for chapter in CHAPTERS]
LARGEST_LAB = 6e6  # bytes
# What a page loads by itself; links that a reader follows are not among it.
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "object": "data"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the book as it is: those that D2L_WEB_EDITION names, else built here."""
    if finished := os.environ.get("D2L_WEB_EDITION"):
        return Path(finished)
    output = tmp_path_factory.mktemp("web")
    done = build(NOTEBOOKS, output)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return output / "html"


def parse(page: Path) -> Any:
    """The tree of a page; Any because each of its steps may be None as far as types know."""
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def all_pages(site: Path) -> dict[Path, Any]:
    pages = [page for page in site.rglob("*.html") if "_static" not in page.parts]
    return {page: parse(page) for page in pages}


def alternative_texts(chapter: Path) -> list[str]:
    """The texts of all pictures stored in a notebook."""
    cells = nbformat.read(chapter, as_version=4).cells
    return [
        " ".join(about["alt"].split())
        for cell in cells
        for output in cell.get("outputs", [])
        for mime, about in output.get("metadata", {}).items()
        if mime.startswith("image/")
    ]


def solutions(page: Any) -> list[Any]:
    """The collapsed cells that are called Solution."""
    return [d for d in page.find_all("details") if d.summary and "Solution" in d.summary.get_text()]


def test_chapters_have_pages_listed_in_reading_order(site: Path) -> None:
    sidebar = parse(site / "index.html").select("nav.bd-links a.reference.internal")
    assert [link["href"] for link in sidebar] == PAGES
    for page in PAGES:
        assert (site / page).is_file()


def test_landing_page_names_parts_titles_and_commands(site: Path) -> None:
    text = parse(site / "index.html").article.get_text()
    for chapter in CHAPTERS:
        about = nbformat.read(chapter, as_version=4).metadata.d2l
        assert f"{about.chapter} {about.title}" in text
    assert "Part 2 Linear regression" in text
    assert "make lab" in text and "make test" in text


def test_pages_load_nothing_from_outside(site: Path) -> None:
    for page, tree in all_pages(site).items():
        for name, attribute in LOADING.items():
            for element in tree.find_all(name):
                address = element.get(attribute, "")
                assert not re.match(r"(\w+:)?//", address), f"{page.name}: {element}"
                if address not in ("", "#") and not address.startswith("data:"):
                    found = page.parent / unquote(urlsplit(address).path)
                    assert found.is_file(), f"{page.name}: {address} is not there"
    for sheet in site.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import)\s*[\"']?(\S{8})", sheet.read_text("utf-8"))
        assert not [a for a in loaded if re.match(r"(https?:)?//", a)], sheet.name


def test_links_between_pages_and_to_sections_lead_somewhere(site: Path) -> None:
    trees = all_pages(site)
    names = {page: {e["id"] for e in tree.find_all(id=True)} for page, tree in trees.items()}
    for page, tree in trees.items():
        for link in tree.find_all("a", href=True):
            parts = urlsplit(link["href"])
            if parts.scheme or link["href"] == "#":
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page.name}: {link}"
            if parts.fragment and target in names:
                assert unquote(parts.fragment) in names[target], f"{page.name}: {link}"


def test_every_picture_has_its_alternative_text(site: Path) -> None:
    for chapter, page in zip(CHAPTERS, PAGES, strict=True):
        pictures = parse(site / page).find_all("img")
        texts = [picture.get("alt", "") for picture in pictures]
        assert all(text.strip() for text in texts), page
        assert set(alternative_texts(chapter)) <= set(texts), page


def test_solutions_are_closed(site: Path) -> None:
    for chapter, page in zip(CHAPTERS, PAGES, strict=True):
        cells = nbformat.read(chapter, as_version=4).cells
        wanted = [cell.source for cell in cells if "solution" in tags(cell)]
        closed = solutions(parse(site / page))
        assert [d.find("pre").get_text().strip() for d in closed] == [w.strip() for w in wanted]
        assert not [d for d in closed if d.has_attr("open")]
        assert [d.summary.get("aria-label") for d in closed] == [None] * len(wanted)


def test_formulas_use_the_file_that_is_here(site: Path) -> None:
    vendored = site / "_static/vendor/mathjax/tex-svg-full.js"
    notes = (ROOT / "docs/_static/vendor/mathjax/README.md").read_text("utf-8")
    assert hashlib.sha256(vendored.read_bytes()).hexdigest() in notes
    for page in PAGES:
        tree = parse(site / page)
        scripts = [s["src"] for s in tree.find_all("script", src=True) if "mathjax" in s["src"]]
        assert len(scripts) == bool(tree.select(".math"))
        for script in scripts:
            assert (site / page).parent.joinpath(urlsplit(script).path).resolve() == vendored


def test_labs_have_a_picture_and_a_sentence_for_every_state(site: Path) -> None:
    seen = set()
    for page in PAGES:
        for lab in parse(site / page).select(".lab"):
            states = json.loads(lab.script.get_text())
            folder = (site / page).parent / states["pictures"]
            seen.add(folder.resolve().name)
            wanted = {
                f"{i}-{j}.png": sentence
                for i, row in enumerate(states["sentences"])
                for j, sentence in enumerate(row)
            }
            assert {picture.name for picture in folder.iterdir()} == set(wanted)
            assert sum(picture.stat().st_size for picture in folder.iterdir()) < LARGEST_LAB
            # The positions that the controls have are the states there are.
            counts = [
                int(c["max"]) + 1 if c.name == "input" else len(c.find_all("option"))
                for c in lab.find_all(["input", "select"])
            ]
            assert counts == [len(states["sentences"]), len(states["sentences"][0])]
            assert len(set(wanted.values())) > 0.9 * len(wanted)
            # The first picture is the one that the sentence beside it describes.
            first = lab.img["src"].rsplit("/", 1)[1]
            assert lab.img["alt"] == lab.select_one(".lab-sentence").get_text() == wanted[first]
    assert seen == {
        "backprop-by-hand",
        "broadcasting",
        "build-a-function",
        "kernel",
        "learning-rate",
        "learning-rate-and-batch-size",
        "one-neuron",
        "regularization",
        "saturated-neuron",
        "secant-to-tangent",
        "shapes",
        "train-a-classifier",
        "vanishing-gradients",
    }


def test_the_notebook_to_download_is_the_real_one(site: Path) -> None:
    for chapter in CHAPTERS:
        downloaded = site / "_sources" / chapter.relative_to(NOTEBOOKS)
        assert downloaded.read_bytes() == chapter.read_bytes()


# A small book of its own, for what the real one happens not to contain ----------------------------

PIXEL = (  # the smallest PNG file
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def picture(text: str | None) -> nbformat.NotebookNode:
    about = {"image/png": {"alt": text}} if text else {}
    data = {"image/png": PIXEL, "text/plain": "picture"}
    return nbformat.v4.new_output("display_data", data, metadata=about)


def write_chapter(path: Path, number: str, title: str, *cells: nbformat.NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    heading = nbformat.v4.new_markdown_cell(f"# {number} {title}\n\n**Why {title}?** Because.")
    notebook = nbformat.v4.new_notebook(cells=[heading, *cells])
    notebook.metadata["d2l"] = {"chapter": number, "title": title, "run_time": "about 1 s"}
    nbformat.write(notebook, path)


def test_new_chapters_several_pictures_in_a_cell_and_sections_as_jupyterlab_names_them(
    tmp_path: Path,
) -> None:
    notebooks = tmp_path / "notebooks"
    code = nbformat.v4.new_code_cell
    text = nbformat.v4.new_markdown_cell
    write_chapter(
        notebooks / "part10_odds_and_ends" / "31_late.ipynb",
        "31",
        "Late",
        text("Back to [the pit](../part9_early/30_early.ipynb#The-pit,-again), [here](#Here)."),
        text("## Here"),
        code("show()", outputs=[picture("a first < picture"), picture("a second\npicture")]),
        code("%matplotlib inline\nplumbing()", metadata={"tags": ["setup"]}),
    )
    write_chapter(
        notebooks / "part9_early" / "30_early.ipynb", "30", "Early", text("## The pit, again\n$x$")
    )
    write_chapter(notebooks / "appendix" / "a1_words.ipynb", "A1", "Words")

    done = build(notebooks, tmp_path / "out")
    assert done.returncode == 0, done.stderr

    html = tmp_path / "out" / "html"
    index = parse(html / "index.html")
    parts = [part.get_text() for part in index.select("nav.bd-links p.caption")]
    assert parts == ["Part 9 Early", "Part 10 Odds and ends", "Appendix"]
    assert "Why Late? Runs in about 1 s." in index.article.get_text()
    late = parse(html / "part10_odds_and_ends" / "31_late.html")
    assert [p["alt"] for p in late.article.find_all("img")] == [
        "a first < picture",
        "a second picture",
    ]
    links = [link["href"] for link in late.article.select("p a.reference.internal")]
    assert links == ["../part9_early/30_early.html#the-pit-again", "#here"]
    assert [d.summary.get_text().split() for d in late.find_all("details")] == [
        ["Show", "the", "set-up", "Set-up"]
    ]
    # No formula, no script for formulas.
    assert not [s for s in late.find_all("script", src=True) if "mathjax" in s["src"]]


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (nbformat.v4.new_markdown_cell("[gone](02_gone.ipynb)"), "02_gone.ipynb"),
        (nbformat.v4.new_markdown_cell("[gone](#no-such-section)"), "no-such-section"),
        (nbformat.v4.new_code_cell("x", outputs=[picture(None)]), "01_one.ipynb, cell 1"),
        (
            nbformat.v4.new_code_cell("lab = d2l.labs.Alchemy()\nlab", outputs=[picture("gold")]),
            "d2l.labs.Alchemy",
        ),
    ],
    ids=["missing page", "missing section", "picture without text", "unknown lab"],
)
def test_a_defect_stops_the_build_and_is_named(
    tmp_path: Path, cell: nbformat.NotebookNode, complaint: str
) -> None:
    write_chapter(tmp_path / "notebooks" / "01_one.ipynb", "01", "One", cell)
    done = build(tmp_path / "notebooks", tmp_path / "out")
    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_folder_without_notebooks_is_named(tmp_path: Path) -> None:
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
