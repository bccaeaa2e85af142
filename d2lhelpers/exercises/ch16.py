"""Checks of chapter 16, Overfitting, regularization, initialization."""

from typing import Any

import torch

from ..data import load_digits
from .compare import agree, values
from .registry import exercise, require

Examples = tuple[torch.Tensor, torch.Tensor]


@exercise("16.1")
def patience_by_hand(answer: Any) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three answers are wanted")
    stop_after, best_epoch, patience = answer
    require(
        not agree(best_epoch, 7),
        "epoch 7 has the same cost as an earlier one; with min_delta=0 an equal cost is no "
        "improvement",
    )
    require(
        not agree(best_epoch, 3),
        "0.50 is not the lowest cost seen when the training stops; a single worse epoch does not "
        "use up a patience of 3",
    )
    require(not agree(best_epoch, 9), "when it stops, the epoch with 0.40 has not happened yet")
    require(agree(best_epoch, 5), "to which epoch: the first of those with the lowest cost so far")
    require(
        not agree(stop_after, 9),
        "count the epochs without an improvement, starting with the one after the best: the third "
        "of them is the last",
    )
    require(agree(stop_after, 8), "it stops after the third epoch in a row without an improvement")
    require(
        agree(patience, 4),
        "how many epochs after the best one does 0.40 come? The training must still be running "
        "in that epoch, and no patience is to be wasted",
    )


@exercise("16.2")
def l1_step(answer: Any) -> None:
    generator = torch.Generator().manual_seed(16)
    for shape, lr, lam, n in (((4,), 0.5, 2.0, 10), ((3, 5), 0.1, 0.7, 50), ((2, 2), 0.8, 3.0, 4)):
        w, grad = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        w.view(-1)[0] = 0.0
        kept = w.clone(), grad.clone()
        found = answer(w, grad, lr, lam, n)
        require(
            torch.equal(w, kept[0]) and torch.equal(grad, kept[1]),
            "the arguments were changed in place; return new weights",
        )
        new = values(found)
        require(new.shape == w.shape, f"the weights have shape {shape}, yours {tuple(new.shape)}")
        step, penalty = new - w, lam / n
        require(
            not agree(step, lr * (grad + penalty * w.sign())),
            "that goes uphill: the step is against the gradient",
        )
        require(
            not agree(step, -lr * grad),
            "that is the step without a penalty; what does λ add to it?",
        )
        require(
            not agree(step, -lr * (grad + penalty * w)),
            "that shrinks large weights more than small ones, as L2 does; the slope of |w| does "
            "not depend on how large w is",
        )
        require(
            not agree(step, -lr * (grad + lam * w.sign())),
            "the penalty is divided by n in the cost",
        )
        require(
            not agree(step, -lr * (grad - penalty * w.sign())),
            "the penalty drives the weights away from 0; which sign has its slope?",
        )
        require(
            not agree(step, -lr * grad - penalty * w.sign()),
            "the step against the gradient multiplies the penalty's slope by η as well",
        )
        require(
            not agree(step, -lr * (grad + penalty)),
            "the slope of |w| is not 1 everywhere: what is it where w is negative, and at 0?",
        )
        require(
            agree(step.flatten()[0], -lr * grad.flatten()[0]),
            "where w is 0 the slope of |w| counts as 0, so only the gradient of C₀ acts",
        )
        require(
            agree(step, -lr * (grad + penalty * w.sign())),
            "the step is −η times the gradient of C: that of C₀ plus λ/n times the slope of |w|",
        )


@exercise("16.3")
def spread_of_z(answer: Any) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 3, "three numbers are wanted")
    names = ("a", "b", "c")
    right = (501**0.5, 1.5**0.5, 0.5**0.5)
    for name, found, wanted in zip(names, answer, right, strict=True):
        require(
            not agree(found, wanted**2, 1e-2),
            f"({name}) is the variance; the standard deviation is its root",
        )
    a, b, c = answer
    require(not agree(a, 500**0.5, 1e-4), "(a) the bias is random, too, and has a variance of 1")
    require(
        not (agree(a, 1001**0.5, 1e-4) or agree(a, 1000**0.5, 1e-4)),
        "(a) inputs that are 0 add nothing to z, whatever their weights are",
    )
    require(
        not agree(a, 500**0.5 + 1, 1e-4),
        "(a) standard deviations do not add up, variances do",
    )
    require(agree(a, right[0], 1e-3), "(a) add up the variances of 500 terms and of the bias")
    require(
        not agree(b, 2**0.5, 1e-3), "(b) only half of the inputs are 1; how many terms are there?"
    )
    require(not agree(b, right[2], 1e-3), "(b) here the bias is still drawn from N(0, 1)")
    require(
        agree(b, right[1], 5e-3), "(b) each of the 500 terms has a variance of 1/1000; and the bias"
    )
    require(not agree(c, 1.0, 1e-3), "(c) only 500 of the 1,000 terms are not 0")
    require(agree(c, right[2], 5e-3), "(c) as (b), without the bias")


def _moved(images: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The images moved by whole pixels, zeros coming in; the slow and obvious way."""
    moved = torch.zeros_like(images)
    height, width = images.shape[1:]
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                moved[:, i, j] = images[:, i - down, j - right]
    return moved


@exercise("16.4")
def drop(answer: Any) -> None:
    generator = torch.Generator().manual_seed(7)
    for p, n, width in ((0.25, 3000, 8), (0.8, 5000, 5)):
        H = 1 + torch.rand(n, width, generator=generator)
        before = H.clone()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(n)
            used, dropped = values(answer(H, p, False)), values(answer(H, p, True))
            again = values(answer(H, p, True))
        require(torch.equal(H, before), "the activations given were changed; return new ones")
        for found in (used, dropped):
            require(
                found.shape == H.shape,
                f"the activations have shape {tuple(H.shape)}, yours {tuple(found.shape)}",
            )
        kept, wanted = dropped != 0, H.double()
        share = kept.double().mean().item()
        require(share < 1, "in training nothing was dropped")
        require(
            abs(share - (1 - p)) < 0.05,
            f"p is the share that is dropped; with p = {p} you drop {1 - share:.0%}",
        )
        require(
            agree(used != 0, torch.ones_like(used)), "when the network is used, nothing is dropped"
        )
        require(
            not agree(dropped, kept * wanted / (1 - p)),
            "that is inverted scaling, as in the chapter; here nothing is scaled in training",
        )
        require(agree(dropped, kept * wanted), "in training an activation is 0 or stays as it was")
        require(not torch.equal(dropped, again), "each call in training draws anew")
        require(
            len(kept.unique(dim=0)) > 5, "every example drops the same neurons; each draws its own"
        )
        require(
            len(kept.T.unique(dim=0)) == width,
            "an example drops all its neurons or none; each neuron has a draw of its own",
        )
        require(
            not agree(used, wanted),
            "an output neuron then gets more than it was trained with; how many times as much?",
        )
        require(not agree(used, wanted / (1 - p)), "it gets too much already, without dropping")
        require(not agree(used, wanted * p), "p is the share that is dropped, not kept")
        require(
            agree(used, wanted * (1 - p)),
            "when the network is used, give each neuron the mean of what it gave in training",
        )


@exercise("16.5")
def five_times(answer: Any) -> None:
    moves = {"itself": (0, 0), "up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    generator = torch.Generator().manual_seed(4)
    for n, height, width in ((3, 4, 4), (7, 5, 6), (1, 3, 2)):
        images = 1 + torch.rand(n, height, width, generator=generator)
        labels = torch.arange(n) % 10
        before = images.clone()
        found = answer(images, labels)
        require(
            isinstance(found, tuple | list) and len(found) == 2, "return the images and the labels"
        )
        require(torch.equal(images, before), "the images given were changed; return new ones")
        pictures, names = values(found[0]), values(found[1])
        require(
            pictures.shape == (5 * n, height, width),
            f"{n} images of {height}×{width} should become {5 * n} of the same size; "
            f"yours have shape {tuple(pictures.shape)}",
        )
        require(
            names.shape == (5 * n,), f"{5 * n} labels are wanted, in shape ({5 * n},); one an image"
        )
        wrapped = torch.stack([images.roll(1, 1), images.roll(-1, 1), images.roll(1, 2)]).double()
        require(
            not any(agree(picture, one) for picture in pictures for one in wrapped.flatten(0, 1)),
            "pixels that leave on one side come back on the other; zeros should come in",
        )
        for what, (down, right) in moves.items():
            for image, label in zip(_moved(images, down, right), labels, strict=True):
                same = [i for i, picture in enumerate(pictures) if agree(picture, image)]
                where = "an image itself" if what == "itself" else f"an image moved {what} by one"
                require(bool(same), f"{where} is missing among the {5 * n}")
                require(
                    any(int(names[i]) == int(label) for i in same),
                    "the images are right, but labels stand beside images of another digit; "
                    "in which order do yours repeat?",
                )


def _problem(which: int) -> tuple[Examples, Examples]:
    """200 training digits, of which 40 have a wrong label, and 60 right ones to choose by."""
    data = load_digits()
    generator = torch.Generator().manual_seed(100 + which)
    rows = torch.randperm(len(data.train), generator=generator)[:200]
    labels = data.train.labels[rows].clone()
    labels[:40] = (labels[:40] + torch.randint(1, 10, (40,), generator=generator)) % 10
    order = torch.randperm(200, generator=generator)
    X = data.train.images[rows].flatten(1) / 255
    few = torch.randperm(len(data.validation), generator=generator)[:60]  # too few to learn from
    held_out = data.validation.images[few].flatten(1) / 255, data.validation.labels[few]
    return (X[order], labels[order]), held_out


@exercise("16.6")
def robust(answer: Any) -> None:
    test = load_digits().test
    X_test, found = test.images.flatten(1) / 255, []
    for which in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(which)
            scorer = answer(*_problem(which))
            require(callable(scorer), f"return a function of images, not {type(scorer).__name__}")
            scores = values(scorer(X_test.clone()))
            again = values(scorer(X_test.clone()))
        require(
            scores.shape == (len(X_test), 10),
            "the function should give 10 scores for each image, shape (n, 10)",
        )
        require(
            bool(scores.isfinite().all()),
            "some scores are infinite or no numbers: did the training diverge?",
        )
        require(
            agree(scores, again, 1e-4, 1e-5),
            "asked twice about the same images, your function answers differently. "
            "Is something still in training mode?",
        )
        found.append((scores.argmax(1) == test.labels).double().mean().item())
    right = sum(found) / len(found)
    require(right > 0.5, f"{right:.0%} right on average: was anything learned?")
    require(
        right > 0.82,
        f"{right:.1%} right on average; that is about what a network reaches that learns the wrong "
        "labels by heart. Which remedies does your training use?",
    )
    require(
        right >= 0.86,
        f"{right:.1%} right on average, 86% are wanted. Do two remedies help more than one, and do "
        "several networks make the same mistakes?",
    )
