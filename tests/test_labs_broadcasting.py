"""The lab Broadcasting: against NumPy and PyTorch on random shapes, and what it says and draws."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from d2lhelpers import labs
from d2lhelpers.labs import broadcasting as module

LAB = labs.Broadcasting()
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
# Sizes of 1 and of another number, so that many pairs fit.
FITTING = st.lists(st.sampled_from((1, 1, 3)), max_size=4).map(tuple)
PAIRS = st.one_of(st.tuples(SHAPES, SHAPES), st.tuples(FITTING, FITTING))
NONSENSE = (
    ("", "nothing is typed"),
    ("  ", "nothing is typed"),
    ("torch.Size", "nothing is typed"),
    ("3,,x", "a size is missing beside a comma"),
    (",3", "a size is missing beside a comma"),
    (",", "a size is missing beside a comma"),
    ("3,2,,", "a size is missing beside a comma"),
    ("-1, 3", "the size “-1” is negative"),
    ("2, \N{MINUS SIGN}3", "is negative"),
    ("3 1", "a comma is missing in “3 1”"),
    ("3.0", "“3.0” is not a whole number"),
    ("1e9", "“1e9” is not a whole number"),
    ("3x1", "“3x1” is not a whole number"),
    ("10**9", "“10**9” is not a whole number"),
    ("three", "“three” is not a whole number"),
    ("\N{ARABIC-INDIC DIGIT THREE}", "is not a whole number"),
    ("(3, 1", "one pair of brackets goes around all sizes, or none"),
    ("3, 1]", "one pair of brackets"),
    ("(3, (1))", "one pair of brackets"),
    ("(3)(1)", "one pair of brackets"),
    ("(-3, (1)", "one pair of brackets"),
    ("Size([3])", "“Size” does not belong to a shape"),
    ("shape (3, 1)", "“shape” does not belong to a shape"),
    ("(3, 1).shape", "“.shape” does not belong to a shape"),
    ("int8(3)", "“int8” does not belong to a shape"),
    ("1, 2, 3, 4, 5", "these are 5 axes; PyTorch would take them, the lab draws up to four"),
    (str(2**63), "larger than 2^63 − 1"),
    ("9" * 200, "larger than 2^63 − 1"),
    ("9" * 201, "these are 201 characters; 200 are read at most"),
    ("(" * 100_000 + ")" * 100_000, "these are 200000 characters"),
    ("$\\frac$ $", "is not a whole number"),
    ("3,\n1\x00", "is not a whole number"),
    ("\ud800", "is not a whole number"),
)


def typed(shape: tuple[int, ...]) -> str:
    return str(shape)


@settings(deadline=None)
@given(PAIRS)
def test_the_result_is_that_of_numpy_and_pytorch(pair):
    found = LAB.run(first=typed(pair[0]), second=typed(pair[1]))
    try:
        wanted = np.broadcast_shapes(*pair)
    except ValueError:
        assert found.shape is None
        assert found.conflicts
        with pytest.raises(RuntimeError):
            torch.broadcast_shapes(*pair)
        return
    assert found.shape == wanted == tuple(torch.broadcast_shapes(*pair))
    assert found.conflicts == ()
    for operand, view in zip(
        found.operands, torch.broadcast_tensors(*map(torch.empty, pair)), strict=True
    ):
        numpy = np.broadcast_to(np.empty(operand.shape, np.int8), wanted)
        for place, size in enumerate(wanted):
            if size > 1:  # a stride along which nobody steps means nothing
                assert operand.strides[place] == view.stride(place)
                if numpy.size:  # NumPy gives arrays without elements other strides
                    assert operand.strides[place] == numpy.strides[place]
            own = operand.size(place - len(wanted))
            repeats = size != (1 if own is None else own)
            assert (place - len(wanted) in operand.stretched) == repeats


@settings(deadline=None)
@given(PAIRS)
def test_a_refusal_names_every_dimension_that_refuses_and_no_other(pair):
    found = LAB.run(first=typed(pair[0]), second=typed(pair[1]))
    for d in range(-4, 0):
        if max(map(len, pair)) < -d:
            assert d not in found.conflicts
            continue
        ends = [shape[d : d + 1 or None] if len(shape) >= -d else () for shape in pair]
        try:
            np.broadcast_shapes(*ends)
        except ValueError:
            assert d in found.conflicts
            words = f"along axis {module.signed(d)} the sizes are {ends[0][0]} and {ends[1][0]}"
            assert words in LAB.describe(found)
        else:
            assert d not in found.conflicts


@settings(deadline=None)
@given(PAIRS)
def test_the_numbers_in_the_cells_are_those_of_pytorch(pair):
    found = LAB.run(first=typed(pair[0]), second=typed(pair[1]))
    tens, ones = (torch.arange(1, math.prod(s) + 1).reshape(s) for s in pair)
    tens = 10 * tens
    panels = [
        module._operand_panel(name, operand, found.shape, unit)
        for name, operand, unit in zip(module.NAMES, found.operands, (10, 1), strict=True)
    ]
    arrays = [tens, ones]
    if found.shape is not None:
        arrays = [*torch.broadcast_tensors(tens, ones), tens + ones]
        panels.append(module._result_panel(found))
    for panel, array in zip(panels, arrays, strict=True):
        assert panel.shape == tuple(array.shape)
        corner = array[tuple(slice(size) for size in module.drawn_part(panel.shape))]
        assert [value for _, _, value in panel.cells] == corner.flatten().tolist()
    for panel, shape in zip(panels, pair, strict=False):
        drawn_own = math.prod(module.drawn_part((1,) * (len(panel.shape) - len(shape)) + shape))
        kept = sum(not copy for _, copy, _ in panel.cells)
        assert kept == (drawn_own if panel.cells else 0), "every element once, all else copies"


@settings(deadline=None)
@given(SHAPES)
def test_all_ways_to_write_a_shape_are_read(shape):
    sizes = ", ".join(map(str, shape))
    ways = [str(shape), str(list(shape)), str(torch.Size(shape)), f"  ({sizes} ) "]
    if shape:
        ways += [sizes, sizes.replace(" ", ""), sizes + ",", f"00{sizes}"]
    assert {module.read_shape(way) for way in ways} == {(shape, "")}


def test_four_of_the_largest_sizes_are_short_enough():
    shape = (module.LARGEST_SIZE,) * 4
    assert module.read_shape(f"torch.Size({list(shape)})") == (shape, "")


@pytest.mark.parametrize(("text", "words"), NONSENSE)
def test_what_is_no_shape_is_explained_and_drawn(text, words):
    shape, complaint = module.read_shape(text)
    assert shape is None and words in complaint
    assert module.why_no_shape(text) == complaint
    found = LAB.run(first=text, second="3, 2")
    assert found.shape is None
    assert LAB.describe(found).startswith("Not a shape: first is “")
    assert words in LAB.describe(found)
    assert Image.open(io.BytesIO(LAB.snapshot(first=text, second=text))).size == (1680, 880)
    both = LAB.describe(LAB.run(first=text, second=text))
    assert "first is" in both and "second is" in both


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40), st.text("0123456789,()[] -.x", max_size=14))
def test_any_text_at_all_is_answered_with_a_sentence_and_a_picture(first, second):
    found = LAB.run(first=first, second=second)
    assert LAB.describe(found).endswith(".")
    assert len(LAB.snapshot(first=first, second=second)) > 1000
    lines = module.reason_lines(found)
    assert 1 <= len(lines) <= 6 and max(map(len, lines)) < 75


def test_sentences():
    def say(first, second):
        return LAB.describe(LAB.run(first=first, second=second))

    assert say("3, 1", "1, 2") == (
        "(3, 1) and (1, 2) fit: the result has the shape (3, 2), 6 numbers; "
        "first is stretched along axis −1 and second is stretched along axis −2."
    )
    assert say("3, 2", "3") == (
        "Refused: (3, 2) and (3,) do not fit, because along axis −1 the sizes are 2 and 3, "
        "and neither is 1."
    )
    assert say("2, 3", "3, 2").endswith(
        "the sizes are 3 and 2, along axis −2 the sizes are 2 and 3, and none of these is 1."
    )
    assert say("()", "()") == (
        "() and () fit: the result has the shape (), 1 number; nothing is stretched."
    )
    assert "0 numbers; second is stretched along axes −2 and −1." in say("0, 3", "1")
    assert "shape (10000, 10000), 1.0×10⁸ numbers" in say("10000, 1", "10000")
    assert say("1000000000", "1").endswith("; drawn is only the corner of shape (6,).")
    assert "along axis −1 the sizes are 0 and 2" in say("0", "2")


def test_huge_shapes_draw_a_small_picture():
    largest = str(module.LARGEST_SIZE)
    found = LAB.run(first=", ".join([largest] * 4), second="1")
    assert found.shape == (module.LARGEST_SIZE,) * 4
    assert found.drawn == module.DRAWN
    for panel in (
        module._operand_panel("first", found.operands[0], found.shape, 10),
        module._result_panel(found),
    ):
        assert len(panel.cells) == math.prod(module.DRAWN)
    assert len(LAB.snapshot(first=", ".join([largest] * 4), second="1")) < 200_000
    assert "400 MB" in "".join(
        module._result_panel(LAB.run(first="10000, 1", second="10000")).notes
    )


def test_cells_and_words_stay_in_their_places():
    shapes = [
        (),
        (1,),
        (6,),
        (9, 9),
        (2, 3, 1),
        (4, 6, 6),
        (2, 1, 3, 2),
        (3, 4, 6, 6),
        (7, 1, 1, 1),
    ]
    for shape in shapes:
        for left in module.GRID_LEFT:
            corners, cell = module._corners(module.drawn_part(shape), left)
            assert len(set(corners)) == math.prod(module.drawn_part(shape))
            for x, y in corners:
                assert left - 1e-9 <= x and x + cell <= left + module.GRID_WIDTH + 1e-9
                assert y >= module.GRID_LOW - 1e-9 and y + cell <= module.GRID_HIGH + 1e-9
    # Nothing dark at the edge of the picture, whatever is drawn.
    huge = "1000000000, 1, 9223372036854775807, 1"
    for first, second in (("3, 1", "1, 2"), (huge, "9, 1, 5"), ("W" * 99, "龍" * 99), ("2,3", "4")):
        pixels = np.asarray(Image.open(io.BytesIO(LAB.snapshot(first=first, second=second))))
        edge = np.concatenate(
            [pixels[:4].ravel(), pixels[-4:].ravel(), pixels[:, :4].ravel(), pixels[:, -4:].ravel()]
        )
        assert edge.min() == 255


def test_pictures_are_the_same_whatever_was_shown_before():
    fresh = labs.Broadcasting().snapshot(first="2, 3", second="3")
    LAB.snapshot(first="x", second="2, 3, 4, 5")
    assert LAB.snapshot(first="2, 3", second="3") == fresh
    assert LAB.snapshot("svg", first="$a$", second="3").startswith("<?xml")


def test_only_moving_artists_are_drawn_and_they_are_few():
    lab = labs.Broadcasting()
    lab.snapshot()
    draws = lab._stage.full_draws
    for text in labs.Broadcasting.controls["first"].examples:
        lab.snapshot(first=text, second="3,,x")
        lab.snapshot(first=text)
    assert lab._stage.full_draws == draws
    assert len(lab._stage._moving_artists()) == 5


def test_the_live_lab_takes_typed_text_and_goes_on_after_nonsense():
    lab = labs.Broadcasting()
    try:
        field = lab.view.controls["first"]
        for text, words in (
            ("4, 1", "the result has the shape (4, 2)"),
            ("3,,x", "Not a shape: first is “3,,x”"),
            ("<b>", "Not a shape: first is “&lt;b&gt;”"),
            ("3, 3", "Refused: (3, 3) and (1, 2) do not fit"),
        ):
            field.box.value = text
            assert words in lab.view.sentence.value
            assert (field.box.style.background is None) == (not module.why_no_shape(text))
        field.slider.value = "2, 3, 4, 5"
        assert "Refused: (2, 3, 4, 5) and (1, 2) do not fit" in lab.view.sentence.value
        lab.reset()
        assert lab.settings == {"first": "3, 1", "second": "1, 2"}
    finally:
        lab.close()
