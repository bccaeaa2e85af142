"""Tests of d2lhelpers.animator: live curves in notebooks, scripts and windows."""

import os
import subprocess
import sys
import textwrap
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import d2lhelpers as d2l
from d2lhelpers import animator as animator_module
from tests.cells import run_cells
from tests.nbval_adapter import text_difference

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def clean_matplotlib():
    with matplotlib.rc_context():
        plt.switch_backend("agg")
        yield
        plt.close("all")


class Kernel:
    """Stands for IPython's shell and display: counts what a notebook would receive."""

    def __init__(self):
        self.kernel = self.events = self
        self.callbacks = []
        self.messages = []

    def register(self, event, callback):
        assert event == "post_execute"
        self.callbacks.append(callback)

    def unregister(self, event, callback):
        self.callbacks.remove(callback)

    def end_cell(self):
        for callback in list(self.callbacks):
            callback()

    def display(self, data, *, metadata, raw, display_id):
        assert raw and display_id
        self.messages.append(("display", data, metadata))
        return self

    def update(self, data, *, metadata, raw):
        assert raw
        self.messages.append(("update", data, metadata))

    def kinds(self):
        return [kind for kind, _, _ in self.messages]

    def last(self):
        return self.messages[-1][1]


@pytest.fixture
def kernel(monkeypatch):
    import IPython.display

    kernel = Kernel()
    monkeypatch.setattr(animator_module, "notebook_shell", lambda: kernel)
    monkeypatch.setattr(IPython.display, "display", kernel.display)
    return kernel


def pixels(png: bytes) -> np.ndarray:
    return plt.imread(BytesIO(png))


# --- the data ----------------------------------------------------------------------------------

heights = st.one_of(st.none(), st.floats(-1e6, 1e6))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda n: st.lists(st.lists(heights, min_size=n, max_size=n), min_size=1, max_size=6)
    )
)
def test_every_curve_holds_its_points(rows):
    animator = d2l.Animator()
    for epoch, row in enumerate(rows):
        animator.add(epoch, row)
    lines = animator.axes[0].get_lines()
    assert len(lines) == len(rows[0])
    for i, line in enumerate(lines):
        wanted = [(epoch, row[i]) for epoch, row in enumerate(rows) if row[i] is not None]
        np.testing.assert_array_equal(line.get_xdata(), [x for x, _ in wanted])
        np.testing.assert_array_equal(line.get_ydata(), [y for _, y in wanted])
        assert animator.X[i] == [x for x, _ in wanted]
        assert animator.Y[i] == [y for _, y in wanted]


def test_a_height_too_small_to_be_divided_leaves_room_around_it():
    animator = d2l.Animator()
    animator.add(0, 5e-324)
    low, high = animator.axes[0].get_ylim()
    assert low < 5e-324 < high


@pytest.mark.parametrize(
    "y",
    [
        0.5,
        (0.5,),
        [0.5],
        np.float32(0.5),
        np.array([0.5]),
        torch.tensor(0.5, requires_grad=True),
        torch.tensor([0.5], dtype=torch.bfloat16),
        [torch.tensor([0.5])],
        [torch.tensor([[0.5]], requires_grad=True)],
    ],
    ids=repr,
)
def test_one_height_in_many_forms(y):
    animator = d2l.Animator()
    animator.add(torch.tensor(2), y)
    assert (animator.X, animator.Y) == ([[2.0]], [[0.5]])
    assert all(type(value) is float for value in animator.Y[0])  # no tensor, no graph is kept


def test_each_curve_may_have_its_own_position_or_none():
    animator = d2l.Animator(legend=["a", "b", "c"])
    animator.add([1, 2, None], (10, None, 30))
    animator.add(3, (11, 21, None))
    assert animator.X == [[1, 3], [3], []]
    assert animator.Y == [[10, 11], [21], []]


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (1, (1, 2), ValueError, "y has 2 values, but there are 3 curves"),
        ([1, 2], (1, 2, 3), ValueError, "x has 2 values, y has 3"),
        (1, torch.zeros(3, 1), ValueError, r"y: .*\(3, 1\)"),
        (1, "0.5", TypeError, "y: .*<U3"),
        (1, (1, "2", 3), TypeError, "y: .*<U"),
        (1, {"loss": 1}, TypeError, "y: .*dict"),
        (1, torch.tensor([1j, 1j, 1j]), TypeError, "y: .*complex"),
        (object(), (1, 2, 3), TypeError, "x: .*real numbers"),
        (np.array(["2020"] * 3, dtype="datetime64[Y]"), (1, 2, 3), TypeError, "x: .*datetime"),
    ],
)
def test_bad_points_are_refused_and_change_nothing(x, y, error, words):
    animator = d2l.Animator()
    animator.add(0, (1, 2, 3))
    with pytest.raises(error, match=words):
        animator.add(x, y)
    assert animator.Y == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"nrows": 0}, ValueError, "nrows must be at least 1, got 0"),
        ({"ncols": 1.5}, TypeError, "ncols must be an int, got float"),
        ({"xlim": [1]}, ValueError, "xlim: .*two numbers"),
        ({"ylim": 3}, ValueError, "ylim: .*two numbers"),
        ({"legend": [1]}, TypeError, "legend: .*int"),
        ({"fmts": ()}, ValueError, "fmts"),
        ({"figsize": (1, -1)}, ValueError, "figsize"),
        ({"yscale": "logarithmic"}, ValueError, "logarithmic"),
        ({"ncols": 2, "ylabel": ["a", "b", "c"]}, ValueError, "ylabel has 3 entries for 2 axes"),
    ],
)
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        d2l.Animator(**options)


def test_more_names_than_curves_are_refused():
    animator = d2l.Animator(legend=["a", "b"])
    with pytest.raises(ValueError, match="legend has 2 names, but y has 1 values"):
        animator.add(1, 1)


def test_axes_that_do_not_exist_are_refused():
    with pytest.raises(IndexError, match="between 0 and 1, got 2"):
        d2l.Animator(ncols=2).add(1, 1, axes=2)
    with pytest.raises(TypeError, match=r"axes must be an int, got 0\.5"):
        d2l.Animator(ncols=2).add(1, 1, axes=0.5)


def test_a_first_point_without_heights_is_refused():
    animator = d2l.Animator()
    for nothing in ([], (), torch.empty(0)):
        with pytest.raises(
            ValueError, match=r"Animator\.add: y is empty; wanted one number per curve"
        ):
            animator.add(1, nothing)
    animator.add(1, (2, 3))
    assert animator.Y == [[2], [3]]


def test_several_axes():
    animator = d2l.Animator(
        "epoch", ["loss", "accuracy"], [["train", "test"], "test"], ylim=[None, [0, 1]], ncols=2
    )
    animator.add(1, (3, 4))
    animator.add(1, 0.5, axes=1)
    left, right = animator.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("epoch", "loss")
    assert (right.get_xlabel(), right.get_ylabel()) == ("epoch", "accuracy")
    assert (len(left.get_lines()), len(right.get_lines())) == (2, 1)
    assert right.get_ylim() == (0, 1) and left.get_ylim()[1] > 4
    assert animator.alt == "Live curves: train 3.00, test 4.00, test 0.500 at epoch 1"


def test_default_formats_repeat_in_the_safe_cycle():
    animator = d2l.Animator()
    animator.add(1, range(6))
    looks = {(line.get_color(), line.get_linestyle()) for line in animator.axes[0].get_lines()}
    assert len(looks) == 6
    assert "m" not in {color for color, _ in looks}


# --- the sentence ------------------------------------------------------------------------------


def test_alt_says_the_last_values_with_three_digits():
    animator = d2l.Animator(xlabel="epoch", legend=["train loss", "test acc"])
    assert animator.alt == "Live curves: no points yet"
    animator.add(4, (0.5, 0.8))
    animator.add(5, (0.3141592, 0.91234))
    assert animator.alt == "Live curves: train loss 0.314, test acc 0.912 at epoch 5"
    assert repr(animator) == animator.alt


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (1, "1.00"), (137.24, "137.2"), (0.9, "0.900"), (-0.01234, "-0.0123")]
    + [(9.96e-5, "9.96e-05"), (1.26e9, "1.26e+09"), (-1e-3, "-0.00100")]
    + [(float("inf"), "not finite"), (float("nan"), "not finite")],
)
def test_how_values_are_written(value, text):
    animator = d2l.Animator()
    animator.add(2.5, value)
    assert animator.alt.startswith(f"Live curves: curve 1 {text} at x 2.5")


def test_alt_gives_each_curve_its_own_place_where_they_differ():
    animator = d2l.Animator(xlabel="epoch", legend=["loss", "acc"])
    animator.add(1.5, (0.3, None))
    animator.add(1, (None, 0.9))
    assert animator.alt == "Live curves: loss 0.300 at epoch 1.5, acc 0.900 at epoch 1"


@pytest.mark.parametrize(
    "value", [0.0010005, 0.1605, 0.9995, 0.99995, 1.005, 99.95, 137.25, 3.145e-7]
)
def test_alt_of_two_machines_passes_for_equal_under_nbval(value):
    texts = []
    for noise in (-1e-5, 1e-5):  # on both sides of a place where rounding changes
        animator = d2l.Animator()
        animator.add(1, value * (1 + noise))
        texts.append(animator.alt)
    assert text_difference(*texts) is None
    animator.add(1, value * 1.1)
    assert text_difference(texts[0], animator.alt) is not None


def test_alt_can_be_set():
    animator = d2l.Animator()
    animator.add(1, 2)
    animator.alt = "The loss falls."
    assert animator.alt == "The loss falls."
    for bad, error in (("", ValueError), (3, TypeError)):
        with pytest.raises(error, match="alt"):
            animator.alt = bad


# --- points that cannot be drawn ---------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_not_finite_points_leave_a_gap_and_a_note(bad):
    animator = d2l.Animator(xlabel="epoch", legend=["loss"])
    for epoch, y in enumerate([1, bad, 3, 4, bad]):
        animator.add(epoch, y)
    axes = animator.axes[0]
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [1, np.nan, 3, 4, np.nan])
    note = "loss not finite at 2 points from epoch 1"
    assert axes.get_title(loc="left").replace("\n", " ") == note
    assert animator.alt == f"Live curves: loss not finite at epoch 4; {note}"
    low, high = axes.get_ylim()
    assert 0 < low < 1 and 4 < high < 5


def test_zeros_on_a_logarithmic_axis_leave_a_gap_and_a_note(recwarn):
    animator = d2l.Animator(yscale="log", legend=["loss"])
    for x, y in enumerate([100, 0, 1, 0.01]):
        animator.add(x, y)
    axes = animator.axes[0]
    animator.fig.savefig(BytesIO())
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [100, np.nan, 1, 0.01])
    assert axes.get_title(loc="left") == "loss ≤ 0, off the log axis, at x 1"
    low, high = axes.get_ylim()
    assert 1e-3 < low < 0.01 and 100 < high < 1000
    assert not recwarn.list


def test_only_undrawable_points_make_an_empty_picture(kernel):
    animator = d2l.Animator(yscale="log")
    animator.add(float("nan"), 0)
    animator.add(1, float("nan"))
    kernel.end_cell()
    assert "not finite at 2 points from there" in kernel.last()["text/plain"]


def test_a_note_goes_with_nothing_but_its_cause():
    animator = d2l.Animator()
    animator.add(1, 2)
    assert animator.axes[0].get_title(loc="left") == ""


# --- limits ------------------------------------------------------------------------------------


def test_axes_follow_the_data_and_given_limits_stay():
    animator = d2l.Animator(ylim=[0, 1])
    for x in range(100):
        animator.add(x, x)
    axes = animator.axes[0]
    assert axes.get_ylim() == (0, 1)
    assert axes.get_xlim() == pytest.approx((-0.05 * 99, 1.05 * 99))


def test_limits_set_by_hand_stay(kernel):
    animator = d2l.Animator()
    animator.add(1, 1)
    animator.axes[0].set_ylim(-5, 5)
    animator.add(2, 100)
    kernel.end_cell()
    assert animator.axes[0].get_ylim() == (-5, 5)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_live_axes_always_hold_the_data_and_grow_seldom(kernel, monkeypatch, scale):
    monkeypatch.setattr(animator_module, "SECONDS_BETWEEN_PICTURES", 0)
    monkeypatch.setattr(animator_module, "LARGEST_SHARE", float("inf"))
    animator = d2l.Animator(xscale=scale, yscale=scale)
    seen = set()
    for x in range(1, 61):
        animator.add(x, 1 / x)
        axes = animator._panels[0].axes  # not animator.axes: that would make the picture exact
        assert axes.get_xlim()[0] <= 1 and x <= axes.get_xlim()[1]
        assert axes.get_ylim()[0] <= 1 / x and axes.get_ylim()[1] >= 1
        seen.add(axes.get_xlim())
    assert kernel.kinds() == ["display"] + ["update"] * 59
    assert len(seen) < 20


# --- the picture in a notebook -----------------------------------------------------------------


def test_one_display_then_updates_then_the_final_picture(kernel):
    animator = d2l.Animator(xlabel="epoch", legend=["loss"])
    for epoch in range(200):
        animator.add(epoch, 1 / (epoch + 1))
    kernel.end_cell()
    assert kernel.kinds()[0] == "display"
    assert set(kernel.kinds()[1:]) == {"update"}
    assert "image/png" in kernel.messages[0][1]
    final = kernel.last()
    assert set(final) == {"image/svg+xml", "text/plain"}
    assert final["text/plain"] == "Live curves: loss 0.00500 at epoch 199"
    root = ElementTree.fromstring(final["image/svg+xml"])
    assert root.attrib["aria-label"] == final["text/plain"]
    assert kernel.callbacks == []
    assert plt.get_fignums() == []  # nothing that the inline backend could show again


@pytest.mark.parametrize(
    ("drawing", "apart"),  # seconds; a slow drawing is followed by four times as long a pause
    [(0, 0.05), (1 / 128, 0.05), (1 / 8, 5 / 8)],
)
def test_pictures_are_throttled(kernel, monkeypatch, drawing, apart):
    now = 0.0
    published = []

    def publish(data, metadata):
        nonlocal now
        now += drawing
        published.append(now)

    monkeypatch.setattr(animator_module, "time", SimpleNamespace(perf_counter=lambda: now))
    animator = d2l.Animator()
    monkeypatch.setattr(animator, "_publish", publish)
    for x in range(3072):
        animator.add(x, x)
        now += 1 / 1024
    gaps = np.diff(published)
    assert len(gaps) >= 4
    assert gaps == pytest.approx(apart, abs=1 / 512)  # the next point may come a little later


def test_the_final_picture_does_not_depend_on_how_many_came_before(kernel, monkeypatch):
    finals = set()
    for pause in (0, 10):
        monkeypatch.setattr(animator_module, "SECONDS_BETWEEN_PICTURES", pause)
        monkeypatch.setattr(animator_module, "LARGEST_SHARE", float("inf"))
        animator = d2l.Animator(xlabel="epoch", legend=["a", "b"])
        for epoch in range(20):
            animator.add(epoch, (1000 / (epoch + 1), epoch))
        kernel.end_cell()
        finals.add(kernel.last()["image/svg+xml"])
    assert len(finals) == 1
    assert kernel.kinds().count("update") > 20


def test_live_picture_shows_what_a_full_drawing_shows(kernel, monkeypatch):
    monkeypatch.setattr(animator_module, "SECONDS_BETWEEN_PICTURES", 0)
    monkeypatch.setattr(animator_module, "LARGEST_SHARE", float("inf"))
    animator = d2l.Animator(xlim=[0, 10], ylim=[0, 10])
    for x in range(10):
        animator.add(x, (x, 10 - x))
    live = pixels(kernel.last()["image/png"])
    for line in animator._panels[0].lines:
        line.set_animated(False)
    whole = BytesIO()
    animator._fig.canvas.print_png(whole)
    difference = np.abs(live - pixels(whole.getvalue())).max(axis=2)
    # Over the background the lines cross the frame, which a full drawing puts above them.
    assert (difference > 0.1).mean() < 0.002
    assert (live[..., :3].min(axis=2) < 0.5).mean() > 0.01  # there is something to compare


def test_changes_by_hand_between_points_are_shown(kernel, monkeypatch):
    monkeypatch.setattr(animator_module, "SECONDS_BETWEEN_PICTURES", 0)
    monkeypatch.setattr(animator_module, "LARGEST_SHARE", float("inf"))
    animator = d2l.Animator(xlim=[0, 1], ylim=[0, 1])
    axes = animator.axes[0]
    animator.add(0, 0)
    animator.add(0.5, 0.5)
    before = pixels(kernel.last()["image/png"])
    axes.set_facecolor("red")
    animator.add(0.5, 0.5)
    assert (pixels(kernel.last()["image/png"])[..., 1] < 0.1).mean() > 0.3
    assert (before[..., 1] < 0.1).mean() < 0.1


def test_an_interruption_while_drawing_leaves_a_correct_picture(kernel, monkeypatch):
    animator = d2l.Animator(legend=["loss"])
    animator.add(1, 10)

    def interrupt():
        raise KeyboardInterrupt

    animator._next_picture = 0
    monkeypatch.setattr(animator._fig.canvas, "draw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        animator.add(2, 5000)
    monkeypatch.undo()
    monkeypatch.setattr(animator_module, "notebook_shell", lambda: kernel)
    kernel.end_cell()
    assert kernel.kinds() == ["display", "update"]
    assert kernel.last()["text/plain"] == "Live curves: loss 5000.0 at x 2"
    assert len(animator.axes[0].get_lines()[0].get_xdata()) == 2


def test_close_and_with_finish_at_once_and_the_next_cell_shows_all_again(kernel):
    with d2l.Animator() as animator:
        animator.add(1, 1)
        animator.add(2, 2)
    assert kernel.kinds() == ["display", "update"]
    assert "at x 2" in kernel.last()["text/plain"]
    kernel.end_cell()
    animator.close()
    assert kernel.kinds() == ["display", "update"]
    animator.add(3, 3)
    kernel.end_cell()
    assert kernel.kinds() == ["display", "update", "display", "update"]
    assert animator.X == [[1, 2, 3]]


def test_an_animator_without_points_shows_nothing(kernel):
    with d2l.Animator():
        pass
    kernel.end_cell()
    assert kernel.messages == []


def test_many_points_are_stored_as_png(kernel):
    animator = d2l.Animator()
    noise = np.random.default_rng(0).normal(size=(20_000, 2))
    animator.add(0, noise[0])
    animator._next_picture = float("inf")
    for x, row in enumerate(noise):
        animator.add(x, row)
    animator.close()
    assert "image/png" in kernel.last()
    assert len(kernel.last()["image/png"]) < animator_module.LARGEST_SVG


def test_points_within_the_limits_do_not_draw_the_figure_again(kernel, monkeypatch):
    monkeypatch.setattr(animator_module, "SECONDS_BETWEEN_PICTURES", 0)
    monkeypatch.setattr(animator_module, "LARGEST_SHARE", float("inf"))
    animator = d2l.Animator("epoch", legend=["a", "b", "c"], xlim=[0, 40], ylim=[0, 120])
    draw, draws = animator._fig.canvas.draw, []
    monkeypatch.setattr(animator._fig.canvas, "draw", lambda: draws.append(draw()))
    for x in range(40):
        animator.add(x, (x, 2 * x, 3 * x))
    assert kernel.kinds() == ["display"] + ["update"] * 39
    assert len(draws) == 1
    assert len({message[1]["image/png"] for message in kernel.messages}) == 40  # all are new


def test_live_curves_in_a_real_kernel():
    setup = """
        import time
        import d2lhelpers as d2l

        def train(animator, stop=None):
            for epoch in range(5):
                if epoch == stop:
                    raise KeyboardInterrupt
                animator.add(epoch + 1, (0.8 / (epoch + 1), 1 - 0.5 / (epoch + 1)))
                time.sleep(0.03)

        names = ["train loss", "test acc"]
        """
    _, whole, two, failed, interrupted, later = run_cells(
        setup,
        'animator = d2l.Animator("epoch", legend=names)\ntrain(animator)',
        """
        first, second = d2l.Animator("epoch", legend=names), d2l.Animator("step", legend=names)
        train(first)
        train(second)
        print("done")
        """,
        'train(d2l.Animator("epoch", legend=names)); 1 / 0',
        'interrupted = d2l.Animator("epoch", legend=names)\ntrain(interrupted, stop=3)',
        "interrupted.add(9, (0.1, 0.9))",
        allow_errors=True,
    )
    text = "Live curves: train loss 0.160, test acc 0.900 at epoch 5"

    def check(output, text):
        assert output["output_type"] == "display_data"
        assert output["data"]["text/plain"] == text
        assert output["metadata"]["image/svg+xml"]["alt"] == text
        root = ElementTree.fromstring(output["data"]["image/svg+xml"])
        assert root.attrib["role"] == "img" and root.attrib["aria-label"] == text

    (output,) = whole
    check(output, text)
    first, second, printed = two
    check(first, text)
    check(second, text.replace("epoch", "step"))
    assert printed["text"] == "done\n"
    output, error = failed
    check(output, text)
    assert error["ename"] == "ZeroDivisionError"
    output, error = interrupted
    check(output, "Live curves: train loss 0.267, test acc 0.833 at epoch 3")
    assert error["ename"] == "KeyboardInterrupt"
    (output,) = later
    check(output, "Live curves: train loss 0.100, test acc 0.900 at epoch 9")
    assert output["data"]["image/svg+xml"].count("<path") > 4


# --- without a notebook ------------------------------------------------------------------------


def test_a_plain_script_prints_nothing_and_can_save_the_figure(tmp_path):
    source = """
        import sys
        import d2lhelpers as d2l
        animator = d2l.Animator("epoch", legend=["loss"])
        for epoch in range(30):
            animator.add(epoch, 1 / (epoch + 1))
        animator.close()
        animator.fig.savefig(sys.argv[1])
        assert "IPython" not in sys.modules and "torch" not in sys.modules
        """
    path = tmp_path / "curves.png"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(source), str(path)],
        cwd=ROOT,
        env=dict(os.environ, MPLBACKEND="agg", OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    picture = plt.imread(path)
    assert (picture[..., :3].min(axis=2) < 0.5).mean() > 0.01


def test_without_a_screen_many_animators_leave_no_figures_open():
    for _ in range(3):
        d2l.Animator().add(1, 1)
    assert plt.get_fignums() == []


def test_a_window_follows_and_close_brings_the_last_points(monkeypatch):
    calls = []
    monkeypatch.setattr(FigureCanvasAgg, "required_interactive_framework", "tk")
    monkeypatch.setattr(FigureCanvasAgg, "draw_idle", lambda self: calls.append("draw"))
    monkeypatch.setattr(FigureCanvasAgg, "flush_events", lambda self: calls.append("events"))
    monkeypatch.setattr(Figure, "show", lambda self: calls.append("show"))
    animator = d2l.Animator()
    assert len(plt.get_fignums()) == 1
    animator.add(1, 1)
    assert calls == ["draw", "show", "events"]
    animator.add(2, 2)  # too early for another picture
    assert calls == ["draw", "show", "events"]
    animator.close()
    assert calls == ["draw", "show", "events", "draw", "events"]
    (line,) = animator._panels[0].axes.get_lines()
    assert list(line.get_xdata()) == [1, 2]
    assert not line.get_animated()
