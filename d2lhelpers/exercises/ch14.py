"""Checks of chapter 14, Classifying handwritten digits from scratch."""

import torch

from ..data import load_digits
from .registry import exercise, require


@exercise("14.1")
def sizes_and_counts(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 4, "four answers are wanted")
    num_params, num_steps, last_batch, share = answer
    require(
        num_params not in (784 * 100 + 100 * 10, 784 * 10 + 100 * 10),
        "those are the weights alone; each hidden and each output neuron has a bias, too",
    )
    require(
        num_params != 784 * 100 + 784 + 100 * 10 + 100,
        "a bias belongs to the neuron that adds up, not to the one that is read; inputs have none",
    )
    require(
        num_params == 79510,
        "count layer by layer: each neuron has a weight for each neuron before it, and one bias",
    )
    require(
        num_steps != 50_000 // 64,
        f"{50_000 // 64} full batches do not hold all 50,000 examples; the rest has its turn, too",
    )
    require(num_steps == 782, "a step for each batch: how often does 64 fit, and is there a rest?")
    require(last_batch == 16, "the last batch holds what the full ones before it leave over")
    require(
        abs(share - 0.1) < 1e-9,
        "how many of 100 images show the one digit that this person answers? Give a share, 0 to 1",
    )


@exercise("14.2")
def confusion_matrix(answer) -> None:
    labels = torch.tensor([0, 0, 1, 2, 2, 2])
    answers = torch.tensor([0, 1, 1, 0, 0, 2])
    wanted = torch.tensor([[1, 1, 0], [0, 1, 0], [2, 0, 1]])
    found = answer(answers, labels, 3)
    require(isinstance(found, torch.Tensor), "return a tensor")
    require(
        found.shape == (3, 3), f"three classes need a 3×3 matrix, yours has {tuple(found.shape)}"
    )
    require(
        not torch.equal(found.to(wanted), wanted.T),
        "rows and columns are exchanged: an image of a 2 that is called 0 belongs into row 2",
    )
    require(
        not (found.is_floating_point() and found.max() <= 1),
        "counts were asked for, not shares",
    )
    require(
        torch.equal(found.to(wanted), wanted),
        "the entry in row i, column j counts the examples with label i and answer j; "
        "pairs that occur several times must be counted several times",
    )
    require(not found.is_floating_point(), "counts are integers; yours are floating point")
    generator = torch.Generator().manual_seed(0)
    for k in (2, 7):
        labels = torch.randint(k, (500,), generator=generator)
        answers = torch.randint(k - 1, (500,), generator=generator)  # the last is never answered
        found = answer(answers, labels, k)
        require(
            found.shape == (k, k),
            f"with {k} classes, of which one is never answered, the shape is {tuple(found.shape)}",
        )
        rows = torch.tensor(
            [[((labels == i) & (answers == j)).sum() for j in range(k)] for i in range(k)]
        )
        require(torch.equal(found.cpu(), rows), f"with {k} classes some counts are wrong")


@exercise("14.3")
def layer_step(answer) -> None:
    generator = torch.Generator().manual_seed(1)
    for n, inputs, outputs in ((1, 2, 1), (4, 3, 3), (20, 5, 2)):
        W, b, X = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in ((outputs, inputs), (outputs,), (n, inputs))
        )
        Y = torch.rand(n, outputs, generator=generator, dtype=torch.float64)
        W_kept, b_kept = W.clone(), b.clone()
        leaf_W, leaf_b = W.clone().requires_grad_(), b.clone().requires_grad_()
        cost = ((torch.sigmoid(X @ leaf_W.T + leaf_b) - Y) ** 2 / 2).sum(1).mean()
        grad_W, grad_b = torch.autograd.grad(cost, (leaf_W, leaf_b))
        found = answer(W, b, X, Y, 0.5)
        require(isinstance(found, tuple | list) and len(found) == 2, "return the new W and b")
        require(
            torch.equal(W, W_kept) and torch.equal(b, b_kept),
            "the arguments were changed in place; return new tensors",
        )
        for name, new, old, grad in (("W", found[0], W, grad_W), ("b", found[1], b, grad_b)):
            require(
                new.shape == old.shape,
                f"the new {name} has shape {tuple(new.shape)}, the old one {tuple(old.shape)}",
            )
            step = new.detach() - old
            require(
                not torch.allclose(step, 0.5 * grad),
                f"{name} goes uphill: the step is against the gradient",
            )
            require(
                n == 1 or not torch.allclose(step, -0.5 * n * grad),
                f"the step of {name} is {n} times too long, and there are {n} examples",
            )
            require(
                not torch.allclose(step, -grad * 0.5 * 2),
                f"the step of {name} is twice too long: the cost is half the squared distance",
            )
        no_slope = (torch.sigmoid(X @ W.T + b) - Y).T @ X / n
        require(
            not torch.allclose(found[0] - W, -0.5 * no_slope),
            "BP1 has two factors; the slope of the sigmoid is missing",
        )
        for name, new, old, grad in (("W", found[0], W, grad_W), ("b", found[1], b, grad_b)):
            require(
                torch.allclose(new, old - 0.5 * grad),
                f"the step of {name} differs from autograd's; compare delta with the napkin",
            )


@exercise("14.4")
def stalled_classes(answer) -> None:
    y = torch.tensor([0, 0, 1, 1, 2, 2])
    A = torch.tensor(
        [
            [0.9, 0.5, 0.0, 0.0],
            [0.8, 0.0, 0.0, 0.0],
            [0.0, 0.05, 0.6, 0.0],
            [0.0, 0.02, 0.0, 0.0],
            [0.0, 0.0, 0.01, 0.0],
            [0.0, 0.9, 0.7, 0.0],
        ]
    )
    found = answer(A, y)
    require(isinstance(found, list), f"return a list, not {type(found).__name__}")
    found = [int(k) for k in found]
    require(
        3 not in found,
        "class 3 has no image here; a condition on all images of an empty set is always true",
    )
    require(
        found != [],
        "neuron 1 stays below 0.1 on both images of class 1. That it answers elsewhere "
        "does not help class 1",
    )
    require(
        2 not in found,
        "neuron 2 answers 0.7 on one of its own images, so it is not silent on every one",
    )
    require(0 not in found, "neuron 0 answers 0.9 and 0.8 on its own images; it is not silent")
    require(found == [1], "look at column k in the rows whose label is k, for each class k")
    generator = torch.Generator().manual_seed(2)
    A, y = 0.5 + torch.rand(60, 5, generator=generator) / 2, torch.arange(60) % 5
    require(answer(A, y) == [], "where every neuron answers above 0.5, none has stalled")
    A[y == 4, 4], A[y == 0, 0] = 0.03, 0.001
    require(
        [int(k) for k in answer(A, y)] == [0, 4],
        "with neurons 0 and 4 silenced, exactly these two are wanted, in order",
    )


@exercise("14.5")
def committee(answer) -> None:
    data = load_digits()
    train, validation, test = (
        (split.images.flatten(1) / 255, split.labels)
        for split in (data.train, data.validation, data.test)
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        scorer = answer(train, validation)
    require(
        callable(scorer),
        f"return a function of the images, not {type(scorer).__name__}",
    )
    X, y = test
    scores = scorer(X)
    require(
        isinstance(scores, torch.Tensor) and scores.shape == (len(X), 10),
        "the function should give a tensor of 10 scores for each image",
    )
    right = scores.argmax(1).cpu() == y
    recall = [right[y == digit].double().mean().item() for digit in range(10)]
    accuracy = right.double().mean().item()
    worst = min(range(10), key=recall.__getitem__)
    require(
        accuracy > 0.5,
        f"{accuracy:.0%} right: was anything learned, and do the scores of all members count?",
    )
    require(
        recall[worst] >= 0.8,
        f"the digit {worst} is recognized in {recall[worst]:.0%} of its images. If a stalled "
        "run has too much say: how can validation tell?",
    )
    require(
        accuracy >= 0.975,
        f"{accuracy:.1%} right; one network alone rarely does better. "
        "Do several make the same mistakes?",
    )
