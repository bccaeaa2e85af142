"""Checks of chapter 14, Classifying handwritten digits from scratch."""

import torch

from ..data import load_digits
from .compare import values, without_autograd
from .registry import exercise, require


@exercise("14.1")
def sizes_and_counts(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 6, "six answers are wanted")
    num_params, num_steps, one_hot, share, too_small, too_large = answer
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
    row = values(one_hot)
    require(
        row.shape == (4,),
        "a one-hot row has a number for each class, whichever labels occur: here four",
    )
    require(
        row.tolist() == [0, 0, 0, 1],
        "one entry is 1, the others are 0. Classes are counted from 0: where does label 3 stand?",
    )
    require(
        share != 3 / 5,
        "the rule answers what is most frequent in the *training* labels. It has not seen the "
        "others (and there are no training labels among those it is judged on)",
    )
    require(
        abs(share - 1 / 5) < 1e-9,
        "which label is the most frequent in training, and how many of the five validation labels "
        "are that one? Give a share, 0 to 1",
    )
    require(
        {too_small, too_large} != {"A", "C"} or too_small == "A",
        "which of the two costs still falls, and which has stopped where no step helps?",
    )
    require(
        too_small == "A",
        "with too small a rate the cost falls all the time, and hardly gets anywhere",
    )
    require(
        too_large == "C",
        "with too large a rate the first steps go too far, and the cost stops high",
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
        for true, answered in ((k, k - 1), (k - 1, k)):  # the last class is absent in one of them
            labels = torch.randint(true, (500,), generator=generator)
            answers = torch.randint(answered, (500,), generator=generator)
            rows = torch.tensor(
                [[((labels == i) & (answers == j)).sum() for j in range(k)] for i in range(k)]
            )
            absent = "is never answered" if answered < k else "never occurs"
            found = answer(answers, labels, k)
            require(
                found.shape == (k, k),
                f"with {k} classes, of which the last {absent}, the shape is {tuple(found.shape)}",
            )
            require(torch.equal(found.cpu(), rows), f"with {k} classes some counts are wrong")


@exercise("14.3")
def layer_step(answer) -> None:
    generator = torch.Generator().manual_seed(1)
    for n, inputs, outputs, lr in ((1, 2, 1, 0.5), (4, 3, 3, 0.5), (20, 5, 2, 3.0)):
        W, b, X = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in ((outputs, inputs), (outputs,), (n, inputs))
        )
        Y = torch.rand(n, outputs, generator=generator, dtype=torch.float64)
        kept = [tensor.clone() for tensor in (W, b, X, Y)]
        leaf_W, leaf_b = W.clone().requires_grad_(), b.clone().requires_grad_()
        cost = ((torch.sigmoid(X @ leaf_W.T + leaf_b) - Y) ** 2 / 2).sum(1).mean()
        grad_W, grad_b = torch.autograd.grad(cost, (leaf_W, leaf_b))
        found = without_autograd(answer, W, b, X, Y, lr)
        require(isinstance(found, tuple | list) and len(found) == 2, "return the new W and b")
        require(
            all(map(torch.equal, (W, b, X, Y), kept)),
            "the arguments were changed in place; return new tensors",
        )
        for name, new, old, grad in (("W", found[0], W, grad_W), ("b", found[1], b, grad_b)):
            require(
                new.shape == old.shape,
                f"the new {name} has shape {tuple(new.shape)}, the old one {tuple(old.shape)}",
            )
            step = new.detach() - old
            require(
                not torch.allclose(step, lr * grad),
                f"{name} goes uphill: the step is against the gradient",
            )
            require(
                n == 1 or not torch.allclose(step, -lr * n * grad),
                f"the step of {name} is {n} times too long, and there are {n} examples",
            )
            require(
                not torch.allclose(step, -lr * 2 * grad),
                f"the step of {name} is twice too long: the cost is half the squared distance",
            )
        no_slope = (torch.sigmoid(X @ W.T + b) - Y).T @ X / n
        require(
            not torch.allclose(found[0] - W, -lr * no_slope),
            "BP1 has two factors; the slope of the sigmoid is missing",
        )
        for name, new, old, grad in (("W", found[0], W, grad_W), ("b", found[1], b, grad_b)):
            require(
                torch.allclose(new, old - lr * grad),
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
    y = torch.tensor([0, 0, 0, 1, 1])
    A = torch.tensor([[0.02, 0.9], [0.02, 0.9], [0.12, 0.9], [0.9, 0.09], [0.9, 0.01]])
    found = [int(k) for k in answer(A, y)]
    require(
        0 not in found,
        "a neuron that answers 0.02, 0.02 and 0.12 on its own images is not below 0.1 on *every* "
        "one, though its mean is",
    )
    require(found == [1], "0.09 and 0.01 are both below 0.1: this neuron is silent")


HIDDEN_FROM = 800  # of the shuffled images: 600 to train on, 200 to validate, the others hidden


@exercise("14.5")
def committee(answer) -> None:
    data = load_digits()  # the chapter has opened the test images; so the others are dealt anew
    X = torch.cat([split.images.flatten(1) / 255 for split in (data.train, data.validation)])
    y = torch.cat([split.labels for split in (data.train, data.validation)])
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(100))
    X, y = X[order], y[order]
    parts = [slice(0, 600), slice(600, HIDDEN_FROM)]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        members = answer(*((X[part].clone(), y[part].clone()) for part in parts))
    require(isinstance(members, list | tuple), f"return a list, not {type(members).__name__}")
    require(len(members) >= 3, f"at least three members are wanted, yours are {len(members)}")
    require(
        all(hasattr(member, "weights") and callable(member) for member in members),
        "every member should be a d2l.Network",
    )
    X, y = X[HIDDEN_FROM:], y[HIDDEN_FROM:]
    scores = torch.stack([member(X).cpu() for member in members])  # (members, n, 10)
    right = scores.argmax(2) == y  # (members, n)
    alone = right.double().mean().item()
    together = (scores.sum(0).argmax(1) == y).double().mean().item()
    recall = torch.stack([right[:, y == digit].double().mean(1) for digit in range(10)])
    require(alone > 0.3, "was anything learned? Members alone are hardly better than guessing")
    require(
        recall.min().item() >= 0.3,
        "a member has lost a digit. How can validation tell, or how can it be prevented?",
    )
    require(
        together - alone >= 0.005,
        "together they are hardly better than a member alone. Do they make the same mistakes? "
        "What could differ, beside the seed?",
    )
    require(together >= 0.95, "less than 95% right: more members, longer training, another rate?")
