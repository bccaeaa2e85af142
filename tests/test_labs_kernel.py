"""Lab of chapter 22: kernels read from text, outputs against `corr2d`, and what the lab says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_image

import d2lhelpers as d2l
from d2lhelpers.labs.kernel import PICTURES, PRESETS, picture, read_kernel, why_no_kernel
from d2lhelpers.labs.stage import Stage
from tests.lab_sentences import is_one_sentence

LAB = d2l.labs.Kernel()
STAGE = Stage(LAB, density=0.5)
WEIGHTS = st.one_of(
    st.floats(-10, 10), st.integers(-3, 3).map(float), st.floats(-1e308, 1e308), st.just(0.0)
)


@st.composite
def kernels(draw):
    """Random kernels of 1 × 1 to 5 × 5 weights."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    row = st.lists(WEIGHTS, min_size=columns, max_size=columns)
    return np.array(draw(st.lists(row, min_size=rows, max_size=rows)))


def written(kernel) -> str:
    return "; ".join(" ".join(f"{weight:.6g}" for weight in row) for row in kernel)


@given(kernels(), st.sampled_from(PICTURES))
@example(np.full((5, 5), 1e308), "temple")
@example(np.array([[1e308, -1e308]]), "flower")
@example(np.array([[5e-324, -5e-324]]), "stripes, upright")
@example(np.zeros((3, 3)), "stripes, flat")
@example(np.array([[0.1, 0.2, -0.3]]), "temple")
@settings(max_examples=25, deadline=None)
def test_any_kernel_is_computed_drawn_and_described(kernel, name):
    text = written(kernel)
    result = LAB.run(kernel=text, photograph=name)
    if result.weights is None:  # rounded to six digits, the largest numbers can overflow
        assert "larger than" in result.complaint
        return
    found = result.weights.kernel
    np.testing.assert_allclose(found, kernel, rtol=1e-5)
    assert result.output is not None
    wanted = d2l.corr2d(
        torch.from_numpy(picture(name)[20:30, 30:42].copy()), torch.from_numpy(found)
    )
    rows, columns = wanted.shape
    part = result.output[20 : 20 + rows, 30 : 30 + columns]
    size = float(np.abs(found).max())
    if size < 1e300:
        np.testing.assert_allclose(part, wanted.numpy(), rtol=1e-9, atol=1e-10 * size)
    assert result.output.shape == tuple(
        n - k + 1 for n, k in zip(picture(name).shape, found.shape, strict=True)
    )
    assert not result.output.flags.writeable
    assert 0 <= result.white <= 1 and 0 <= result.black <= 1 and result.scale > 0
    sentence = LAB.describe(result)
    assert is_one_sentence(sentence), sentence
    assert STAGE.png(result) == STAGE.png(LAB.run(kernel=text, photograph=name))


@given(st.text(max_size=60))
@example("nan")
@example("1 2; 3")
@example("(1 1)/0")
@example("1/0")
@example("1e400")
@example("(1e300)/1e-300")
@example("[1 2; 3 4]")
@example("[[1, 2], [3")
@example("[[]]")
@example("[[1]]]/2")
@example("1;" * 6)
@example("$x$ \\frac")
@example("9" * 500)
@settings(max_examples=40, deadline=None)
def test_any_text_is_read_or_refused_with_a_reason(text):
    result = LAB.run(kernel=text)
    complaint = why_no_kernel(text)
    assert (result.weights is None) == (result.output is None) == (complaint != "")
    sentence = LAB.describe(result)
    assert sentence.endswith(".") and (not complaint or sentence.startswith("Not a kernel: “"))
    assert complaint in sentence
    assert len(STAGE.png(result)) > 1000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 -1", [[1, -1]]),
        ("1, \N{MINUS SIGN}1", [[1, -1]]),
        ("[1 2; 3 4]", [[1, 2], [3, 4]]),
        ("(1 2; 3 4)", [[1, 2], [3, 4]]),
        ("(1 2; 3 4) / 2", [[0.5, 1], [1.5, 2]]),
        ("(1 2; 3 4)/1/2", None),
        ("[[1, 0], [0, 1]]", [[1, 0], [0, 1]]),
        ("[[1, 0],\n [0, 1],]", [[1, 0], [0, 1]]),
        ("[1, 0], [0, 1]", [[1, 0], [0, 1]]),
        ("[[1 0] [0 1]]", [[1, 0], [0, 1]]),
        ("[[1, 2], [3, 4]] / 2", [[0.5, 1], [1.5, 2]]),
        ("[[3]]", [[3]]),
        ("[[1, 2], [3, 4]", None),
        ("1/2 -1/4;\n.5 1.", [[0.5, -0.25], [0.5, 1]]),
        ("1 / 2 3", [[0.5, 3]]),
        ("1;2;", [[1], [2]]),
        ("+2e-1", [[0.2]]),
    ],
)
def test_kernels_can_be_written_in_several_ways(text, wanted):
    weights, complaint = read_kernel(text)
    if wanted is None:
        assert weights is None and "not a number" in complaint
    else:
        assert weights is not None and complaint == ""
        np.testing.assert_allclose(weights.kernel, np.array(wanted, dtype=float))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing is typed"),
        ("1 2; 3", "its rows have 2, 1 weights"),
        ("[[1, 2], [3]]", "its rows have 2, 1 weights"),
        ("1; ;2", "a row is empty"),
        ("1 x", "“x” is not a number"),
        ("nan", "“nan” is not a number"),
        ("1/0", "“1/0” divides by 0"),
        ("(1 2)/0", "divided by 0"),
        ("1e400", "larger than a computer's numbers"),
        ("(1e300)/1e-300", "larger than a computer's numbers"),
        ("1 2 3 4 5 6", "1 × 6 weights; the lab takes up to 5 × 5"),
        ("1;" * 5 + "1", "6 × 1 weights"),
        ("1 " * 300, "600 characters"),
    ],
)
def test_what_is_no_kernel_is_explained(text, words):
    result = LAB.run(kernel=text)
    assert words in LAB.describe(result)
    assert LAB.describe(result).startswith("Not a kernel")


def test_pictures_are_those_of_scikit_learn():
    for name, file in (("temple", "china.jpg"), ("flower", "flower.jpg")):
        colors = load_sample_image(file)[:424].astype(float) / 255
        gray = colors @ [0.299, 0.587, 0.114]
        for i, j in ((0, 0), (50, 70), (105, 159)):
            block = gray[4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
            assert picture(name)[i, j] == pytest.approx(block.mean(), abs=1e-12)
        assert picture(name).shape == (106, 160)
    upright, flat = picture("stripes, upright"), picture("stripes, flat")
    assert (upright == upright[:1]).all() and (flat == flat[:, :1]).all()
    assert set(np.unique(upright)) == {0.0, 1.0}


def test_every_preset_is_recognized_and_does_what_its_name_says():
    for name, text in PRESETS.items():
        assert LAB.run(kernel=text).name == name
    temple = picture("temple")
    same = LAB.run(kernel=PRESETS["identity"]).output
    assert same is not None and np.array_equal(same, temple[1:-1, 1:-1])
    for name in PRESETS:
        result = LAB.run(kernel=PRESETS[name])
        assert result.weights is not None and result.output is not None
        total = result.weights.kernel.sum()
        if "blur" in name or "sharpen" in name or "motion" in name:
            assert total == pytest.approx(1)
            rough = np.abs(np.diff(result.output)).mean() / np.abs(np.diff(temple)).mean()
            assert rough > 1.2 if "sharpen" in name else rough < 0.8
        assert result.signed == ("edges" in name)
    for name, blind in (
        ("upright edges (Sobel)", "stripes, flat"),
        ("upright edges 1 × 2", "stripes, flat"),
        ("flat edges (Sobel)", "stripes, upright"),
    ):
        for kind in ("stripes, flat", "stripes, upright"):
            result = LAB.run(kernel=PRESETS[name], photograph=kind)
            assert result.output is not None
            assert result.output.any() == (kind != blind)
            assert ("blind" in LAB.describe(result)) == (kind == blind)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ("9", "92% are above white"),
        ("-1", "all are below black"),
        ("1e308 1e308", "overflow"),
        ("0", "all are 0, so this kernel is blind here"),
        ("1e-300", "adds up to 1.0×10⁻³⁰⁰"),
        ("1 0 -1; 2 0 -2; 1 0 -1", "even areas give 0 (gray)"),
        ("0 0 0; 0 1 0; 0 0 0", "(0.57 before)."),
    ],
)
def test_the_sentence_names_what_is_seen(kernel, words):
    sentence = LAB.describe(LAB.run(kernel=kernel))
    assert words in sentence
    assert is_one_sentence(sentence)


def test_the_picture_depends_on_the_result_only():
    fresh = Stage(LAB, density=0.5)
    shots = [{"photograph": "flower"}, {"kernel": "1 2; 3"}, {"kernel": "9"}, {}]
    for settings_ in [*shots, *reversed(shots)]:
        result = LAB.run(**settings_)
        assert STAGE.png(result) == fresh.png(result) == Stage(LAB, density=0.5).png(result)


def test_a_new_kernel_moves_artists_only():
    stage = Stage(LAB, density=0.5)
    for text in PRESETS.values():
        stage.png(LAB.run(kernel=text))
    assert stage.full_draws == 1
