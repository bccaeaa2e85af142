"""Lab of chapter 12: each step against autograd, and what is known when."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from matplotlib.colors import to_hex

from d2lhelpers.labs import BackpropByHand
from d2lhelpers.labs.backprop_by_hand import (
    BOX_WIDTH,
    EXPRESSIONS,
    STEPS,
    WIDTH,
    Word,
    _lines,
    _numbers,
    _short,
)
from d2lhelpers.labs.stage import BLUE, GREY, INK, ORANGE, Stage
from tests.lab_settings import check_words_and_picture, settings_of

LAB = BackpropByHand()
STAGE = Stage(LAB, density=0.5)
J, NEURON, SWITCH, TWICE = EXPRESSIONS
INPUTS = settings_of(LAB, without=["step"])
FORMULAS = {
    J: lambda a, b, c: 3 * (a + b * c),
    NEURON: lambda a, b, c: torch.sigmoid(a * b + c),
    SWITCH: lambda a, b, c: torch.maximum(a * b, a + c),
    TWICE: lambda a, b, c: (a + b) * (a * c),
}


@given(settings_of(LAB))
@settings(max_examples=80, deadline=None)
def test_any_setting_is_computed_drawn_and_described(chosen):
    result, again = LAB.run(**chosen), LAB.run(**chosen)
    assert result == again
    assert np.isfinite([*result.values.values(), *result.gradients.values()]).all()
    check_words_and_picture(LAB, STAGE, result, again)


@given(INPUTS)
@settings(max_examples=150, deadline=None)
def test_the_end_agrees_with_autograd(chosen):
    result = LAB.run(step=STEPS, **chosen)
    inputs = [torch.tensor(chosen[x], dtype=torch.float64, requires_grad=True) for x in "abc"]
    wanted = FORMULAS[chosen["expression"]](*inputs)
    wanted.backward()
    last = EXPRESSIONS[chosen["expression"]].operations[-1].name
    assert result.values[last] == pytest.approx(wanted.item(), rel=1e-12, abs=1e-300)
    for name, tensor in zip("abc", inputs, strict=True):
        found = result.gradients[name]
        # autograd's σ(1 − σ) loses all digits where σ is nearly 1
        assert found == pytest.approx(tensor.grad.item(), rel=1e-9, abs=1e-13)
    assert result.complete == set(result.values) == set(result.gradients)


@given(INPUTS)
@settings(max_examples=40, deadline=None)
def test_each_step_adds_to_what_was_known_and_changes_no_final_number(chosen):
    sweep = [LAB.run(step=step, **chosen) for step in range(STEPS + 1)]
    assert [len(s.values) for s in sweep] == [3, 4, 5, 6, 6, 6, 6, 6]
    assert all(not s.gradients for s in sweep[:4]) and len(sweep[4].gradients) == 1
    for early, late in zip(sweep, sweep[1:], strict=False):
        assert early.values.items() <= late.values.items()
        assert early.slopes.items() <= late.slopes.items()
        assert early.complete <= late.complete
        for node in early.complete:
            assert late.gradients[node] == early.gradients[node]


def test_the_numbers_of_the_chapter():
    result = LAB.run(step=STEPS, a=5.0, b=3.0, c=2.0)
    assert result.values == {"a": 5, "b": 3, "c": 2, "v": 6, "u": 11, "J": 33}
    assert result.gradients == {"J": 1, "u": 3, "v": 3, "a": 3, "b": 6, "c": 9}


def test_an_input_used_twice_waits_for_both_shares():
    first, second = (LAB.run(expression=TWICE, step=step) for step in (6, 7))
    assert first.gradients["a"] == 4 * -2 and "a" not in first.complete
    assert second.gradients["a"] == 4 * -2 + 1 * -2 and "a" in second.complete


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "Step 5 of 7, backward through J = 3 · u: u gets 1 · 3 = 3; the factor 3 triples"),
        ({"step": 0}, "inputs of J = 3 (a + b c): a = 1, b = 3, c = −2; nothing is computed yet."),
        ({"step": 1}, "forward: v = b · c: v = 3 · (−2) = −6; the slope for each factor"),
        ({"step": 2}, "u = 1 + (−6) = −5"),
        ({"step": 4}, "J gets the gradient 1; when J grows by a little"),
        ({"step": 6}, "a gets 3 · 1 = 3; v gets 3 · 1 = 3"),
        ({"step": 7}, "Done: J = −15 and the gradients are a 3, b −6, c 9."),
        ({"step": 3, "expression": NEURON}, "s = σ(1) = 0.731"),
        (
            {"step": 7, "expression": NEURON, "a": 6.0, "b": 6.0},
            "c 1.7×10⁻¹⁵; the neuron is saturated, its slope is only 1.7×10⁻¹⁵.",
        ),
        ({"step": 3, "expression": SWITCH}, "y = max(3, −1) = 3"),
        (
            {"step": 7, "expression": SWITCH, "a": 0.0, "c": 0.0},
            "a 2, b 0, c 0.5; p and q are equal, and each gets half, as in PyTorch.",
        ),
        ({"step": 6, "expression": TWICE}, "a gets 4 · (−2) = −8; c gets 4 · 1 = 4"),
    ],
)
def test_the_sentence_says_what_happened(chosen, words):
    assert words in LAB.describe(LAB.run(**chosen))


def shown(result) -> dict[str, str]:
    """The texts of the picture, by the name of the node, and the three lines below."""
    found = {node: " ".join(_numbers(result, node)) for node in result.values | {"v": 0}}
    return found | {"below": " | ".join(word.text for word in _lines(result))}


def test_the_picture_shows_what_is_known_and_marks_the_rest():
    assert shown(LAB.run(step=0))["v"] == "value ? grad ?"
    assert shown(LAB.run(step=1))["v"] == "value −6 grad ?"
    assert shown(LAB.run(step=7))["b"] == "value 3 grad −6"
    assert shown(LAB.run(step=6, expression=TWICE))["a"] == "value 1 grad −8 + …"
    last = shown(LAB.run(step=7, expression=TWICE))
    assert last["a"] == "value 1 grad −10"
    assert "a gets −2 · 1 = −2, in all −8 − 2 = −10" in last["below"]
    assert "When J grows" in shown(LAB.run(step=4))["below"]


def test_marks_stand_at_the_active_operation():
    def marked(step):
        LAB.draw(LAB.run(step=step), STAGE._axes)
        axes = STAGE._axes
        framed = {id(path) for path in axes.frames_now.get_paths()}
        frames = {node for node, path in axes.frames.items() if id(path) in framed}
        assert len(frames) == len(framed)
        colors = [to_hex(color) for color in axes.arrows.get_facecolor()]
        assert len(colors) == len(axes.edges)
        arrows = dict(zip(axes.edges, colors, strict=True))
        return frames, {edge: c for edge, c in arrows.items() if c != GREY.lower()}

    assert marked(0) == (set(), {})
    assert marked(1) == ({"v"}, dict.fromkeys([("b", "v"), ("c", "v")], BLUE.lower()))
    assert marked(4) == ({"J"}, {})
    assert marked(6) == ({"a", "v"}, dict.fromkeys([("a", "u"), ("v", "u")], ORANGE.lower()))


def test_arrows_turn_round_on_the_way_back():
    def tip(step):
        LAB.draw(LAB.run(step=step), STAGE._axes)
        (path,) = (
            path
            for path, edge in zip(STAGE._axes.arrows.get_paths(), STAGE._axes.edges, strict=True)
            if edge == ("u", "J")
        )
        return path.vertices[3][0]

    (left, _), (right, _) = STAGE._axes.edges["u", "J"]
    assert left < tip(5) < (left + right) / 2 < tip(3) < right


def test_only_a_new_expression_draws_everything():
    stage = Stage(LAB, density=0.5)
    for chosen in ({}, {"step": 0}, {"step": 7}, {"a": -6.0}, {"b": 0.0, "step": 2}):
        stage.png(LAB.run(**chosen))
    assert stage.full_draws == 1
    stage.png(LAB.run(expression=NEURON))
    assert stage.full_draws == 2


def test_no_text_leaves_its_box_or_the_picture():
    for expression in EXPRESSIONS:
        for numbers in ((-6.0, -6.0, -6.0), (6.0, -6.0, 6.0), (5.5, 5.5, -4.5), (0.0, 0.0, 0.0)):
            for step in range(STEPS + 1):
                chosen = dict(zip("abc", numbers, strict=True))
                result = LAB.run(expression=expression, step=step, **chosen)
                for node in result.values:
                    for text in _numbers(result, node):
                        assert Word(text, 0, 0, 9, INK).width < BOX_WIDTH - 0.04, text
                for word in _lines(result):
                    assert word.x + word.width < WIDTH, word.text
                for slope in result.slopes.values():
                    assert Word(_short(slope), 0, 0, 9, INK).width < 0.5
