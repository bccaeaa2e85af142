"""Checks of chapter 13, Backpropagation: the four equations."""

import torch

from .compare import agree, without_autograd
from .registry import exercise, require

SIZES = ([3, 2], [4, 5, 3], [2, 4, 3, 5])


def random_network(sizes, seed):
    """Weights, biases, and a batch of six examples for layers of the given sizes, in float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    pairs = list(zip(sizes, sizes[1:], strict=False))
    weights, biases = [draw(out, into) for into, out in pairs], [draw(out) for _, out in pairs]
    return weights, biases, draw(6, sizes[0]), draw(6, sizes[-1])


def by_autograd(output, weights, biases, X, Y):
    """Gradients of the mean of |a − y|²/2 over the batch, with a = output(weights, biases, X)."""
    weights, biases = ([p.clone().requires_grad_() for p in ps] for ps in (weights, biases))
    with torch.enable_grad():
        cost = ((output(weights, biases, X) - Y) ** 2).sum() / 2 / len(X)
        grads = torch.autograd.grad(cost, [*weights, *biases])
    return list(grads[: len(weights)]), list(grads[len(weights) :])


def same(found, wanted):
    """Whether all tensors of two lists agree to six digits."""
    return all(agree(f, w, rtol=1e-6, atol=1e-12) for f, w in zip(found, wanted, strict=True))


def require_gradients(answer, output, sizes, seed, bp1, bp2):
    """State that the answer's gradients are autograd's; `bp1`, `bp2` are hints to the two steps."""
    network = random_network(sizes, seed)
    wanted = by_autograd(output, *network)
    copies = (p.clone() if isinstance(p, torch.Tensor) else [*p] for p in network)
    found = without_autograd(answer, *copies)
    require(
        isinstance(found, tuple | list) and len(found) == 2,
        "return two lists: the gradients of the weights and those of the biases",
    )
    for name, have, want in zip(("weights", "biases"), found, wanted, strict=True):
        require(
            isinstance(have, tuple | list) and len(have) == len(want),
            f"the gradients of the {name} are a list with a tensor for each of {len(want)} layers",
        )
        for i, (h, w) in enumerate(zip(have, want, strict=True)):
            require(
                isinstance(h, torch.Tensor) and h.shape == w.shape,
                f"the gradient of {name}[{i}] has the shape {tuple(getattr(h, 'shape', ()))}, "
                f"{name}[{i}] itself {tuple(w.shape)}; are the lists in the order of the layers?",
            )
            require(
                h.dtype == w.dtype,
                f"the gradient of {name}[{i}] holds {h.dtype}, {name}[{i}] itself {w.dtype}",
            )
    n = len(network[2])
    (have_w, have_b), (want_w, want_b) = found, wanted
    require(
        not same([*have_w, *have_b], [n * w for w in (*want_w, *want_b)]),
        f"everything is {n} times too large, and there are {n} examples",
    )
    require(
        not same([*have_w, *have_b], [-w for w in (*want_w, *want_b)]),
        "everything has the wrong sign",
    )
    require(same(have_b[-1:], want_b[-1:]), f"the gradient of the last bias is wrong: {bp1}")
    require(
        same(have_w[-1:], want_w[-1:]),
        "the errors of the last layer are right, the gradient of its weights is not: which "
        "activations does BP4 take?",
    )
    require(same(have_b, want_b), f"the last layer is right, the biases before it are not: {bp2}")
    require(same(have_w, want_w), "the errors are right, a gradient of weights is not (BP4)")


@exercise("13.1")
def second_napkin(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 5, "five numbers are wanted")
    output, delta2, delta11, delta12, derivative = (float(number) for number in answer)

    def close(found, wanted):
        return abs(found - wanted) < 1e-4

    require(
        not close(output, 0),
        "that is the weighted input of the output neuron; its activation is σ of it",
    )
    require(
        close(output, 1 / 2),
        "the output: z¹ is (0, ln 3), and σ(ln 3) = 1/(1 + 1/3); go on with z² from there",
    )
    require(not close(delta2, 1 / 2), "δ²: that is a − y; BP1 has a second factor")
    require(not close(delta2, -1 / 8), "δ²: the wanted output is 0, and BP1 has a − y, not y − a")
    require(close(delta2, 1 / 8), "δ²: BP1 is (a − y)σ′(z), and σ′ = a(1 − a)")
    require(
        not close(delta11, 1 / 4) and not close(delta12, -1 / 2),
        "δ¹: the error comes back through the weight; then BP2 has a slope as well",
    )
    require(close(delta11, 1 / 16), "δ¹₁: BP2 is the weight to the output, times δ², times σ′(z¹₁)")
    require(
        not close(delta12, -1 / 8), "δ¹₂: the slope of this neuron is that at z = ln 3, not at 0"
    )
    require(
        close(delta12, -3 / 32), "δ¹₂: BP2 is the weight to the output, times δ², times σ′(z¹₂)"
    )
    require(
        not close(derivative, 1 / 8),
        "that is the derivative of w¹₁₂; the first index of w¹₂₁ is the neuron it leads to",
    )
    require(
        close(derivative, -9 / 32),
        "the derivative of w¹₂₁: BP4 is the error at its end times the activation at its start",
    )


@exercise("13.2")
def names_and_counts(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 7, "seven answers are wanted")
    layer, j, k, shape, num_params, forward, backward = answer
    require(
        (layer, j, k) != (1, 2, 4),
        "in w_jk the first index is the neuron that the weight leads *to*",
    )
    require(
        layer == 1, "a weight has the number of the layer that it leads to; the inputs are layer 0"
    )
    require((j, k) == (4, 2), "j counts the neurons of the layer l, k those of the layer before")
    require(
        isinstance(shape, tuple) and shape != (5, 3),
        "`weights[1]` is a matrix with a row for each neuron that it feeds: a tuple (out, in)",
    )
    require(shape == (3, 5), "`weights[0]` leads to the hidden layer; which one is `weights[1]`?")
    require(num_params != 35, "those are the weights; each neuron that computes has a bias, too")
    require(num_params == 43, "count the entries of two matrices, and the biases of two layers")
    require(forward == 35, "forward: each weight multiplies one number for each example")
    require(
        backward != 70, "backward: whose errors would BP2 through the first layer compute, and why?"
    )
    require(
        backward == 50, "backward: BP4 multiplies once for each weight; how often is BP2 needed?"
    )


# Exercise 13.3: what happens, what vanishes, and hints to what is missing and to what is too much
VANISHING = (
    (
        "the second input is 0",
        {"w1_12", "w1_22"},
        "BP4 has the activation before the weight as a factor: which weights come from this input?",
        "which derivatives have this input as a factor? The other weights and the biases do not",
    ),
    (
        "the first output is saturated",
        {"w2_11", "w2_12", "b2_1"},
        "its error is nearly 0 by BP1; which derivatives have this error as a factor?",
        "the other output neuron still has an error, and BP2 adds over both ways",
    ),
    (
        "the first hidden neuron is silent",
        {"w2_11", "w2_21", "w1_11", "w1_12", "b1_1"},
        "both its activation and its slope are nearly 0: look at the weights on either side of "
        "it, and at its bias",
        "the second hidden neuron speaks, and the output neurons keep their errors",
    ),
)


@exercise("13.3")
def what_vanishes(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 3, "three sets of names are wanted")
    names = {f"w{layer}_{j}{k}" for layer in (1, 2) for j in (1, 2) for k in (1, 2)}
    names |= {f"b{layer}_{j}" for layer in (1, 2) for j in (1, 2)}
    for found, (case, wanted, missing, too_many) in zip(answer, VANISHING, strict=True):
        require(isinstance(found, set), f"{case}: answer with a set of names, {{...}}")
        unknown = sorted(map(str, found - names))
        require(not unknown, f"{case}: no parameter has the name {unknown[:1]}")
        turned = {f"{name[:3]}{name[4]}{name[3]}" if name[0] == "w" else name for name in wanted}
        require(
            found != turned or found == wanted,
            f"{case}: the first index of a weight is the neuron that it leads to",
        )
        require(found <= wanted, f"{case}: {too_many}")
        require(found == wanted, f"{case}: {missing}")


@exercise("13.4")
def first_over_last(answer) -> None:
    for w, z, num_layers in (
        (3.0, -1.0, 4),
        (-3.0, -1.0, 4),
        (1.0, 0.0, 10),
        (-8.0, 0.5, 3),
        (5.0, 2.0, 1),
    ):
        s = torch.sigmoid(torch.tensor(z, dtype=torch.float64)).item()
        slope, steps = s * (1 - s), num_layers - 1
        found = float(answer(w, z, num_layers))

        def close(wanted, found=found):
            return abs(found - wanted) <= 1e-6 * abs(wanted)

        case = f"w = {w:g}, z = {z:g}, {num_layers} layers"
        if num_layers > 1:
            require(
                not close((w * slope) ** num_layers),
                f"{case}: between the first and the last of {num_layers} neurons lie fewer steps",
            )
            require(not close(slope**steps) or w == 1, f"{case}: BP2 has a weight in it as well")
            require(not close(w**steps) or w == 1, f"{case}: BP2 has a σ′ in it as well")
            require(
                not close((w * s) ** steps), f"{case}: BP2 has the slope of σ in it, not its value"
            )
            require(
                not close((w * slope) ** -steps), f"{case}: that is the last error over the first"
            )
            require(
                not close(-((w * slope) ** steps)),
                f"{case}: the size is right; what does a negative weight do to the sign?",
            )
        require(
            close((w * slope) ** steps), f"{case}: apply BP2 to one neuron, then count the steps"
        )


@exercise("13.5")
def tanh_backprop(answer) -> None:
    def output(weights, biases, X):
        for W, b in zip(weights, biases, strict=True):
            X = torch.tanh(X @ W.T + b)
        return X

    for seed, sizes in enumerate(SIZES):
        require_gradients(
            answer, output, sizes, seed,
            bp1="BP1 has two factors, a − y and the slope of tanh at z^L, which is not that of σ",
            bp2="BP2 needs the slope of tanh at the z of the layer below, 1 − tanh²(z)",
        )  # fmt: skip


def candidate(
    back=lambda D, W, Z, first: D @ W * (torch.sigmoid(Z) * torch.sigmoid(-Z)),
    outer=lambda D, A: D.T @ A,
    bias=lambda D: D.sum(0),
    factor=1.0,
):
    """A function like `backprop`, right unless one of its parts is replaced."""

    def gradients(weights, biases, X, Y):
        Zs, As = [], [X]
        for W, b in zip(weights, biases, strict=True):
            Zs.append(As[-1] @ W.T + b)
            As.append(torch.sigmoid(Zs[-1]))
        D = (As[-1] - Y) * As[-1] * (1 - As[-1]) / len(X)
        grad_weights: list[torch.Tensor] = []
        grad_biases: list[torch.Tensor] = []
        for i in reversed(range(len(weights))):
            grad_weights.insert(0, factor * outer(D, As[i]))
            grad_biases.insert(0, factor * bias(D))
            if i > 0:
                D = back(D, weights[i], Zs[i - 1], i == len(weights) - 1)
        return grad_weights, grad_biases

    return gradients


def sum_not_mean(weights, biases, X, Y):
    grads = candidate()(weights, biases, X, Y)
    return tuple([len(X) * grad for grad in part] for part in grads)


def with_autograd(weights, biases, X, Y):
    def output(weights, biases, X):
        for W, b in zip(weights, biases, strict=True):
            X = torch.sigmoid(X @ W.T + b)
        return X

    return by_autograd(output, weights, biases, X, Y)


def slope(Z):
    return torch.sigmoid(Z) * torch.sigmoid(-Z)


# each with the hint for an answer that takes it for right
WRONG_CANDIDATES = (
    (
        "σ′ is missing in BP2",
        candidate(back=lambda D, W, Z, first: D @ W),
        "are there hidden layers in your test network, and are its weights not zero?",
    ),
    (
        "σ′ is missing in BP2, but only from the second step back on",
        candidate(back=lambda D, W, Z, first: D @ W * (slope(Z) if first else 1)),
        "how deep is your test network?",
    ),
    (
        "W is transposed in BP2",
        candidate(back=lambda D, W, Z, first: D @ W.T * slope(Z)),
        "are the weights of your test network zero, or one by one?",
    ),
    (
        "the gradients of the weights are transposed",
        candidate(outer=lambda D, A: A.T @ D),
        "do you compare shapes as well as numbers?",
    ),
    (
        "the gradients are those of the summed cost",
        sum_not_mean,
        "how many examples has your batch?",
    ),
    (
        "the gradients of the biases come from the first example alone",
        candidate(bias=lambda D: D[0] * len(D)),
        "do you look at the biases, and at more than one example?",
    ),
    (
        "every gradient is a thousandth too long",
        candidate(factor=1.001),
        "how much error do you allow? In float64 a right gradient agrees to many digits",
    ),
)


@exercise("13.6")
def is_correct(answer) -> None:
    torch.default_generator.manual_seed(4)
    for name, right in (("d2l.backprop's own way", candidate()), ("autograd", with_autograd)):
        found = answer(right)
        require(isinstance(found, bool), f"return True or False, not a {type(found).__name__}")
        require(
            found,
            f"a right candidate ({name}) was called wrong: two right ways differ by rounding, and "
            "differences by a little more",
        )
    for name, wrong, hint in WRONG_CANDIDATES:
        try:
            found = answer(wrong)
        except (RuntimeError, ValueError, AssertionError):
            require(
                False,
                f"a candidate in which {name} stopped is_correct itself with an error; "
                "what stops is not right: catch it",
            )
        require(isinstance(found, bool), f"return True or False, not a {type(found).__name__}")
        require(not found, f"taken for right, although {name}: {hint}")


@exercise("13.7")
def skip_backprop(answer) -> None:
    def output(weights, biases, X):
        for W, b in zip(weights, biases, strict=True):
            X = X + torch.sigmoid(X @ W.T + b)
        return X

    for seed, sizes in enumerate(([3, 3], [3, 3, 3], [2, 2, 2, 2, 2])):
        require_gradients(
            answer, output, sizes, seed,
            bp1="∂C/∂a^L is a − y, with the new a^L; only then comes the way through σ to z^L",
            bp2="a^(l−1) reaches the cost in two ways, through the neurons of layer l and around "
            "them. Add both in ∂C/∂a^(l−1), and only then multiply by σ′(z^(l−1))",
        )  # fmt: skip
