"""The machinery of the labs: controls, live widgets, newest setting wins, snapshots, errors."""

from __future__ import annotations

import asyncio
import importlib
import io
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from d2lhelpers import labs
from d2lhelpers.labs.base import number
from d2lhelpers.labs.newest import NewestWins
from d2lhelpers.labs.png import encode_png
from d2lhelpers.labs.stage import moving


@dataclass(frozen=True)
class Sum:
    """`done` of `wanted` terms of the sum of `height`."""

    height: float
    done: int
    wanted: int


class Tower(labs.Lab[Sum]):
    """A lab small enough to see through: yields after each term, can be told to fail."""

    title = "Tower <of terms>"
    size = (3.0, 2.0)
    controls = {
        "height": labs.Slider("height", 0.0, 10.0, 1.0, unit="m", step=0.5),
        "terms": labs.IntSlider("terms", 1, 50, 3),
        "fail": labs.Choice("fail", ("no", "simulate", "draw"), "no"),
        "wide": labs.Toggle("wide"),
        "rate": labs.LogSlider("rate", 0.001, 10.0, 0.03, unit="1/s"),
        "batch": labs.Stops("batch", (1, 2, 5, 10), 2),
    }

    def __init__(self):
        super().__init__()
        self.computed = []

    def simulate(self, *, height, terms, fail, wide, rate, batch):
        if fail == "simulate":
            raise RuntimeError("no <b>stone</b> left")
        for done in range(1, terms + 1):
            self.computed.append((height, done))
            yield Sum(height, done, terms)

    def layout(self, figure):
        axes = figure.add_subplot()
        axes.set_ylim(0, 600)
        (line,) = axes.plot([], [])
        return SimpleNamespace(axes=axes, line=moving(line), fail=False)

    def draw(self, result, axes):
        if result.height == 9.5:
            raise ZeroDivisionError("draw & quarter")
        axes.line.set_data([0, 1], [0, result.height * result.done])

    def describe(self, result):
        return f"{result.done} of {result.wanted} terms of {result.height} m."


@pytest.fixture
def tower():
    lab = Tower()
    yield lab
    lab.close()


def widgets_alive() -> int:
    return len(ipywidgets.widgets.widget._instances)


def test_every_exported_name_exists_and_nothing_heavy_is_loaded_by_the_package():
    for name in labs.__all__:
        assert getattr(labs, name).__name__ == name
    code = (
        "import sys; import d2lhelpers.labs; "
        "print([m for m in ('torch', 'matplotlib', 'ipywidgets') if m in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"


def test_a_lab_whose_simulate_does_not_fit_its_controls_is_refused():
    with pytest.raises(
        TypeError, match=r"simulate takes \['wide'\], the controls are \['height'\]"
    ):

        class Wrong(labs.Lab):
            title = "wrong"
            controls = {"height": labs.Slider("height", 0, 1, 0.5)}

            def simulate(self, *, wide):
                return wide


def test_a_lab_that_yields_nothing_is_an_error_with_its_name(tower, monkeypatch):
    monkeypatch.setattr(Tower, "simulate", lambda self, **settings: iter(()))
    for use in (tower.run, tower.snapshot):
        with pytest.raises(RuntimeError, match=r"Tower\.simulate yielded nothing"):
            use()
    tower.set(height=2.0)
    assert "Tower.simulate yielded nothing" in tower.view.sentence.value


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"hight": 1.0}, TypeError, "unknown setting 'hight', wanted height, terms"),
        ({"height": "tall"}, TypeError, "'tall' (str), wanted a number from 0 to 10"),
        ({"height": True}, TypeError, "True (bool), wanted a number"),
        ({"height": None}, TypeError, "None (NoneType), wanted a number"),
        ({"height": 10.5}, ValueError, "10.5, wanted a number from 0 to 10"),
        ({"height": float("nan")}, ValueError, "nan, wanted a number from 0 to 10"),
        ({"terms": 2.5}, TypeError, "2.5 (float), wanted a whole number from 1 to 50"),
        ({"terms": 0}, ValueError, "0, wanted a whole number from 1 to 50"),
        ({"batch": 2.0}, TypeError, "2.0 (float), wanted a whole number from 1 to 10"),
        ({"batch": 11}, ValueError, "11, wanted a whole number from 1 to 10"),
        ({"rate": 0}, ValueError, "0, wanted a number from 0.001 to 10"),
        ({"fail": "maybe"}, ValueError, "'maybe', wanted one of 'no', 'simulate', 'draw'"),
        ({"fail": 1}, TypeError, "1 (int), wanted one of"),
        ({"wide": 1}, TypeError, "1 (int), wanted True or False"),
    ],
)
def test_bad_settings_are_named_with_what_was_wanted(tower, settings, error, words):
    for use in (tower.simulate, tower.run, tower.snapshot, tower.set):
        with pytest.raises(error) as caught:
            use(**settings)
        assert "Tower" in str(caught.value)
        assert words in str(caught.value)


def test_numpy_scalars_are_taken_and_converted(tower):
    checked = tower.check({"height": np.float32(2.5), "terms": np.int64(4), "wide": np.bool_(True)})
    assert (checked["height"], checked["terms"], checked["wide"]) == (2.5, 4, True)
    assert [type(checked[k]) for k in ("height", "terms", "wide")] == [float, int, bool]


@pytest.mark.parametrize(
    "make",
    [
        lambda: labs.Slider("height", 5, 5, 5),
        lambda: labs.Slider("height", 0, 1, 2),
        lambda: labs.Slider(" ", 0, 1, 0.5),
        lambda: labs.Slider("height", 0, 1, 0.5, step=0),
        lambda: labs.Slider("height", 0, 1, 0.5, step=-0.1),
        lambda: labs.Slider("height", 0, 1, 0.5, step=float("nan")),
        lambda: labs.LogSlider("rate", 0, 1, 0.5),
        lambda: labs.Stops("batch", (1,), 1),
        lambda: labs.Stops("batch", (2, 1), 1),
        lambda: labs.Choice("kind", ("a", "b"), "c"),
    ],
)
def test_controls_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError, match=r"\w"):
        make()


def test_log_slider_stops_are_round_rising_and_hold_ends_and_first_value():
    control = labs.LogSlider("rate", 1e-4, 3.0, 0.0123)
    stops = control.stops
    assert stops[0] == 1e-4
    assert stops[-1] == 3.0
    assert list(stops) == sorted(set(stops))
    assert {0.0123, 0.03, 0.1, 1.0} <= set(stops)
    ratios = np.array(stops[1:]) / np.array(stops[:-1])
    assert ratios.max() < 1.5


@given(count=st.integers(1, 30))
def test_grids_are_valid_distinct_and_not_longer_than_asked(count):
    for name, control in Tower.controls.items():
        grid = control.grid(count)
        assert 1 <= len(grid) <= count
        assert len(set(grid)) == len(grid)
        assert [control.parse(name, value) for value in grid] == list(grid)


@pytest.mark.parametrize(
    ("control", "wanted"),
    [
        (labs.LogSlider("rate", 0.003, 0.4, 0.03), (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.4)),
        (labs.Slider("height", 0, 9, 8.9), (0, 5, 8, 8.9, 9)),
        (labs.IntSlider("terms", 1, 50, 3), (1, 3, 50)),
    ],
)
def test_the_web_edition_keeps_ends_and_start_of_a_slider(control, wanted, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "docs"))
    positions = importlib.import_module("lab_states").positions(control)
    assert set(wanted) <= set(positions)
    assert list(positions) == sorted(positions)
    assert (positions[0], positions[-1]) == (control.low, control.high)


def test_every_control_shows_its_label_with_unit_in_full(tower):
    for name, widget in tower.view.controls.items():
        control = tower.controls[name]
        assert widget.description == control.caption
        assert control.label in widget.description
        assert widget.style.description_width == "160px"
    assert tower.view.controls["height"].description == "height (m)"


def test_outside_of_a_kernel_a_moved_control_is_followed_at_once(tower):
    before = bytes(tower.view.picture.value)
    tower.view.controls["height"].value = 7.0
    assert tower.result == Sum(7.0, 3, 3)
    assert bytes(tower.view.picture.value) != before
    assert "3 of 3 terms of 7.0 m." in tower.view.sentence.value
    assert 'role="status" aria-live="polite"' in tower.view.sentence.value


def test_set_moves_the_controls_and_reset_moves_them_back(tower):
    first = tower.settings
    tower.set(height=4.5, batch=7, rate=0.123)
    assert tower.settings == first | {"height": 4.5, "batch": 7, "rate": 0.123}
    assert tower.result.height == 4.5
    tower.view.reset_button.click()
    assert tower.settings == first
    assert tower.result.height == 1.0


def test_the_title_and_texts_are_escaped(tower):
    head = tower.widget.children[0].children[0].value
    assert "Tower &lt;of terms&gt;" in head


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"fail": "simulate"}, "RuntimeError: no &lt;b&gt;stone&lt;/b&gt; left"),
        ({"height": 9.5}, "ZeroDivisionError: draw &amp; quarter"),
    ],
)
def test_errors_are_shown_and_the_next_setting_recovers(tower, bad, words, capsys):
    tower.set(**bad)
    assert words in tower.view.sentence.value
    assert "could not be shown" in tower.view.sentence.value
    assert 'role="status"' in tower.view.sentence.value
    tower.set(height=2.0, fail="no")
    assert "3 of 3 terms of 2.0 m." in tower.view.sentence.value
    assert "could not be shown" not in tower.view.sentence.value
    assert capsys.readouterr().err == ""


def test_on_a_running_loop_requests_are_put_off_and_the_newest_wins(tower):
    async def drag():
        view = tower.view
        tower.computed.clear()
        shown = view.pictures
        for height in np.arange(2.0, 9.0, 0.5):
            view.controls["height"].value = float(height)
        assert tower.computed == [], "a control's callback must not compute"
        await view.settled()
        return view.pictures - shown

    pictures = asyncio.run(drag())
    assert pictures == 1
    assert tower.result == Sum(8.5, 3, 3)
    assert {height for height, _ in tower.computed} == {8.5}


def test_a_newer_setting_drops_the_run_in_work():
    log = []

    def work(job):
        try:
            for part in range(1000):
                log.append((job, part))
                yield
            log.append((job, "finished"))
        finally:
            log.append((job, "closed"))

    async def main():
        newest = NewestWins(work)
        newest.request("old")
        while len(log) < 3:
            await asyncio.sleep(0)
        newest.request("newer")
        newest.request("newest")
        await newest.settled()

    # Slices are served at least every 8 ms; slow ones make the test independent of the machine.
    slow = work

    def work(job):
        import time

        for step in slow(job):
            time.sleep(0.009 if job == "old" else 0)
            yield step

    asyncio.run(main())
    assert ("old", "finished") not in log
    assert ("old", "closed") in log
    assert not any(job == "newer" for job, _ in log)
    assert log[-2:] == [("newest", "finished"), ("newest", "closed")]
    assert len([entry for entry in log if entry[0] == "old"]) < 20


def test_a_request_made_while_working_without_a_loop_is_worked_off_too():
    done = []

    def work(job):
        if job == 1:
            newest.request(2)
        yield
        done.append(job)

    newest = NewestWins(work)
    newest.request(1)
    assert done == [2]


def test_set_from_code_beats_what_waits_on_the_loop(tower):
    async def both():
        tower.view.controls["height"].value = 3.0
        tower.set(height=6.0)
        await tower.view.settled()
        await asyncio.sleep(0.02)

    asyncio.run(both())
    assert tower.result.height == 6.0
    assert "6.0 m" in tower.view.sentence.value


def test_an_overtaken_run_shows_how_far_it_came_when_the_picture_is_old(tower, monkeypatch):
    monkeypatch.setattr("d2lhelpers.labs.live.STALE_PICTURE", -1.0)
    view = tower.view
    work = view._work(tower.check({"height": 2.0, "terms": 10}))
    next(work)
    shown = view.pictures
    work.close()
    assert view.pictures == shown + 1
    assert "computing: 1 of 10 terms of 2.0 m." in view.sentence.value


def test_closing_frees_all_widgets_and_the_lab_can_be_shown_again():
    before = widgets_alive()
    lab = Tower()
    assert widgets_alive() == before, "a lab that is not shown has no widgets"
    first = lab.widget
    assert widgets_alive() > before
    lab.close()
    assert widgets_alive() == before
    assert lab.widget is not first
    lab.close()
    assert widgets_alive() == before


def test_display_bundle_has_live_view_snapshot_and_sentence(tower):
    data, metadata = tower._repr_mimebundle_()
    assert data["text/plain"] == "3 of 3 terms of 1.0 m."
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == tower.widget.model_id
    assert metadata["image/png"] == {"alt": data["text/plain"], "width": 300}
    import base64

    assert base64.b64decode(data["image/png"]) == tower.snapshot()


def test_snapshots_do_not_depend_on_what_was_shown_before_or_on_the_reader_s_style(tower):
    fresh = Tower().snapshot(height=5.0)
    tower.snapshot(height=8.0)
    tower.snapshot("svg", height=2.0)
    assert tower.snapshot(height=5.0) == fresh
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "lines.linewidth": 9}):
        assert Tower().snapshot(height=5.0) == fresh
    picture = Image.open(io.BytesIO(fresh))
    assert picture.size == (600, 400)


def test_svg_snapshot_is_deterministic_and_shows_the_moving_line(tower):
    svg = tower.snapshot("svg", height=5.0)
    assert svg == Tower().snapshot("svg", height=5.0)
    assert svg != tower.snapshot("svg", height=6.0)
    assert "<svg" in svg
    with pytest.raises(ValueError, match="format is 'gif'"):
        tower.snapshot("gif")


def test_only_moving_artists_are_drawn_when_only_they_change(tower):
    tower.set(height=2.0)
    draws = tower._stage.full_draws
    tower.set(height=8.0)
    assert tower._stage.full_draws == draws
    tower._stage._axes.axes.set_ylim(0, 700)
    tower.set(height=2.0)
    assert tower._stage.full_draws == draws + 1


def test_drawing_over_the_kept_background_equals_drawing_everything(tower):
    over = tower.snapshot(height=5.0)
    tower._stage._background = None
    assert tower.snapshot(height=5.0) == over


@given(
    pixels=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1)),
    level=st.integers(1, 9),
)
def test_png_encoder_is_read_back_by_pillow(pixels, level):
    height, width, seed = pixels
    array = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    read = np.asarray(Image.open(io.BytesIO(encode_png(array, level))))
    np.testing.assert_array_equal(read, array)


def test_png_encoder_refuses_other_arrays():
    with pytest.raises(ValueError, match=r"float64 of shape \(2, 2\)"):
        encode_png(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.03, "0.03"), (0.0, "0"), (4.93e-5, "0.0000493"), (4.9e-7, "4.9×10⁻⁷"),
        (-0.25, "−0.25"), (123456.0, "123000"), (2e7, "2.0×10⁷"), (float("nan"), "not a number"),
        (float("inf"), "infinity"), (float("-inf"), "minus infinity"),
    ],
)  # fmt: skip
def test_numbers_in_sentences(value, text):
    assert number(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_can_be_said(value):
    assert number(value)


def test_no_figure_leaks_into_pyplot_and_nothing_warns(tower):
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tower.snapshot()
        tower.set(height=3.0)
    assert plt.get_fignums() == []


# Text: typed, slid, refused ----------------------------------------------------------------------


def no_digit(text: str) -> str:
    return "a word has no digits" if any(c.isdigit() for c in text) else ""


class Echo(labs.Lab[str]):
    """Says what was typed."""

    title = "Echo"
    size = (2.0, 1.0)
    controls = {"word": labs.Text("word", ("one", "two", "<b>"), "two", no_digit, unit="letters")}

    def simulate(self, *, word):
        return word

    def layout(self, figure):
        return moving(figure.text(0, 0, ""))

    def draw(self, result, axes):
        axes.set_text(result)

    def describe(self, result):
        return f"The word is {result}."


@pytest.fixture
def echo():
    lab = Echo()
    yield lab
    lab.close()


def type_slowly(field, text, pause=0.0):
    """As the page does: the box changes with every letter."""

    async def keys():
        for length in range(len(text) + 1):
            field.box.value = text[:length]
            await asyncio.sleep(pause)

    return keys()


def test_text_is_taken_from_the_box_and_from_the_slider_below_it(echo):
    field = echo.view.controls["word"]
    field.box.value = "three"
    assert (echo.settings, echo.result) == ({"word": "three"}, "three")
    assert "The word is three." in echo.view.sentence.value
    field.slider.value = "one"
    assert (field.box.value, echo.result) == ("one", "one")
    field.box.value = "<b>"
    assert (field.slider.value, echo.result) == ("<b>", "<b>")


def test_typed_text_is_a_place_of_the_slider_so_that_every_example_is_a_move_away(echo):
    field = echo.view.controls["word"]
    for typed in ("three", "four"):
        field.box.value = typed
        assert field.slider._options_labels == ("as typed", "one", "two", "<b>")
        assert (field.slider.index, field.slider.value) == (0, typed)
        field.slider.index = 2  # as the page does; the slider stood at "two" before the typing
        assert (field.box.value, echo.result) == ("two", "two")
        assert len(field.slider.options) == 4, "the places stay as they are under the thumb"
        field.slider.index = 0
        assert (field.box.value, echo.result) == (typed, typed)
    field.box.value = "one"
    assert (field.slider._options_labels, field.slider.index) == (("one", "two", "<b>"), 0)
    field.box.value = "three"
    echo.reset()
    assert (field.slider._options_labels, field.slider.index) == (("one", "two", "<b>"), 1)


def test_moving_the_slider_to_typed_text_makes_one_picture_and_one_message(echo, monkeypatch):
    view, sent = echo.view, []
    field = view.controls["word"]
    shown = view.pictures
    monkeypatch.setattr(field.slider, "send_state", lambda key=None: sent.append(set(key)))
    field.box.value = "three"
    assert view.pictures == shown + 1
    assert [keys & {"index", "_options_labels"} for keys in sent] == [{"index", "_options_labels"}]


def test_an_error_in_the_complaint_leaves_no_old_picture(monkeypatch):
    def fails(text):
        if text == "three":
            raise KeyError("on purpose")
        return ""

    monkeypatch.setattr("d2lhelpers.labs.controls.TYPING_PAUSE", 0.0)
    monkeypatch.setitem(Echo.controls, "word", labs.Text("word", ("one", "two"), "two", fails))
    lab = Echo()

    async def main():
        seen = []
        asyncio.get_running_loop().set_exception_handler(lambda _, said: seen.append(said))
        lab.view.controls["word"].box.value = "three"
        await asyncio.sleep(0.02)
        await lab.view.settled()
        return seen

    try:
        seen = asyncio.run(main())
        assert (lab.result, lab.settings) == ("three", {"word": "three"})
        assert [type(said["exception"]) for said in seen] == [KeyError]
    finally:
        lab.close()


def test_both_parts_of_a_text_control_have_a_label_of_their_own(echo):
    field = echo.view.controls["word"]
    labels = [field.box.description, field.slider.description]
    assert labels == ["word (letters)", "word, listed"]
    assert {part.style.description_width for part in (field.box, field.slider)} == {"160px"}


def test_text_without_sense_reaches_the_lab_and_colors_the_box(echo):
    field = echo.view.controls["word"]
    for text, color in (("r2d2", "#ffe3d6"), ("", None), ("7", "#ffe3d6"), ("one", None)):
        field.box.value = text
        assert echo.result == text
        assert field.box.style.background == color
        assert (field.box.style.text_color is None) == (color is None)
    assert echo.run(word="7") == "7"
    assert Image.open(io.BytesIO(echo.snapshot(word="7"))).size == (400, 200)


def test_typing_waits_for_a_pause_and_sliding_does_not(echo, monkeypatch):
    monkeypatch.setattr("d2lhelpers.labs.controls.TYPING_PAUSE", 0.05)

    async def main():
        view = echo.view
        field = view.controls["word"]
        shown = view.pictures
        await type_slowly(field, "three")
        await view.settled()
        assert view.pictures == shown
        assert echo.settings == {"word": "two"}
        await asyncio.sleep(0.1)
        await view.settled()
        assert (view.pictures, echo.result) == (shown + 1, "three")
        field.slider.value = "one"
        await view.settled()
        assert (view.pictures, echo.result) == (shown + 2, "one")

    asyncio.run(main())


@pytest.mark.parametrize("interrupt", ["reset", "set", "slide", "close"])
def test_what_is_half_typed_is_dropped_by_reset_set_slider_and_close(echo, interrupt, monkeypatch):
    monkeypatch.setattr("d2lhelpers.labs.controls.TYPING_PAUSE", 0.02)

    async def main():
        field = echo.view.controls["word"]
        await type_slowly(field, "thr")
        if interrupt == "reset":
            echo.reset()
        elif interrupt == "set":
            echo.set(word="two")
        elif interrupt == "slide":
            field.slider.value = "one"
        else:
            echo.close()
        await asyncio.sleep(0.06)
        return field.value, field.box.value

    value, typed = asyncio.run(main())
    assert value == ("one" if interrupt == "slide" else "two")
    assert typed == ("thr" if interrupt == "close" else value)


def test_closing_a_lab_with_text_frees_both_parts():
    before = widgets_alive()
    lab = Echo()
    assert lab.widget is not None
    lab.close()
    assert widgets_alive() == before


def test_text_from_code_may_be_any_text_but_must_be_text(echo):
    for word in (3, None, ("one",), b"one"):
        with pytest.raises(TypeError, match=r"Echo: word is .*wanted text such as 'one' or '<b>'"):
            echo.run(word=word)
    echo.set(word="anything at all")
    assert echo.settings == {"word": "anything at all"}
    echo.view.reset_button.click()
    assert echo.settings == {"word": "two"}


@given(count=st.integers(1, 9))
def test_the_grid_of_a_text_are_examples_in_their_order(count):
    grid = Echo.controls["word"].grid(count)
    assert 1 <= len(grid) <= count
    assert [word for word in ("one", "two", "<b>") if word in grid] == list(grid)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: labs.Text("word", ("a",), "a"), "two or more"),
        (lambda: labs.Text("word", ("a", "a"), "a"), "all different"),
        (lambda: labs.Text("word", ("a", "b"), "c"), "'c' is not among the examples"),
        (lambda: labs.Text("word", ("a", "b2"), "a", no_digit), "'b2' is refused: a word has no"),
        (lambda: labs.Text(" ", ("a", "b"), "a"), "a control needs a label"),
    ],
)
def test_text_controls_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_web_edition_slides_through_the_examples_of_a_text(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "docs"))
    lab_states = importlib.import_module("lab_states")
    control = Echo.controls["word"]
    assert lab_states.positions(control) == ("one", "two", "<b>")
    html = lab_states.control_html("word", control, ("one", "two", "<b>"), 2)
    assert 'type="range"' in html
    assert "word (letters)</label>" in html
    assert 'aria-valuetext="&lt;b&gt;"' in html
    assert "<b>" not in html
