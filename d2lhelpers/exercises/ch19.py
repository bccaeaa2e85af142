"""Checks of chapter 19, Modules and parameters."""

import contextlib
import copy
import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import nn

from .compare import agree, values
from .registry import Wrong, exercise, require


def _draw(*shape: int, seed: int = 19) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@contextlib.contextmanager
def _recording_kept() -> Iterator[None]:
    """Refuse what switches autograd's recording off or on for good."""
    before = torch.is_grad_enabled()
    yield
    require(
        torch.is_grad_enabled() == before,
        "your answer left the recording for autograd switched off or on, for all that follows; "
        "`with torch.no_grad():` puts it back",
    )


def _fill(net: nn.Module, seed: int) -> nn.Module:
    """Net with new numbers in all parameters and floating buffers; its variances positive."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            else:
                tensor.fill_(seed)
    return net


def _module(answer: Any, *args: Any) -> Any:
    """The answer's module made from args; its faults in the making become hints."""
    require(
        isinstance(answer, type) and issubclass(answer, nn.Module),
        "hand in the class itself, built on nn.Module",
    )
    first = "what must come first in __init__?"
    try:
        made = answer(*args)
    except AttributeError as error:
        require("before Module.__init__" not in str(error), first)
        raise Wrong(f"making your module raised AttributeError: {error}") from None
    except (TypeError, ValueError, RuntimeError) as error:
        raise Wrong(f"making your module raised {type(error).__name__}: {error}") from None
    require("_parameters" in vars(made), first)  # a class without any part may not notice itself
    return made


def _called(net: nn.Module, X: torch.Tensor, when: str) -> torch.Tensor:
    try:
        out = net(X)
    except RuntimeError as error:
        raise Wrong(f"{when} your module raised: {str(error).splitlines()[0]}") from None
    require(isinstance(out, torch.Tensor), "forward must return a tensor")
    return out


@exercise("19.1")
def count(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 4, "four numbers are wanted")
    for part in answer:
        require(values(part).numel() == 1, "four single numbers are wanted")
    trained, buffers, names, total = (values(part).item() for part in answer)
    require(
        trained != 2260, "numbers trained: has batch normalization nothing to learn? (chapter 18)"
    )
    require(
        trained not in (2380, 2381),
        "numbers trained: running averages are not trained; leave them out",
    )
    require(trained == 2320, "numbers trained: weights, biases, and a factor and a shift a column")
    require(
        buffers != 2, "buffers: there is one more; print the names of named_buffers of the layer"
    )
    require(
        buffers not in (60, 61),
        "buffers: names are asked for here, not how many numbers they stand for",
    )
    require(buffers == 3, "buffers: which names of the state_dict are not among the parameters?")
    require(names != 6, "names: the state_dict holds the buffers as well")
    require(names == 9, "names: parameters and buffers of the three layers that have any")
    require(total != 4 * 2320, "bytes: that is the parameters alone")
    require(total != 8 * 2320, "bytes: parameters and gradients; and what the optimizer keeps?")
    require(total != 3 * 2320, "bytes: that many numbers, but how many bytes has each?")
    require(total == 12 * 2320, "bytes: three numbers for each parameter, of 4 bytes each")


def _repaired_reference(net: nn.Module, X: torch.Tensor) -> torch.Tensor:
    """What a net with the sizes 5, 4, 3, 2 must give; its tensors are told by their shapes."""
    found = {_without_ones(param): param.detach().squeeze() for param in net.parameters()}
    A = X + found[5,]
    for n, out in ((5, 4), (4, 3), (3, 2)):
        A = A @ found[out, n].T + found[out,]
        A = torch.relu(A) if out > 2 else A
    return A


def _without_ones(tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape without axes of size 1: a shift of shape (1, 5) adds as one of shape (5,)."""
    return tuple(size for size in tensor.shape if size != 1)


def _dropped_outputs(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The outputs for x, (5,), under each choice of hidden neurons dropped at p = 0.5; (128, 2)."""
    found = {_without_ones(param): param.detach().squeeze() for param in net.parameters()}
    outputs = []
    for bits in product((0.0, 2.0), repeat=4 + 3):
        first, second = torch.tensor(bits[:4]), torch.tensor(bits[4:])
        A = first * torch.relu(found[4, 5] @ (x + found[5,]) + found[4,])
        A = second * torch.relu(found[3, 4] @ A + found[3,])
        outputs.append(found[2, 3] @ A + found[2,])
    return torch.stack(outputs)


@exercise("19.2")
@_recording_kept()
def repaired(answer) -> None:
    sizes = (5, 4, 3, 2)
    net = _module(answer, sizes, 0.5)
    num = sum(param.numel() for param in net.parameters())
    require(num != 0, "no parameter is found at all: neither the shift nor the layers")
    require(num != 5, "the layers are not found: what kind of list writes down its entries?")
    require(num != 47, "the shift is not found: a tensor is no parameter, whatever it requires")
    require(num == 52, f"for sizes {sizes} 52 numbers are to be learned, yours has {num}")
    shapes = sorted(_without_ones(param) for param in net.parameters())
    wanted = sorted([(5,), (4, 5), (4,), (3, 4), (3,), (2, 3), (2,)])
    require(shapes == wanted, f"the parameters have the shapes {shapes}, {wanted} are wanted")
    require(all(param.requires_grad for param in net.parameters()), "a parameter takes no gradient")
    shift = next(param for param in net.parameters() if _without_ones(param) == (5,))
    require(not values(shift).any(), "the shift begins at 0, as in the class given")

    X = _draw(50, 5)
    _fill(net, 2)
    net.eval()
    with torch.no_grad():
        first, second = (_called(net, X, "in evaluation mode") for _ in range(2))
        require(
            torch.equal(first, second),
            "in evaluation mode two passes differ: who tells the dropout that training is over?",
        )
        require(
            first.shape == (50, 2) and agree(first, _repaired_reference(net, X), rtol=1e-4),
            "in evaluation mode the outputs are wrong: X + shift, layers, ReLUs between them",
        )
        net.train()
        first, second = (_called(net, X, "in training mode") for _ in range(2))
        require(
            not torch.equal(first, second),
            "in training mode two passes are the same: the dropout is gone",
        )
        none = _fill(_module(answer, sizes, 0.0), 2).train()
        require(
            agree(_called(none, X, "with p = 0"), _repaired_reference(none, X), rtol=1e-4),
            "with p = 0 nothing is dropped, and training mode must agree with evaluation mode",
        )
        all_dropped = _fill(_module(answer, sizes, 1.0), 2).train()
        bias = next(p.detach() for p in all_dropped.parameters() if _without_ones(p) == (2,))
        out = _called(all_dropped, X, "with p = 1")
        require(
            bool((out != 0).any()), "the output itself must not be dropped, only hidden activations"
        )
        require(
            agree(out, bias.expand(50, 2), rtol=1e-4),
            "with p = 1 all hidden activations are dropped, and the last bias remains",
        )
        # All numbers are positive, so each ReLU passes all, and the mean must be the undropped one.
        x = torch.ones(5)
        rows = _called(net, x.expand(3000, 5), "in training mode")
        require(
            agree(rows.mean(0), _repaired_reference(net, x), rtol=0.15),
            "dropout must keep the mean: what is left grows by 1/(1 − p), as F.dropout does it",
        )
        distance, nearest = torch.cdist(rows, _dropped_outputs(net, x)).min(1)
        require(
            bool((distance < 1e-3 * rows.abs().max()).all()),
            "in training mode the outputs are none that dropout in each hidden layer gives: "
            "is one without it, or is something else dropped, such as the input?",
        )
        # Of the 128 choices, the 16 that drop the whole second layer give one and the same output.
        require(
            len(nearest.unique()) > 100,
            "each hidden layer has its dropout, for each neuron and each example anew",
        )
    _called(net.double(), X.double(), "after net.double()")


@exercise("19.3")
@_recording_kept()
def center(answer) -> None:
    net = _module(answer, 3)
    require(not list(net.parameters()), "nothing is learned here: a parameter is not wanted")
    require(
        "mean" in net.state_dict(),
        "the state_dict has no `mean`: who would save it, and move it to a GPU?",
    )
    require(
        tuple(net.mean.shape) == (3,) and not values(net.mean).any(),
        "`mean` must begin as 3 zeros for 3 features",
    )
    for m in (0.1, 0.5):
        net, mean = _module(answer, 3, m).train(), torch.zeros(3)
        for seed, n in ((1, 8), (2, 5)):
            X = (10 * _draw(n, 3, seed=seed) + torch.arange(3.0)).requires_grad_()
            kept, old = X.detach().clone(), mean
            batch_mean = kept.mean(0)
            mean = (1 - m) * old + m * batch_mean
            out = _called(net, X, "in training mode")
            require(torch.equal(X.detach(), kept), "the input was changed in place")
            require(out.shape == X.shape, "the output must have the shape of the input")
            require(
                not agree(out, kept - mean, rtol=1e-4, atol=1e-4),
                "in training mode the mean of the batch is subtracted, not the running mean",
            )
            require(
                not agree(out, kept - kept.mean(), rtol=1e-4, atol=1e-4)
                and not agree(out, kept - kept.mean(1, keepdim=True), rtol=1e-4, atol=1e-4),
                "each column has its own mean, over the examples",
            )
            require(
                agree(out, kept - batch_mean, rtol=1e-4, atol=1e-4),
                "in training mode: X minus the mean of the batch, column by column",
            )
            require(
                not agree(net.mean, m * old + (1 - m) * batch_mean, rtol=1e-4)
                or agree(net.mean, mean, rtol=1e-4),
                "the running mean keeps the share 1 − m of the old value, not m",
            )
            require(not agree(net.mean, old, rtol=1e-4), "training mode must move the running mean")
            require(
                agree(net.mean, mean, rtol=1e-4),
                f"the running mean is wrong after a batch with momentum {m}",
            )
            require(
                not net.mean.requires_grad,
                "the running mean carries a record of all batches; detach what goes into it",
            )
            require(
                out.requires_grad,
                "the output must be recorded: what lies before this module wants a gradient",
            )
            weights = _draw(n, 3, seed=3)
            (grad,) = torch.autograd.grad((out * weights).sum(), X)
            require(
                not agree(grad, weights, rtol=1e-4),
                "the batch mean depends on X as well; only the running mean is detached",
            )
            require(agree(grad, weights - weights.mean(0), rtol=1e-4, atol=1e-5), "gradient wrong")
    net.eval()
    for n in (4, 1):
        X = _draw(n, 3, seed=5)
        out = _called(net, X, "in evaluation mode")
        require(
            not agree(out, X - X.mean(0), rtol=1e-4, atol=1e-4),
            "in evaluation mode the neighbors in the batch must not matter",
        )
        require(agree(out, X - mean, rtol=1e-4, atol=1e-4), "evaluation mode: X − running mean")
    require(agree(net.mean, mean, rtol=1e-4), "evaluation mode must leave the running mean alone")
    for mode in (True, False):
        for shape in ((3,), (4, 1), (4, 2), (2, 4, 3)):
            net.train(mode)
            refused = False
            try:
                net(torch.ones(shape))
            except ValueError:
                refused = True
            except RuntimeError:
                pass
            require(refused, f"X of shape {shape}, not (n, 3), must be refused with a ValueError")
    require(agree(net.mean, mean, rtol=1e-4), "a refused input must not move the running mean")
    net.eval()
    other = _module(answer, 3)
    other.load_state_dict(net.state_dict())
    require(
        agree(_called(other.eval(), X, "after loading"), out, rtol=1e-4),
        "a fresh module with the saved state gives other answers",
    )
    other.double()
    require(
        "mean" in other.state_dict() and other.mean.dtype == torch.float64,
        "net.double() did not move the running mean: it is not a buffer any more",
    )


class _Fails(nn.Module):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError("this module always fails")


def _nested(last: nn.Module) -> Any:
    block = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU())
    net = nn.Sequential(block, nn.Dropout(0.5), last)
    _fill(net, 4).train()
    block[1].eval()  # a mode of its own
    return net


def _hooks(net: nn.Module) -> list[list[Any]]:
    return [list(module._forward_hooks.values()) for module in net.modules()]


def _single(answer: Any, net: nn.Module, x: torch.Tensor) -> Any:
    """What 19.4 answers; a missing batch dimension becomes a hint."""
    with _recording_kept():
        try:
            return answer(net, x)
        except (ValueError, RuntimeError, IndexError) as error:
            said = str(error).splitlines()[0]
            raise Wrong(
                f"your answer raised {type(error).__name__}: {said}; has x its batch dimension?"
            ) from None


@exercise("19.4")
def mean_outputs(answer) -> None:
    for last, fails in ((nn.Linear(5, 2), False), (_Fails(), True)):
        net, x = _nested(last), 1 + _draw(6).abs()  # so that the ReLU has something to pass on
        net[0][0].bias.requires_grad_(False)
        ready = [param.requires_grad for param in net.parameters()]
        seen: list[int] = []
        net[0][0].register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(1))
        hooks, modes = _hooks(net), [module.training for module in net.modules()]
        state = copy.deepcopy(net.state_dict())
        raised, found = False, {}
        try:
            found = _single(answer, net, x)
        except ArithmeticError:
            raised = True
        now = [module.training for module in net.modules()]
        if fails:
            require(raised, "the error of a failing pass must go on to the caller")
            require(_hooks(net) == hooks, "after a pass that failed, hooks were left on the net")
            require(now == modes, "after a pass that failed, the modes are not what they were")
            require(torch.is_grad_enabled(), "after a pass that failed, nothing is recorded")
            continue
        require(
            [param.requires_grad for param in net.parameters()] == ready,
            "parameters were frozen or set free; not recording needs neither",
        )
        require(isinstance(found, dict), f"return a dictionary, not {type(found).__name__}")
        require(
            all(set(mine) <= set(left) for mine, left in zip(hooks, _hooks(net), strict=True)),
            "a hook was removed that is not yours; each handle removes its own",
        )
        require(_hooks(net) == hooks, "your hooks are still on the net; keep the handles")
        require(len(seen) == 1, "one pass was wanted, by a call of the net")
        require(
            not (now != modes and all(now)),
            "net.train() puts all modules into training mode; one of them was not",
        )
        require(not (now != modes and not any(now)), "the net was left in evaluation mode")
        require(now == modes, "the modes are not what they were; remember each module's own")
        after = net.state_dict()
        require(
            all(torch.equal(tensor, after[name]) for name, tensor in state.items()),
            "measuring changed the state: was it done in training mode?",
        )
        wanted: dict[str, float] = {}
        reference: Any = copy.deepcopy(net).eval()
        A = x.unsqueeze(0)
        with torch.no_grad():
            for name, module in (
                *((f"0.{i}", m) for i, m in enumerate(reference[0])),
                ("1", reference[1]),
                ("2", reference[2]),
            ):
                A = module(A)
                wanted[name] = A.mean().item()
        require(
            not {"", "0"} & set(found),
            "containers are in the answer; only modules without modules inside are wanted",
        )
        require(set(found) == set(wanted), f"the names {sorted(wanted)} are wanted for this net")
        require(
            all(not isinstance(value, torch.Tensor) for value in found.values()),
            "the means are tensors; Python numbers are wanted",
        )
        for name, value in wanted.items():
            require(
                agree(found[name], value, rtol=1e-4),
                f"the mean of module {name} is wrong; is each hook bound to its own name, "
                "and the net in evaluation mode?",
            )

    # Nothing may be recorded: the output hook of a net sees it.
    outputs: list[torch.Tensor] = []
    net = nn.Sequential(nn.Linear(3, 2))
    net.register_forward_hook(lambda m, i, output: outputs.append(output))
    _single(answer, net, _draw(3))
    require(
        len(outputs) == 1 and not outputs[0].requires_grad, "the pass was recorded for autograd"
    )
    require(outputs[0].shape == (1, 2), "net wants a batch: an axis of size 1 in front of x")


_calls: list[str] = []


def _ring(text: str) -> None:
    """What a file may call while it is read."""
    _calls.append(text)


class _Trap:
    """Asks whoever unpickles it to call a function."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _ring, ("ran",)


def _file(state: dict[str, Any]) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


class _Classifier(nn.Module):
    """Its parts need no forward here; one of them is called like the prefix."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.module = nn.Linear(3, 3)
        self.output = nn.Linear(3, num_classes)


@exercise("19.5")
def load_what_fits(answer) -> None:
    net: Any = _fill(_Classifier(2), 1)
    theirs = _fill(_Classifier(1), 2)
    net.hidden.weight.requires_grad_(False)
    before, objects = copy.deepcopy(net.state_dict()), [id(param) for param in net.parameters()]
    state = {**theirs.state_dict(), "extra.weight": torch.ones(3)}
    del state["norm.running_var"]
    lacking = ["norm.running_var", "output.bias", "output.weight"]
    unused = ["extra.weight", "output.bias", "output.weight"]
    with _recording_kept():
        try:
            found = answer(net, _file({f"module.{name}": value for name, value in state.items()}))
        except (RuntimeError, KeyError) as error:
            said = str(error).strip()
            require("size mismatch" not in said, "a wrong shape is refused even with strict=False")
            require("Missing key" not in said, "loading was strict; part of it is to be loaded")
            raise Wrong(f"your answer raised {type(error).__name__}: {said}") from None
    now = net.state_dict()
    require([id(param) for param in net.parameters()] == objects, "parameters of net were replaced")
    require(
        [param.requires_grad for param in net.parameters()].count(False) == 1,
        "parameters were frozen or set free",
    )
    changed = [name for name in lacking if not torch.equal(now[name], before[name])]
    require(not changed, f"{changed} do not fit, and must keep their numbers")
    taken = [name for name in before if name not in lacking and torch.equal(now[name], state[name])]
    require(taken, "nothing was loaded: compare the names of the file and of net")
    require(
        any(name.startswith("module.") for name in taken),
        "net has a part called `module`, too: take the prefix off once, at the beginning",
    )
    require(len(taken) == len(before) - len(lacking), f"only {taken} were loaded")
    require(
        isinstance(found, tuple | list) and len(found) == 2, "return two lists: lacking, left over"
    )
    first, second = (list(names) for names in found)
    require(
        (sorted(first), sorted(second)) != (unused, lacking), "the lists are the wrong way round"
    )
    require(sorted(first) == lacking, f"net got nothing for {lacking}")
    require(
        not all(name.startswith("module.") for name in second),
        "the names that were not used are wanted without `module.`",
    )
    require(
        sorted(second) == unused, "not used: names that net does not have, and those of other shape"
    )
    require((first, second) == (lacking, unused), "the lists are to be sorted")

    _calls.clear()
    with _recording_kept(), contextlib.suppress(Exception):
        answer(net, _file({"module.hidden.bias": _Trap()}))
    require(not _calls, "a file ran code: how are strangers' files read?")


class _Shared(nn.Module):
    """A layer used twice, batch normalization with its counter, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.drop(self.norm(self.again(torch.tanh(self.first(X)))))


def _mixed(old: nn.Module, new: nn.Module, decay: float, skip: str = "", twice: bool = False):
    """Where the average of two _Shared nets must be; or with one thing done wrong."""
    mixed = copy.deepcopy(old)
    with torch.no_grad():
        for name, tensor in mixed.state_dict(keep_vars=True).items():
            theirs = new.state_dict()[name]
            if (name.startswith("again") and not twice) or (skip and skip in name):
                continue
            if tensor.is_floating_point():
                tensor.copy_(decay * tensor + (1 - decay) * theirs)
            else:
                tensor.copy_(theirs)
    return mixed.eval()


@exercise("19.6")
@_recording_kept()
def average(answer) -> None:
    decay, X = 0.75, _draw(6, 4)
    old, new = _fill(_Shared(), 1), _fill(_Shared(), 2)
    net = copy.deepcopy(old).train()
    made = _module(answer, net, decay)
    require(callable(getattr(made, "update", None)), "a method `update` is wanted")
    require(
        all(param.requires_grad for param in net.parameters()) and net.training,
        "net itself was changed: its mode, or whether its parameters want gradients; copy first",
    )
    require(
        not any(param.requires_grad for param in made.parameters()),
        "the average is not trained: none of its parameters may ask for a gradient",
    )
    require(made.state_dict(), "the copy is not found in the state_dict of your module")
    for mode in (False, True):
        made.train(mode)
        out = _called(made, X, "when called")
        require(
            agree(out, _called(old.eval(), X, ""), rtol=1e-4),
            "before any update the average must answer like net in evaluation mode, "
            "also after average.train()",
        )
        require(not out.requires_grad, "the answers are recorded for autograd")
    net.load_state_dict(new.state_dict())
    require(
        agree(made(X), old(X), rtol=1e-4),
        "the average moved without an update: it shares its tensors with net",
    )
    made.train()
    net.train()
    with _recording_kept():
        made.update(net)
    changed = [
        name
        for name, tensor in net.state_dict().items()
        if not torch.equal(tensor, new.state_dict()[name])
    ]
    require(not changed and net.training, "update must not change net, neither numbers nor mode")
    require(all(param.grad is None for param in net.parameters()), "update must not make gradients")
    now = _called(made, X, "when called")
    require(not agree(now, old(X), rtol=1e-4), "update changed nothing: does it write in place?")
    require(
        not agree(now, new.eval()(X), rtol=1e-4), "update copied net; a mixture of both is wanted"
    )
    require(
        not agree(now, _mixed(old, new, 1 - decay)(X), rtol=1e-4),
        "the shares are the wrong way round: decay is what the copy keeps",
    )
    require(
        not agree(now, _mixed(old, new, decay, twice=True)(X), rtol=1e-4),
        "a layer used twice was moved twice: the state_dict lists it under two names",
    )
    require(
        not agree(now, _mixed(old, new, decay, skip="running")(X), rtol=1e-4),
        "the parameters are right; the buffers have not moved",
    )
    require(
        agree(now, _mixed(old, new, decay)(X), rtol=1e-4),
        "after an update each tensor must be decay · copy + (1 − decay) · net",
    )
    counters = [t for name, t in made.state_dict().items() if name.endswith("batches_tracked")]
    require(
        counters and all(not t.is_floating_point() and t.item() == 2 for t in counters),
        "a counter is a whole number, and is copied",
    )
    made.update(net)
    twice = _mixed(_mixed(old, new, decay), new, decay)
    require(agree(made(X), twice(X), rtol=1e-4), "after a second update the average is wrong")
    require(
        not any(param.requires_grad for param in made.parameters()),
        "after an update parameters of the average ask for gradients: update without recording",
    )
    fresh = _module(answer, copy.deepcopy(old), decay)
    fresh.load_state_dict(made.state_dict())
    require(agree(fresh(X), twice(X), rtol=1e-4), "a fresh Average with this state differs")
