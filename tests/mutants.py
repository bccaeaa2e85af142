"""Does the suite notice? Breaks a saved helper in named ways and runs its tests each time.

`python tests/mutants.py` prints a table; every mutant must turn the tests red. Each is a copy of
the package with one line changed; the working tree stays as it is. A control for each module, a
copy with nothing changed, must stay green: otherwise red would prove nothing.
"""

import gc
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED = ("d2lhelpers", "tests", "tools", "conftest.py", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "screenshots")
OUTPUT = "output.txt"  # what pytest says of a copy
# A server imports what the tests need, and pytest with its plugins, once, and splits off a process
# for every mutant, which saves most of the time. Where there is no fork, each process imports them
# anew. A name that cannot be imported is passed over: it costs time and nothing else.
METHODS = multiprocessing.get_all_start_methods()
PROCESSES = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
PROCESSES.set_forkserver_preload(
    [
        *("torch", "torch._dynamo", "torch.nested", "d2l.torch", "sympy", "pandas", "nbclient"),
        *("sklearn.datasets", "nbformat", "hypothesis", "hypothesis.strategies", "pytest"),
        *("nbval.plugin", "xdist.plugin", "pytest_timeout", "anyio.pytest_plugin"),
    ]
)


# Where a module's tests are not called after it.
TESTS = {
    "train/changes": "train_changes",
    "train/checkpoint": "train_checkpoint",
    "train/learner": "train_run",
    "train/run": "train_run",
}


@dataclass(frozen=True)
class Mutant:
    """One deliberate mistake: in `module`, `line` becomes `broken`; `tests` must notice.

    `line` stands in the module exactly once. Without one this is a control, which changes nothing.
    """

    name: str
    module: str
    line: str = ""
    broken: str = ""

    @property
    def tests(self) -> str:
        """The test file of the module."""
        return f"tests/test_{TESTS.get(self.module, self.module)}.py"

    def apply(self, text: str) -> str:
        """The module's text with the mistake; ValueError unless `line` occurs exactly once."""
        if not self.line:
            return text
        if text.count(self.line) != 1:
            raise ValueError(
                f"mutant {self.name!r}: {self.line!r} occurs {text.count(self.line)} times "
                f"in {self.module}.py, wanted once"
            )
        return text.replace(self.line, self.broken)


REGRESSION = "linear_regression"
CONCISE = "linear_regression_concise"
GRAPHS = "computational_graphs"
MUTANTS = (
    Mutant("sgd steps uphill", REGRESSION, "param -= lr", "param += lr"),
    Mutant("sgd forgets the batch size", REGRESSION, "* param.grad / batch_size", "* param.grad"),
    Mutant("sgd keeps the gradients", REGRESSION, "param.grad.zero_()", "pass"),
    Mutant("data_iter does not shuffle", REGRESSION, "torch.randperm(", "torch.arange("),
    Mutant(
        "data_iter repeats examples",
        REGRESSION,
        "torch.randperm(num_examples",
        "torch.randint(num_examples, (num_examples,)",
    ),
    Mutant(
        "data_iter mixes up the labels",
        REGRESSION,
        "batch_size, features, labels)",
        "batch_size, features, labels.flip(0))",
    ),
    Mutant("linreg forgets the bias", REGRESSION, "torch.matmul(X, w) + b", "torch.matmul(X, w)"),
    Mutant("squared_loss forgets the half", REGRESSION, "** 2 / 2", "** 2"),
    Mutant("squared_loss broadcasts", REGRESSION, "y.reshape(y_hat.shape)", "y"),
    Mutant("synthetic_data is too noisy", REGRESSION, "normal(0, 0.01", "normal(0, 0.02"),
    Mutant(
        "synthetic_data turns the bias round",
        REGRESSION,
        "reshape(-1, 1) + b",
        "reshape(-1, 1) - b",
    ),
    Mutant(
        "take_batches drops the last batch",
        REGRESSION,
        "in order.split(pieces)",
        "in order[: len(order) // batch_size * batch_size].split(pieces)",
    ),
    Mutant(
        "load_array does not shuffle by default",
        CONCISE,
        "is_train: bool = True",
        "is_train: bool = False",
    ),
    Mutant("load_array shuffles test data", CONCISE, "shuffle=is_train", "shuffle=True"),
    Mutant(
        "MiniBatches never shuffles",
        CONCISE,
        "torch.randperm if self.shuffle else torch.arange",
        "torch.arange",
    ),
    Mutant("Timer.avg returns the sum", "timing", "/ len(self.times)", "/ 1"),
    Mutant(
        "try_all_gpus overlooks Apple's GPU",
        "devices",
        "torch.backends.mps.is_available()",
        "False",
    ),
    Mutant("try_all_gpus forgets the last GPU", "devices", "range(gpus)", "range(gpus - 1)"),
    Mutant("D2L_DEVICE is ignored", "devices", 'os.environ.get("D2L_DEVICE", "")\n', '""\n'),
    Mutant(
        "a missing device is replaced silently",
        "devices",
        "    if not chosen:\n",
        "    chosen = chosen or there[:1]\n    if not chosen:\n",
    ),
    Mutant(
        "try_gpu returns the first GPU always",
        "devices",
        "return devices[int(i)]",
        "return devices[0]",
    ),
    Mutant(
        "try_gpu leaves the kind that D2L_DEVICE names",
        "devices",
        'return devices[0] if os.environ.get("D2L_DEVICE", "").strip() else torch.device("cpu")',
        'return torch.device("cpu")',
    ),
    Mutant("try_gpu counts from the end", "devices", "if i < 0:", "if i < -1:"),
    Mutant("try_gpu takes True for 1", "devices", "isinstance(i, bool) or ", ""),
    Mutant(
        "numerical_gradient divides by 2h, not by the stored width",
        "derivatives",
        "rise / (high - low)",
        "rise / (2 * step)",
    ),
    Mutant("numerical_gradient takes forward quotients", "derivatives", "left[i] -= step", "pass"),
    Mutant(
        "numerical_gradient moves all entries", "derivatives", "right[i] += step", "right += step"
    ),
    Mutant(
        "numerical_gradient has the wrong sign", "derivatives", "/ (high - low)", "/ (low - high)"
    ),
    Mutant("numerical_gradient steps by the root of ε", "derivatives", "(1 / 3)", "(1 / 2)"),
    Mutant(
        "numerical_gradient does not scale its step",
        "derivatives",
        " * max(1, abs(value))",
        "",
    ),
    Mutant(
        "numerical_gradient hands f its own memory",
        "derivatives",
        "left, right = values.clone(), values.clone()",
        "left, right = values, values.clone()",
    ),
    Mutant(
        "numerical_gradient forgets the shape",
        "derivatives",
        "return gradient.reshape(x.shape)",
        "return gradient",
    ),
    Mutant(
        "numerical_gradient takes integers",
        "derivatives",
        "if x.dtype not in (torch.float32, torch.float64):",
        "if x.is_complex():",
    ),
    Mutant(
        "scalar_value takes a less precise result",
        "derivatives",
        " or y.dtype.itemsize < x.dtype.itemsize",
        "",
    ),
    Mutant(
        "scalar_value takes a less precise number of NumPy's",
        "derivatives",
        'getattr(y, "dtype", x.dtype).itemsize < x.dtype.itemsize',
        "False",
    ),
    Mutant(
        "numerical_gradient reads x while f may write into it",
        "derivatives",
        ".flatten().clone()",
        ".flatten()",
    ),
    Mutant("numerical_gradient steps by a fraction", "derivatives", "h = float(h)", "pass"),
    Mutant(
        "scalar_value takes the first of several", "derivatives", "y.numel() != 1", "y.numel() < 1"
    ),
    Mutant(
        "sigmoid takes integers",
        "backpropagation",
        'if not z.is_floating_point():\n        raise TypeError(f"sigmoid:',
        'if False:\n        raise TypeError(f"sigmoid:',
    ),
    Mutant(
        "sigmoid_prime takes integers",
        "backpropagation",
        'if not z.is_floating_point():\n        raise TypeError(f"sigmoid_prime:',
        'if False:\n        raise TypeError(f"sigmoid_prime:',
    ),
    Mutant(
        "sigmoid is a tanh",
        "backpropagation",
        "return torch.sigmoid(z)\n",
        "return torch.tanh(z)\n",
    ),
    Mutant(
        "sigmoid_prime loses its digits far out",
        "backpropagation",
        "return torch.sigmoid(z) * torch.sigmoid(-z)",
        "return torch.sigmoid(z) * (1 - torch.sigmoid(z))",
    ),
    Mutant(
        "quadratic_error forgets the slope",
        "backpropagation",
        "return (A - Y) * sigmoid_prime(Z)",
        "return A - Y",
    ),
    Mutant(
        "quadratic_error has the wrong sign",
        "backpropagation",
        "return (A - Y) * sigmoid_prime(Z)",
        "return (Y - A) * sigmoid_prime(Z)",
    ),
    Mutant(
        "quadratic_error takes the slope at a",
        "backpropagation",
        "return (A - Y) * sigmoid_prime(Z)",
        "return (A - Y) * sigmoid_prime(A)",
    ),
    Mutant("backprop forgets the mean", "backpropagation", "delta = delta / len(X)", "pass"),
    Mutant(
        "backprop divides by the outputs",
        "backpropagation",
        "delta = delta / len(X)",
        "delta = delta / delta.shape[1]",
    ),
    Mutant(
        "backprop forgets the slope on the way back",
        "backpropagation",
        "delta = delta @ weights[i] * sigmoid_prime(Zs[i - 1])",
        "delta = delta @ weights[i]",
    ),
    Mutant(
        "backprop takes the slope at a on the way back",
        "backpropagation",
        "sigmoid_prime(Zs[i - 1])",
        "sigmoid_prime(As[i])",
    ),
    Mutant(
        "backprop transposes the gradients when it can",
        "backpropagation",
        "grad_weights.append(delta.T @ As[i])",
        "grad_weights.append((delta.T @ As[i]).T.reshape(weights[i].shape))",
    ),
    Mutant(
        "backprop transposes square weights",
        "backpropagation",
        "delta = delta @ weights[i] *",
        "delta = delta @ (weights[i].T if delta.shape[1] == len(As[i].T) else weights[i]) *",
    ),
    Mutant("backprop takes the biases' mean", "backpropagation", "delta.sum(0)", "delta.mean(0)"),
    Mutant("backprop forgets the biases", "backpropagation", "As[-1] @ W.T + b", "As[-1] @ W.T"),
    Mutant(
        "backprop turns the layers round",
        "backpropagation",
        "return grad_weights[::-1], grad_biases[::-1]",
        "return grad_weights, grad_biases",
    ),
    Mutant(
        "backprop records", "backpropagation", "with torch.no_grad():", "with torch.enable_grad():"
    ),
    Mutant(
        "backprop ignores its output error",
        "backpropagation",
        "delta = output_error(Zs[-1], As[-1], Y)",
        "delta = quadratic_error(Zs[-1], As[-1], Y)",
    ),
    Mutant(
        "backprop lets an output error broadcast",
        "backpropagation",
        'require_shape("backprop", "what output_error returned", delta, Y.shape)',
        "pass",
    ),
    Mutant(
        "require_network lets a bias broadcast",
        "backpropagation",
        " or b.shape != W.shape[:1]",
        "",
    ),
    Mutant(
        "require_network lets targets broadcast",
        "backpropagation",
        "if Y.shape != (len(X), width):",
        "if Y.shape[-1:] != (width,):",
    ),
    Mutant("require_network takes an empty batch", "backpropagation", " or not len(X):", ":"),
    Mutant(
        "require_tensor_lists takes a tensor for a list",
        "backpropagation",
        "if not isinstance(tensors, Sequence):",
        "if False:",
    ),
    Mutant(
        "require_tensor_lists takes several dtypes", "backpropagation", " or len(dtypes) > 1", ""
    ),
    Mutant("backward overwrites", GRAPHS, "source.grad += slope", "source.grad = slope"),
    Mutant(
        "backward starts at the inputs",
        GRAPHS,
        "in reversed(order):\n            for",
        "in order:\n            for",
    ),
    Mutant(
        "backward keeps old gradients in between",
        GRAPHS,
        "if node.edges:\n                node.grad = 0.0",
        "if node.edges:\n                pass",
    ),
    Mutant(
        "backward forgets inputs' gradients",
        GRAPHS,
        "            if node.edges:\n                node.grad",
        "            if True:\n                node.grad",
    ),
    Mutant("a node is listed twice", GRAPHS, "elif node not in seen:", "else:"),
    Mutant(
        "sources are listed too late", GRAPHS, "todo.append((node, True))", "order.append(node)"
    ),
    Mutant("minus has a slope of 1 only", GRAPHS, "(a - b, 1.0, -1.0)", "(a - b, 1.0, 1.0)"),
    Mutant("times forgets to swap", GRAPHS, "(a * b, b, a)", "(a * b, a, b)"),
    Mutant(
        "a division is not turned round",
        GRAPHS,
        'return apply_rule("/", other, self)',
        'return apply_rule("/", self, other)',
    ),
    Mutant("a power of 0 fails", GRAPHS, "n and n * a", "n * a"),
    Mutant("tanh forgets the square", GRAPHS, "1 - math.tanh(a) ** 2", "1 - math.tanh(a)"),
    Mutant("relu is open at 0", GRAPHS, "float(a > 0)", "float(a >= 0)"),
    Mutant("relu hides what is not a number", GRAPHS, "max(a, 0.0)", "max(0.0, a)"),
    Mutant("True is a number", GRAPHS, "isinstance(number, bool) or ", ""),
    Mutant("a Value as exponent is let in", GRAPHS, 'if name == "**" and', "if False and"),
    Mutant("arrows cross boxes", GRAPHS, "for step in between]", "for step in between[:0]]"),
    Mutant("a graph of any size is drawn", GRAPHS, "if width > 7 or height > 8:", "if False:"),
    Mutant("a stranger is named", GRAPHS, "if id(value) not in known:", "if False:"),
    Mutant("backprop_step steps uphill", "digits", "alpha=-share", "alpha=share"),
    Mutant("backprop_step forgets the batch size", "digits", "share = lr / len(X)", "share = lr"),
    Mutant("backprop_step leaves the biases", "digits", "biases[i].sub_", "biases[i].sub"),
    Mutant(
        "backprop_step updates before it goes down",
        "digits",
        "                delta = delta_below\n",
        "                delta = (delta @ weights[i]) * (A - A * A)\n",
    ),
    Mutant("backprop_step decays too fast", "digits", "1 - lr * weight_decay", "1 - weight_decay"),
    Mutant(
        "the hidden slope is that of tanh",
        "digits",
        "(A, A, A, value=-1))\n            w",
        "(A.new_ones(()), A, A, value=-1))\n            w",
    ),
    Mutant(
        "output_error forgets the slope",
        "digits",
        ".mul_(torch.addcmul(A, A, A, value=-1))  # (a",
        "  # (a",
    ),
    Mutant("the network has no bias", "digits", "torch.addmm(b, A, W.T)", "torch.mm(A, W.T)"),
    Mutant(
        "the weights ignore the generator",
        "digits",
        "torch.randn, generator=generator",
        "torch.randn, generator=None",
    ),
    Mutant("scaled weights divide by the outputs", "digits", "W.shape[1] ** 0.5", "len(W) ** 0.5"),
    Mutant("the biases stay on the CPU", "digits", "draw(j).to(device)", "draw(j)"),
    Mutant(
        "sgd_epoch does not shuffle",
        "digits",
        "torch.randperm(len(X), generator=generator",
        "torch.arange(len(X)",
    ),
    Mutant("sgd_epoch ignores the generator", "digits", "len(X), generator=generator", "len(X)"),
    Mutant("NaN counts as an answer", "digits", "classes.masked_fill(best.isnan(), -1)", "classes"),
    Mutant("accuracy returns the share", "digits", "== y).sum())", "== y).double().mean())"),
    Mutant("accuracy broadcasts", "digits", "classes.reshape(y.shape) == y", "classes == y"),
    Mutant("evaluate_accuracy leaves the mode", "digits", "module.training = mode", "pass"),
    Mutant("evaluate_accuracy trains on", "digits", "module.training = False", "pass"),
    Mutant("evaluate_accuracy counts batches", "digits", "count += y.numel()", "count += 1"),
    Mutant(
        "fit takes NaN",
        "digits",
        "if not all(bound.isfinite() for bound in X.aminmax()):",
        "if False:",
    ),
    Mutant("fit takes any label", "digits", "high >= net.sizes[-1]", "high > net.sizes[-1] + 99"),
    Mutant(
        "fit ignores the validation examples",
        "digits",
        "(X, y) if validation is None else",
        "(X, y) if True else",
    ),
    Mutant(
        "fit lets an interruption through",
        "digits",
        "except KeyboardInterrupt:",
        "except EOFError:",
    ),
    Mutant("the bar flashes in short trainings", "digits", "delay=1, ", ""),
    Mutant("the bar does not wait", "digits", ", refresh=False)", ")"),
    Mutant(
        "features stay where they are",
        "digits",
        "self.sizes[0]).to(self.weights[0])",
        "self.sizes[0]).to(self.weights[0].dtype)",
    ),
    Mutant("errors blame the training data", "digits", 'where="fit: validation"', 'where="fit"'),
    Mutant(
        "fit forgets the weight decay",
        "digits",
        "weight_decay=weight_decay,\n        )\n        history",
        "weight_decay=0.0,\n        )\n        history",
    ),
    Mutant("softmax overflows", "costs", "X - X.detach().amax(-1, keepdim=True)", "X"),
    Mutant("softmax subtracts one maximum", "costs", ".amax(-1, keepdim=True)", ".amax()"),
    Mutant("softmax adds up the wrong dimension", "costs", "X_exp.sum(-1", "X_exp.sum(0"),
    Mutant("softmax takes integers", "costs", "if not X.is_floating_point():", "if False:"),
    Mutant("softmax takes scalars", "costs", "if X.dim() == 0 or X.shape[-1] == 0:", "if False:"),
    Mutant("cross_entropy loses its sign", "costs", "return -torch.log", "return torch.log"),
    Mutant("cross_entropy takes another base", "costs", "-torch.log(", "-torch.log2("),
    Mutant(
        "cross_entropy stops autograd", "costs", "-torch.log(y_hat[", "-torch.log(y_hat.detach()["
    ),
    Mutant("cross_entropy hides infinity", "costs", ", y])", ", y].clamp(min=1e-30))"),
    Mutant("cross_entropy reads from the end", "costs", "if first < 0 or last >=", "if last >="),
    Mutant("cross_entropy takes logits", "costs", "if len(outside):", "if False:"),
    Mutant("cross_entropy forgives no rounding", "costs", "4 * torch.finfo", "0 * torch.finfo"),
    Mutant(
        "one NaN hides logits from cross_entropy",
        "costs",
        "if len(outside):",
        "if len(outside) and not y_hat.isnan().any():",
    ),
    Mutant("cross_entropy takes complex labels", "costs", " or y.is_complex()", ""),
    Mutant("cross_entropy takes a mask", "costs", " or y.dtype == torch.bool", ""),
    Mutant("the new cost keeps the slope", "costs", "return A - Y", "return (A - Y) * A * (1 - A)"),
    Mutant("the new cost pushes upward", "costs", "return A - Y", "return Y - A"),
    Mutant("the new cost changes its argument", "costs", "return A - Y", "return A.sub_(Y)"),
    Mutant(
        "early stopping takes an equal value for better",
        "regularization",
        "if self._sign * value < self._sign",
        "if self._sign * value <= self._sign",
    ),
    Mutant(
        "early stopping forgets the mode",
        "regularization",
        '1 if mode == "min" else -1',
        "1",
    ),
    Mutant(
        "early stopping ignores min_delta",
        "regularization",
        "self.best - self.min_delta",
        "self.best",
    ),
    Mutant("early stopping keeps no copy", "regularization", ".detach().clone()", ".detach()"),
    Mutant(
        "early stopping waits a step longer",
        "regularization",
        ">= self.patience",
        "> self.patience",
    ),
    Mutant(
        "early stopping forgets buffers",
        "regularization",
        "[*net.parameters(), *net.buffers()]",
        "[*net.parameters()]",
    ),
    Mutant(
        "early stopping replaces tensors",
        "regularization",
        "tensor.copy_(kept)",
        "tensor.data = kept",
    ),
    Mutant(
        "early stopping restores half a net",
        "regularization",
        "if not tensors or [t.shape for t in tensors] != [kept.shape for kept in self._state]:",
        "if False:",
    ),
    Mutant("random_shift ignores the fill", "regularization", "fill=fill", "fill=0"),
    Mutant(
        "random_shift ignores the generator",
        "regularization",
        "fill=fill, generator=generator",
        "fill=fill",
    ),
    Mutant(
        "random_shift takes flat images",
        "regularization",
        "if images.dim() not in (3, 4):",
        "if False:",
    ),
    Mutant(
        "random_shift shifts images away",
        "regularization",
        "if max_shift >= min(images.shape[-2:]):",
        "if False:",
    ),
    Mutant(
        "random_shift shifts by less than 0", "regularization", "if max_shift < 0:", "if False:"
    ),
    Mutant(
        "random_shift shifts by False",
        "regularization",
        "isinstance(max_shift, bool) or not isinstance(max_shift, Integral)",
        "not isinstance(max_shift, Integral)",
    ),
    Mutant(
        "arrays have their channels first",
        "images",
        "return np.asarray(image), (2, 0)",
        "return np.asarray(image), (0, 2)",
    ),
    Mutant("four rows are channels", "images", "kinds = {0: (1, 3),", "kinds = {0: (1, 3, 4),"),
    Mutant(
        "images are drawn upside down",
        "images",
        "return picture.astype(np.uint8)",
        "return picture[::-1].astype(np.uint8)",
    ),
    Mutant(
        "dark images are brightened",
        "images",
        "top = 255 if picture.dtype == np.uint8 else 1",
        "top = picture.max()",
    ),
    Mutant(
        "images are stretched one by one",
        "images",
        "for view in colors:\n",
        "for view in colors:\n            low, high = float(view.min()), float(view.max())\n",
    ),
    Mutant("opacity is stretched", "images", "p if p.ndim == 2 else p[..., :3] for p", "p for p"),
    Mutant(
        "images that do not fit are dropped",
        "images",
        "if not 0 < len(pictures) <= places:",
        "if not pictures:",
    ),
    Mutant("titles are dropped", "images", "if len(names) != count:", "if len(names) < count:"),
    Mutant(
        "one image alone gets bare axes", "images", "squeeze=False)[1].flatten()", ")[1].flatten()"
    ),
    Mutant("ticks stay", "images", "ax.xaxis.set_visible(False)", "pass"),
    Mutant(
        "palettes show their numbers", "images", '"RGB", "RGBA", "I", "F")', '"RGB", "RGBA", "P")'
    ),
    Mutant("scans of 16 bits are saturated", "images", '(*plain, "I;16")', "plain"),
    Mutant("a split gets no hint", "images", 'hasattr(imgs, "images")', "False"),
    Mutant("corr2d flips the kernel", "convolution", "* K).sum()", "* K.flip(0, 1)).sum()"),
    Mutant(
        "corr2d is too small by a row",
        "convolution",
        "X.shape[0] - h + 1,",
        "X.shape[0] - h,",
    ),
    Mutant("corr2d takes columns for rows", "convolution", "h, w = K.shape", "w, h = K.shape"),
    Mutant(
        "corr2d cuts the kernel to the type of X",
        "convolution",
        "dtype=torch.result_type(X, K)",
        "dtype=X.dtype",
    ),
    Mutant("corr2d makes its output on the CPU", "convolution", "X.new_zeros(", "torch.zeros("),
    Mutant("corr2d takes bytes", "convolution", "if not tensor.is_floating_point():", "if False:"),
    Mutant("corr2d takes an empty kernel", "convolution", "1 <= k <= n", "0 <= k <= n"),
    Mutant("corr2d takes any kernel", "convolution", "1 <= k <= n", "1 <= k"),
    Mutant(
        "corr2d_multi_in_out forgets to add up the input channels",
        "pooling",
        '"cijab,ocab->oij", windows.to(dtype)',
        '"ijab,ocab->oij", windows[0].to(dtype)',
    ),
    Mutant(
        "corr2d_multi_in_out takes rows for columns",
        "pooling",
        '"cijab,ocab->oij"',
        '"cijab,ocab->oji"',
    ),
    Mutant(
        "corr2d_multi_in_out moves by the size of the kernel",
        "pooling",
        "X.unfold(1, k_h, 1)",
        "X.unfold(1, k_h, k_h)",
    ),
    Mutant(
        "corr2d_multi_in_out cuts the kernel to the type of X",
        "pooling",
        "torch.result_type(X, K)",
        "X.dtype",
    ),
    Mutant(
        "corr2d_multi_in_out takes bytes",
        "pooling",
        "if not tensor.is_floating_point():",
        "if False:",
    ),
    Mutant(
        "corr2d_multi_in_out takes any number of channels",
        "pooling",
        '("c_out", X.shape[0], "k_h", "k_w")',
        '("c_out", "c_in", "k_h", "k_w")',
    ),
    Mutant(
        "a window may be larger than the map",
        "pooling",
        "if not all(1 <= k <= n for",
        "if not all(1 <= k for",
    ),
    Mutant("pool2d takes the sum", "pooling", "windows.mean((2, 3))", "windows.sum((2, 3))"),
    Mutant(
        "pool2d takes the largest size",
        "pooling",
        "windows.amax((2, 3))",
        "windows.abs().amax((2, 3))",
    ),
    Mutant(
        "pool2d means the squares",
        "pooling",
        "torch.linalg.vector_norm(windows, dim=(2, 3))",
        "windows.square().mean((2, 3)).sqrt()",
    ),
    Mutant(
        "pool2d has no gradient at 0",
        "pooling",
        "torch.linalg.vector_norm(windows, dim=(2, 3))",
        "windows.square().sum((2, 3)).sqrt()",
    ),
    Mutant("pool2d takes any mode", "pooling", 'if mode not in ("max", "avg", "l2"):', "if False:"),
    Mutant(
        "pool2d takes columns for rows",
        "pooling",
        "rows, columns = size",
        "columns, rows = size",
    ),
    Mutant("the block forgets its shortcut", "resnet", "torch.relu(Y + X)", "torch.relu(Y)"),
    Mutant("the block forgets the last ReLU", "resnet", "torch.relu(Y + X)", "Y + X"),
    Mutant(
        "the projection is not normalized", "resnet", "self.bn3(self.conv3(X))", "self.conv3(X)"
    ),
    Mutant(
        "the block adds what cannot be added",
        "resnet",
        "if not use_1x1conv and (",
        "if False and (",
    ),
    Mutant("the first stage projects as well", "resnet", "use_1x1conv=i > 0", "use_1x1conv=True"),
    Mutant("the stem for small images halves them", "resnet", "(3, 1) if", "(3, 2) if"),
    Mutant("He's start counts inputs", "resnet", 'mode="fan_out"', 'mode="fan_in"'),
    Mutant(
        "a resumed run forgets its momentum",
        "train/learner",
        'self.optimizer.load_state_dict(state["optimizer"])',
        "pass",
    ),
    Mutant(
        "a resumed run begins its schedule anew",
        "train/learner",
        'self.scheduler.load_state_dict(state["scheduler"])',
        "pass",
    ),
    Mutant(
        "a resumed run repeats its first order",
        "train/learner",
        'self.generator.set_state(state["generator"])',
        "pass",
    ),
    Mutant(
        "a resumed run repeats its dropout",
        "train/learner",
        'torch.set_rng_state(mine["cpu"])',
        "pass",
    ),
    Mutant(
        "a resumed run forgets its average",
        "train/learner",
        'self.average.load_state_dict(state["average"])',
        "pass",
    ),
    Mutant(
        "biases decay",
        "train/learner",
        '"weight_decay": 0.0}',
        '"weight_decay": config.weight_decay}',
    ),
    Mutant(
        "nothing is averaged",
        "train/learner",
        "self.average.update_parameters(self.model)",
        "pass",
    ),
    Mutant(
        "the worst epoch is kept",
        "train/run",
        "-(epoch.validation_loss or 0)) > (",
        "-(epoch.validation_loss or 0)) < (",
    ),
    Mutant("a run is overwritten", "train/run", "if not resume:", "if False:"),
    Mutant("damage goes unnoticed", "train/checkpoint", "if broken:", "if False:"),
    Mutant(
        "a checkpoint may hold code",
        "train/checkpoint",
        "weights_only=True)",
        "weights_only=False)",
    ),
    Mutant(
        "images move to the other side",
        "train/changes",
        "(most - self.shift[rows])",
        "(most + self.shift[rows])",
    ),
    Mutant(
        "a batch gets the changes of another",
        "train/changes",
        "self.flip[rows]",
        "self.flip[: len(rows)]",
    ),
)
CONTROLS = tuple(
    Mutant("control: nothing broken", module)
    for module in {mutant.tests: mutant.module for mutant in MUTANTS}.values()
)


def survives(mutant: Mutant) -> bool:
    """Run the tests against the mutant; True when they pass: bad, except for a control."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in NEEDED:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT_OUT)
            else:
                shutil.copy(source, target)
        module = folder / "d2lhelpers" / f"{mutant.module}.py"
        module.write_text(mutant.apply(module.read_text()))
        process = PROCESSES.Process(target=run_tests, args=(folder, mutant.tests))
        process.start()
        process.join()
        output = (folder / OUTPUT).read_text() if (folder / OUTPUT).exists() else ""
    failed = re.findall(r"^FAILED (\S+)", output, re.MULTILINE)
    if process.exitcode not in (0, 1) or (process.exitcode == 1 and not failed):
        raise RuntimeError(f"mutant {mutant.name!r}: the tests could not run\n{output[-3000:]}")
    noticed = failed[0].partition("::")[2].partition("[")[0] if failed else "nobody"
    print(f"| {mutant.name} | {mutant.module} | {noticed} |", flush=True)
    return not failed


def run_tests(folder: Path, tests: str) -> None:
    """In a process of its own: run `tests` in the copy at `folder`, and exit with pytest's status.

    The copy stands first on the path, so that it is imported and not the working tree.
    """
    gc.freeze()  # a collection would copy all the memory that is shared with the server
    os.chdir(folder)
    output = open(OUTPUT, "w")  # noqa: SIM115 - it stays open until the process ends
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    sys.stdout = sys.stderr = output
    for name in list(sys.modules):  # this function came from the working tree's `tests`
        if name.partition(".")[0] in ("tests", "d2lhelpers"):
            del sys.modules[name]
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.environ["PYTHONPATH"] = str(folder)  # for what the tests start themselves
    import pytest

    options = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "--hypothesis-profile=first_failure"]
    # Only whether and where a test fails is wanted, not what an assertion compared; and packages
    # that are imported already cannot have their assertions rewritten.
    options += ["--assert=plain", "--tb=short"]
    status = pytest.main([*options, tests])
    output.flush()
    sys.exit(int(status))


def main() -> int:
    """Try every control and mutant; exit status 1 when a control fails or a mutant survives."""
    print("| mistake | module | noticed by |\n|---|---|---|")
    red = [control.module for control in CONTROLS if not survives(control)]
    if red:
        print(f"nothing was broken, but the tests are red: {', '.join(red)}")
        return 1
    survivors = [mutant.name for mutant in MUTANTS if survives(mutant)]
    for name in survivors:
        print(f"nobody noticed: {name}")
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants were noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
