"""Tests of d2lhelpers.plotting and d2lhelpers.figures: curves, style, alternative text."""

import inspect
import os
import subprocess
import sys
import textwrap
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lhelpers as d2l
from d2lhelpers import figures, plotting
from tests.cells import run_cells

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def clean_matplotlib():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a test of another file may have left the book's style
        plt.switch_backend("agg")
        yield
        plt.close("all")


def lines():
    return plt.gca().get_lines()


def run_script(source: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(source)],
        cwd=ROOT,
        env=dict(os.environ, OMP_NUM_THREADS="1") | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


# --- signatures and effects of the reference ---------------------------------------------------


@pytest.fixture(scope="module")
def reference():
    return pytest.importorskip("d2l.torch")


@pytest.mark.parametrize("name", ["use_svg_display", "set_figsize", "set_axes", "plot", "Animator"])
def test_signature_is_that_of_the_reference(reference, name):
    def shape(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default, p.kind) for p in parameters]

    assert shape(getattr(d2l, name)) == shape(getattr(reference, name))


@pytest.mark.parametrize("xlim", [None, [0, 4]])
@pytest.mark.parametrize("yscale", ["linear", "log"])
@pytest.mark.parametrize("legend", [[], ["a", "b"]])
def test_set_axes_has_the_effects_of_the_reference(reference, xlim, yscale, legend):
    seen = []
    for set_axes in (reference.set_axes, d2l.set_axes):
        axes = plt.figure().subplots()
        axes.plot([1, 2, 3], [1, 20, 300])
        axes.plot([1, 2, 3], [2, 3, 4])
        set_axes(axes, "x (m)", None, xlim, [0.5, 500], "linear", yscale, legend)
        found = axes.get_legend()
        seen.append(
            (
                axes.get_xlabel(),
                axes.get_ylabel(),
                axes.get_xlim(),
                axes.get_ylim(),
                axes.get_xscale(),
                axes.get_yscale(),
                [text.get_text() for text in found.get_texts()] if found else None,
                [line.get_visible() for line in axes.get_xgridlines()],
            )
        )
    assert seen[0] == seen[1]


def test_set_axes_refuses_more_names_than_curves_and_changes_nothing():
    axes = plt.figure().subplots()
    axes.plot([1, 2])
    with pytest.raises(ValueError, match="legend has 2 names, but there are 1 curves"):
        d2l.set_axes(axes, "x", None, None, None, "linear", "log", ["a", "b"])
    assert (axes.get_xlabel(), axes.get_yscale(), axes.get_legend()) == ("", "linear", None)


def test_set_axes_shows_the_grid_when_called_twice():
    axes = plt.figure().subplots()
    for _ in range(2):
        d2l.set_axes(axes, None, None, None, None, "linear", "linear", None)
        assert all(line.get_visible() for line in axes.get_xgridlines())


def test_axes_without_limits_go_on_following_the_data():
    d2l.plot([1.0, 2.0])
    plt.gca().plot([0, 10], [0, 10])
    assert plt.gca().get_xlim()[1] > 9


# --- plot: the lines hold the input ------------------------------------------------------------

numbers = st.floats(-1e6, 1e6, width=32)
curve = st.lists(numbers, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(curve, min_size=1, max_size=9), st.sampled_from([list, np.array, torch.tensor]))
def test_every_curve_is_drawn_with_its_values(curves, kind):
    plt.close("all")
    d2l.plot([kind(values) for values in curves])
    assert len(lines()) == len(curves)
    for line, values in zip(lines(), curves, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(values)))
        np.testing.assert_array_equal(
            line.get_ydata(), np.array(values, dtype=line.get_ydata().dtype)
        )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.booleans())
def test_rows_of_a_tensor_are_curves_over_one_x_or_their_own(count, length, shared):
    plt.close("all")
    Y = torch.arange(count * length, dtype=torch.float32).reshape(count, length)
    X = torch.linspace(0, 1, length)
    d2l.plot(X if shared else X.repeat(count, 1), Y)
    assert len(lines()) == count
    for line, y in zip(lines(), Y, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), X.numpy())
        np.testing.assert_array_equal(line.get_ydata(), y.numpy())


@pytest.mark.parametrize(
    "values",
    [
        range(3),
        (0, 1, 2),
        [torch.tensor(0.0), torch.tensor(1.0), torch.tensor(2.0, requires_grad=True)],
        np.array([0, 1, 2], dtype=np.int8),
        torch.tensor([0.0, 1.0, 2.0], requires_grad=True),
        torch.nn.Parameter(torch.tensor([0.0, 1.0, 2.0])),
        torch.tensor([0.0, 1.0, 2.0], dtype=torch.bfloat16),
        torch.tensor([0.0, 1.0, 2.0], dtype=torch.float16),
        torch.tensor([[0], [1], [2]]),
        torch.arange(6)[::2] / 2,
        [torch.tensor([[0.0], [1.0], [2.0]])],
    ],
    ids=str,
)
def test_one_curve_in_many_forms(values):
    d2l.plot(values, values)
    assert len(lines()) == 1
    np.testing.assert_array_equal(lines()[0].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(lines()[0].get_ydata(), [0, 1, 2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_tensors_on_the_gpu():
    d2l.plot(torch.arange(3, device="cuda"), torch.ones(3, device="cuda", requires_grad=True))
    np.testing.assert_array_equal(lines()[0].get_ydata(), [1, 1, 1])


@pytest.mark.parametrize("empty", [[], torch.empty(0), np.empty(0)], ids=str)
def test_empty_data_makes_an_empty_curve(empty):
    d2l.plot(empty)
    d2l.plot(empty, empty)
    assert len(lines()) == 1 and len(lines()[0].get_ydata()) == 0


def test_missing_values_are_gaps():
    d2l.plot([1, None, 3])
    np.testing.assert_array_equal(lines()[0].get_ydata(), [1, np.nan, 3])


def test_a_point_without_neighbors_is_visible_and_a_line_has_no_dots():
    d2l.plot([[5.0], [1, 2, 3], [1, 2, None, 4]])
    lone, line, gap = lines()
    assert (lone.get_marker(), line.get_marker(), gap.get_marker()) == ("o", "None", "o")
    assert gap.get_markevery() == [3]


def test_markers_that_the_caller_chose_stay():
    d2l.plot([[5.0], [1, 2]], fmts=["s"])
    assert [line.get_marker() for line in lines()] == ["s", "s"]


def test_plot_draws_in_the_axes_given_and_clears_them():
    figure, (left, right) = plt.subplots(1, 2)
    right.plot([1, 2])
    d2l.plot([1, 2, 3], axes=right, xlabel="x", legend="line")
    assert len(left.get_lines()) == 0 and len(right.get_lines()) == 1
    assert right.get_xlabel() == "x"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["line"]


def test_limits_and_scales():
    d2l.plot([1, 10], [1, 100], xlim=[1, 20], ylim=(1, 1000), xscale="log", yscale="log")
    axes = plt.gca()
    assert axes.get_xlim() == (1, 20) and axes.get_ylim() == (1, 1000)
    assert axes.get_xscale() == axes.get_yscale() == "log"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 2, 3], [1, 2]), ValueError, "x has 3 values, y has 2"),
        (([[1, 2], [1, 2]], [[1, 2]] * 3), ValueError, "X has 2 curves, Y has 3"),
        (([[1, 2], [1, 2]], [1, 2]), ValueError, "X has 2 curves, Y has 1"),
        (([], [1, 2]), ValueError, "x has 0 values, y has 2"),
        ((torch.zeros(2, 2, 2),), ValueError, r"\(2, 2, 2\)"),
        ((torch.tensor(1.0),), ValueError, r"got \(\)"),
        (([1, [2, 3]],), ValueError, "mixes"),
        (([[1, [2, 3]]],), ValueError, "different lengths"),
        (([torch.zeros(2, 2)],), ValueError, r"X\[0\].*\(2, 2\)"),
        ((3.0,), TypeError, "X: .*float"),
        ((None, [1, 2]), TypeError, "X: .*NoneType"),
        (("12",), TypeError, "X: .*str"),
        ((["1", "2"],), TypeError, "<U1"),
        ((["1", None],), TypeError, "text"),
        (([object()],), TypeError, "real numbers"),
        (({1: 2},), TypeError, "dict"),
        (([{1: 2}],), TypeError, "dict"),
        ((torch.tensor([1j]),), TypeError, "complex"),
        ((torch.eye(3).to_sparse(),), TypeError, "X: wanted a dense tensor.*to_dense"),
        (([1, 2], torch.ones(2).to_sparse()), TypeError, "Y: wanted a dense tensor"),
        (([1, 2], None, None, None, None, (1,)), ValueError, "xlim: wanted two numbers"),
        (([1, 2], None, None, None, None, None, "19"), ValueError, "ylim: .*got '19'"),
    ],
)
def test_bad_data_is_refused_and_nothing_is_drawn(arguments, error, words):
    with pytest.raises(error, match=words):
        d2l.plot(*arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"legend": ["a", "b"]}, ValueError, "2 names, but there are 1 curves"),
        ({"legend": [1]}, TypeError, "legend: .*int"),
        ({"fmts": []}, ValueError, "fmts"),
        ({"fmts": [1]}, TypeError, "fmts: .*int"),
        ({"figsize": (0, 1)}, ValueError, "figsize"),
        ({"figsize": 3}, ValueError, "figsize"),
        ({"figsize": None}, ValueError, "figsize"),
        ({"axes": "left"}, TypeError, "axes: .*str"),
        ({"xlim": [1, 2, 3]}, ValueError, "xlim: .*two numbers"),
        ({"ylim": 5}, ValueError, "ylim: .*two numbers"),
        ({"xscale": "logarithmic"}, ValueError, "logarithmic"),
    ],
)
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        d2l.plot([1, 2], **options)


# --- formats and style -------------------------------------------------------------------------


def test_default_formats_use_the_safe_cycle_and_differ_for_28_curves():
    d2l.plot([[i, i] for i in range(28)])
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    looks = [(line.get_color(), line.get_linestyle()) for line in lines()]
    assert len(set(looks)) == 28
    assert [matplotlib.colors.to_hex(c) for c, _ in looks[:7]] == [
        matplotlib.colors.to_hex("#" + c.removeprefix("#")) for c in cycle
    ]
    assert [style for _, style in looks[:4]] == ["-", "--", "-.", ":"]


def test_formats_of_the_caller_are_taken_literally_and_repeat():
    d2l.plot([[i, i] for i in range(5)], fmts=["m--", "k:"])
    assert [line.get_color() for line in lines()] == ["m", "k", "m", "k", "m"]
    assert [line.get_linestyle() for line in lines()] == ["--", ":", "--", ":", "--"]


def contrast_with_white(color: str) -> float:
    """Contrast ratio of WCAG 2.2 (relative luminance of sRGB)."""
    channels = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


def seen_by(kind: str, color: str) -> np.ndarray:
    """A color as a dichromat sees it (Viénot, Brettel and Mollon 1999, in linear RGB)."""
    channels = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    matrix = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }[kind]
    return np.clip(np.array(matrix) @ linear, 0, 1) ** (1 / 2.2)


def test_colors_are_distinct_for_color_blind_readers():
    d2l.use_svg_display()
    colors = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert all(contrast_with_white(color) >= 3 for color in colors[:4])  # WCAG for graphics
    for kind in ("protan", "deutan"):
        seen = [seen_by(kind, color) for color in colors[:4]]
        gaps = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
        assert min(gaps) > 0.15
    # The measure bites: the pure red and green of Matplotlib's letters fail the same test.
    red, green = (seen_by("deutan", color) for color in ("#a00000", "#006000"))
    assert np.linalg.norm(red - green) < 0.15


def test_importing_changes_no_setting_and_loads_no_matplotlib():
    result = run_script(
        """
        import sys
        import d2lhelpers
        assert "matplotlib" not in sys.modules and "torch" not in sys.modules
        import matplotlib
        before = dict(matplotlib.rcParams)
        import d2lhelpers.plotting, d2lhelpers.figures, d2lhelpers.animator
        assert "torch" not in sys.modules and "IPython" not in sys.modules
        assert dict(matplotlib.rcParams) == before
        """,
        MPLBACKEND="agg",
    )
    assert result.returncode == 0, result.stderr


def test_style_keeps_what_the_user_set_before_and_after():
    plt.rcParams["lines.linewidth"] = 7
    d2l.set_figsize()
    assert plt.rcParams["lines.linewidth"] == 7 and plt.rcParams["font.size"] == 11
    plt.rcParams["font.size"] = 20
    d2l.plot([1, 2])
    assert plt.rcParams["font.size"] == 20


def test_style_comes_back_after_a_context():
    with matplotlib.rc_context():
        d2l.use_svg_display()
    assert plt.rcParams["font.size"] != 11
    d2l.use_svg_display()
    assert plt.rcParams["font.size"] == 11
    assert plt.rcParams["svg.hashsalt"] == plotting.HASH_SALT


def test_set_figsize_sets_the_default_size():
    d2l.set_figsize((5, 4))
    assert tuple(plt.figure().get_size_inches()) == (5, 4)


# --- figures -----------------------------------------------------------------------------------

ALT = 'Loss "L" falls & stays < 0.1'


def parabola():
    x = torch.arange(0, 3, 0.1)
    d2l.plot(x, x**2, "x", "f(x)", legend=["f"])
    return plt.gcf()


def test_svg_is_xml_with_role_label_and_title():
    root = ElementTree.fromstring(figures.svg_text(parabola(), ALT))
    assert root.tag == f"{SVG}svg"
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == ALT
    assert [title.text for title in root.findall(f"{SVG}title")] == [ALT]


def test_svg_has_equal_bytes_for_equal_figures_and_a_white_ground():
    first, second = (figures.svg_text(parabola(), ALT) for _ in range(2))
    plt.close("all")
    assert first == second == figures.svg_text(parabola(), ALT)
    assert "<dc:date>" not in first and "#ffffff" in first


def test_svg_is_equal_in_another_process():
    code = """
        import sys, torch, matplotlib.pyplot as plt
        import d2lhelpers as d2l
        from d2lhelpers import figures
        x = torch.arange(0, 3, 0.1)
        d2l.plot(x, x**2, "x", "f(x)", legend=["f"])
        sys.stdout.write(figures.svg_text(plt.gcf(), "alt"))
        """
    result = run_script(code, MPLBACKEND="agg", PYTHONHASHSEED="5")
    assert result.stdout == figures.svg_text(parabola(), "alt"), result.stderr


def test_png_bundle_has_its_size_and_equal_bytes():
    data, metadata = figures.figure_bundle(parabola(), ALT, "png", tight=False)
    assert metadata["image/png"] == {"alt": ALT, "width": 336, "height": 240}
    image = plt.imread(BytesIO(data["image/png"]))
    assert image.shape[:2] == (480, 672)
    assert data == figures.figure_bundle(parabola(), ALT, "png", tight=False)[0]


def test_show_figure_without_a_screen_is_quiet_and_closes(capsys):
    parabola()
    assert d2l.show_figure(ALT) is None
    assert plt.get_fignums() == []
    assert capsys.readouterr() == ("", "")


def test_show_figure_closes_only_the_figure_given():
    kept, shown = plt.figure(), plt.figure()
    d2l.show_figure(ALT, shown)
    assert plt.get_fignums() == [kept.number]


def test_show_figure_opens_the_window_of_a_script(monkeypatch):
    figure = parabola()
    shown = []
    monkeypatch.setattr(type(figure.canvas), "required_interactive_framework", "tk")
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    d2l.show_figure(ALT)
    assert shown == [[1]] and plt.get_fignums() == []


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (("",), {}, ValueError, "blank"),
        ((" \n",), {}, ValueError, "blank"),
        ((None,), {}, TypeError, "NoneType"),
        (("text",), {"format": "gif"}, ValueError, "gif"),
        (("text", "figure"), {}, TypeError, "str"),
    ],
)
def test_show_figure_refuses_bad_arguments_and_keeps_the_figure(arguments, options, error, words):
    parabola()
    with pytest.raises(error, match=words):
        d2l.show_figure(*arguments, **options)
    assert plt.get_fignums() == [1]


def test_show_figure_without_a_figure_is_an_error():
    with pytest.raises(ValueError, match="there is no figure"):
        d2l.show_figure(ALT)


def test_figures_in_a_notebook():
    shown, picture, inline, after = run_cells(
        f"""
        import matplotlib.pyplot as plt
        import d2lhelpers as d2l
        d2l.plot([1, 2, 3])
        d2l.show_figure({ALT!r})
        """,
        """
        d2l.set_figsize()
        plt.imshow([[1, 2], [3, 4]])
        d2l.show_figure("four pixels", format="png")
        """,
        "d2l.plot([1, 2, 3])",
        "plt.get_fignums()",
    )
    (output,) = shown
    assert output["output_type"] == "display_data"
    assert set(output["data"]) == {"image/svg+xml", "text/plain"}
    assert output["data"]["text/plain"] == ALT
    assert output["metadata"] == {"image/svg+xml": {"alt": ALT}}
    assert ElementTree.fromstring(output["data"]["image/svg+xml"]).attrib["role"] == "img"
    (output,) = picture
    assert set(output["data"]) == {"image/png", "text/plain"}
    assert output["metadata"]["image/png"]["alt"] == "four pixels"
    (output,) = inline  # without show_figure the inline backend shows it, as SVG
    assert "image/svg+xml" in output["data"]
    assert after[0]["data"]["text/plain"] == "[]"


def test_the_helpers_in_a_plain_script():
    result = run_script(
        """
        import d2lhelpers as d2l
        d2l.use_svg_display()
        d2l.plot([1, 2, 3])
        d2l.show_figure("a line")
        """,
        "-W",
        "error",
        MPLBACKEND="agg",
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
