"""Checks of chapter 17, Neural networks can compute any function."""

import math

import torch

from .compare import agree, values
from .registry import exercise, require


def near(found, wanted, tolerance=1e-6):
    """Whether two numbers agree."""
    return math.isclose(found, wanted, rel_tol=tolerance, abs_tol=1e-12)


def row_of(answer, count, what):
    """The numbers of an answer as a float64 row, after a check that there are `count`."""
    row = values(answer).flatten()
    require(len(row) == count, f"{what}: {count} numbers are wanted, you gave {len(row)}")
    require(bool(row.isfinite().all()), f"{what}: every number must be finite")
    return row


@exercise("17.1")
def one_step(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 4, "four answers are wanted")
    bias, place, direction, weight = answer
    bias, place, weight = (values(found).item() for found in (bias, place, weight))
    require(not near(bias, 70), "the bias: σ(200x + 70) is one half at −0.35; mind the sign")
    require(not near(bias, -0.35), "the bias: that is 0 where x = 0.35/200; z = wx + b must be 0")
    require(near(bias, -70), "the bias: z = 200x + b must be 0 at x = 0.35")
    require(not near(place, -0.4), "the place: −b/w with both signs as given: −20/(−50)")
    require(not near(place, 2.5), "the place: that is b and w the wrong way round")
    require(near(place, 0.4), "the place: where is −50x + 20 equal to 0?")
    require(
        isinstance(direction, str) and direction.strip().lower() in ("up", "down"),
        'the direction is "up" or "down"',
    )
    require(
        direction.strip().lower() == "down",
        "the direction: is z = −50x + 20 positive on the left of the step, or on the right?",
    )
    require(
        not 455 < weight < 465, "the weight: from 1% to 99% is twice as far as from 1% to one half"
    )
    require(915 <= weight <= 925, "the weight: the rise takes 9.19/w, and it should be 0.01")


@exercise("17.2")
def three_walls(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three answers are wanted")
    b = row_of(answer[0], 3, "the biases")
    v = row_of(answer[1], 3, "the output weights")
    c = row_of(answer[2], 1, "the output bias")
    places = -b / 1000
    wanted = torch.tensor([1.0, 3, 4], dtype=torch.float64)
    require(
        not torch.allclose(b.sort().values, wanted),
        "the biases: those are the places of the walls; a bias is −w times the place",
    )
    require(not torch.allclose(-places.sort().values.flip(0), wanted), "the biases: mind the sign")
    require(
        torch.allclose(places.sort().values, wanted, rtol=1e-6, atol=0),
        "the biases: the walls stand where the value changes, at 1, at 3 and at 4",
    )
    x = torch.tensor([0.0, 2, 3.5, 5], dtype=torch.float64)
    found = c + torch.sigmoid(1000 * x[:, None] + b) @ v
    heights = torch.tensor([2.0, 5, -1, 0], dtype=torch.float64)
    require(
        not agree(found - found[0], heights - 2, atol=1e-3) or agree(found, heights, atol=1e-3),
        "all heights are off by the same amount: what is the network where no neuron fires?",
    )
    require(
        not agree(v[places.argsort()], heights[1:]),
        "the output weights: once a neuron fires it goes on firing; its weight is a jump, not a "
        "height",
    )
    for where, have, want in zip(x.tolist(), found.tolist(), heights.tolist(), strict=True):
        require(
            abs(have - want) < 1e-3,
            f"your network gives {have:.3g} at x = {where:g}, wanted {want:g}",
        )


@exercise("17.3")
def pieces_needed(answer) -> None:
    # In the first case both numbers are whole and exact, in the others neither is nearly whole.
    cases = (
        (1.0, 8.0, 32.0, 0.25),
        (1.0, 7.1, 170.0, 0.0103),
        (2.0, 3.1, 5.0, 0.03),
        (0.5, 0.9, 40.0, 0.007),
    )
    for length, slope, curvature, error in cases:
        found = answer(length, slope, curvature, error)
        case = f"length {length:g}, slope {slope:g}, curvature {curvature:g}, error {error:g}"
        require(isinstance(found, tuple | list) and len(found) == 2, "two numbers are wanted")
        constant, straight = (values(number).item() for number in found)
        require(
            all(math.isfinite(n) and n == round(n) for n in (constant, straight)),
            f"{case}: a number of pieces is whole; round up",
        )
        exact = slope * length / (2 * error)
        exact_straight = math.sqrt(curvature / (8 * error)) * length
        wanted, wanted_straight = math.ceil(exact), math.ceil(exact_straight)
        require(
            (constant, straight) != (wanted_straight, wanted),
            f"{case}: the other way round, first the constant pieces",
        )
        require(
            constant != math.ceil(2 * exact),
            f"{case}: no place is farther from the middle of its piece than *half* a width",
        )
        require(
            length == 1 or constant != math.ceil(exact / length),
            f"{case}: a piece is length/N wide",
        )
        require(
            constant != wanted - 1 or wanted == 1,
            f"{case}: {wanted - 1} constant pieces are just too few; round up",
        )
        require(
            constant != wanted + 1, f"{case}: {wanted} constant pieces are enough; round up, once"
        )
        require(
            constant == wanted,
            f"{case}: for constant pieces slope · length/(2N) must be at most the error",
        )
        require(
            straight != math.ceil(exact_straight**2),
            f"{case}: the error of straight pieces goes with the square of N",
        )
        require(
            length == 1 or straight != math.ceil(exact_straight / math.sqrt(length)),
            f"{case}: the width comes squared, so the length does, too",
        )
        require(
            straight != wanted_straight - 1 or wanted_straight == 1,
            f"{case}: {wanted_straight - 1} straight pieces are just too few; round up",
        )
        require(
            straight != wanted_straight + 1,
            f"{case}: {wanted_straight} straight pieces are enough; round up, once",
        )
        require(
            straight == wanted_straight,
            f"{case}: for straight pieces curvature · (length/N)²/8 must be at most the error",
        )


# Exercise 17.4: what there is to say to whoever calls a statement true or false wrongly.
STATEMENTS = {
    "a": (True, "is what the theorem says"),
    "b": (False, "is about learning: what became of the network of equal neurons?"),
    "c": (False, "is about inputs outside [0, 1]: what did the networks do there?"),
    "d": (True, "was measured at a jump, with a steep neuron"),
    "e": (False, "was measured: which steepness had the smallest error?"),
    "f": (True, "depends on one thing only, says Leshno: is ReLU a polynomial?"),
    "g": (False, "is about a polynomial of degree 3: what is a sum of those?"),
    "h": (True, "counts corners: N² of them, and the error goes with 1/N"),
}


@exercise("17.4")
def what_is_true(answer) -> None:
    require(
        isinstance(answer, set | frozenset | list | tuple | str), "answer with a set of letters"
    )
    letters = {str(letter).strip(" ,;").lower() for letter in answer} - {""}
    unknown = sorted(letters - set(STATEMENTS))
    require(not unknown, f"there is no statement {unknown[0] if unknown else ''}")
    for letter, (true, hint) in STATEMENTS.items():
        require((letter in letters) == true, f"think again about {letter}: it {hint}")


@exercise("17.5")
def measured_and_counted(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 4, "four numbers are wanted")
    for what, part in zip(("power", "w/N", "neurons", "factor"), answer, strict=True):
        require(values(part).numel() == 1, f"{what}: one number is wanted")
    power, ratio, neurons, factor = (values(part).item() for part in answer)
    require(abs(power - 0.5) > 0.02, "the power: errors that fall have a negative one")
    require(
        abs(power + 2) > 0.1, "the power: −2 is for bounded curvature; measure it for √x, at all N"
    )
    require(
        abs(power + 0.5) <= 0.02,
        "the power: largest errors of ramps_network(torch.sqrt, N) for the four N, then log_slope",
    )
    require(ratio != 200, "w/N: w itself is not asked for, but how many times N it is")
    require(ratio == 4, "w/N: compute largest_error(50, 50.0 * ratio) for each ratio from 1 to 20")
    require(neurons != 8000, "the neurons: the steps of the first layer are hidden neurons as well")
    require(
        neurons != 8060, "the neurons: N pieces need N − 1 steps; the outer walls are not there"
    )
    require(neurons != 20**3 * 3 * 19, "the neurons: those of two layers add up")
    require(neurons == 8057, "the neurons: d(N − 1) steps and N to the power d corners")
    require(factor != 2, "the factor: half the error asks for twice the N, and that for each input")
    require(abs(factor - 32) < 1, "the factor: with N the corners grow like N to the power d")


@exercise("17.6")
def product_network(answer) -> None:
    found = answer()
    require(isinstance(found, tuple | list) and len(found) == 4, "return W, b, v and c")
    W, b, v, c = (values(part) for part in found)
    require(
        W.ndim == 2 and W.shape[1] == 2,
        f"W has the shape {tuple(W.shape)}, wanted (hidden, 2): a row for each neuron",
    )
    hidden = len(W)
    require(hidden <= 40, f"your network has {hidden} hidden neurons, 40 are allowed")
    require(
        b.numel() == hidden and v.numel() == hidden and c.numel() == 1,
        f"W has {hidden} rows; b and v must have as many numbers, and c is one number",
    )
    side = torch.linspace(-1, 1, 201, dtype=torch.float64)
    X = torch.cartesian_prod(side, side)
    out = torch.relu(X @ W.T + b.flatten()) @ v.flatten() + c.flatten()
    wanted = X.prod(1)
    error = (out - wanted).abs()
    require(bool(error.isfinite().all()), "your network's output is not finite everywhere")
    require(
        float((out + wanted).abs().max()) > 0.1,
        "your network computes −x₁x₂: the halves are the wrong way round",
    )
    for factor in (2, 4):
        require(
            float((out - factor * wanted).abs().max()) > 0.05 * factor,
            f"your network computes {factor}x₁x₂; what is (x₁ + x₂)² − (x₁ − x₂)²?",
        )
    worst = int(error.argmax())
    (x1, x2), size = X[worst].tolist(), float(error[worst])
    inner = (X.abs().sum(1) <= 1).nonzero().flatten()
    require(
        size <= 0.05 or float(error[inner].max()) > 0.01,
        "near the middle it fits, towards the corners it does not: x₁ + x₂ runs from −2 to 2",
    )
    require(
        size <= 0.005,
        f"at ({x1:.2f}, {x2:.2f}) it is wrong by {size:.3g}, wanted 0.005 at most",
    )
