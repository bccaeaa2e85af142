"""One update of a live plot in real kernels: the book's Animator, d2l's, the bare rendering.

d2l 1.0.3 pins packages older than this book's, so it gets an environment of its own (made once
under build/peers; needs Python 3.11 and a network then). The two kernels take turns.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from .measure import Row, at_least, at_most, store

PEER = Path(__file__).parent.parent / "build" / "peers" / "d2l-1.0.3"
PEER_PINS = ("d2l==1.0.3", "torch==2.15.0", "torchvision==0.29.2", "setuptools<81")
UPDATES, ROUNDS = 20, 5

# Both kernels run this; `SETUP` makes the animator. Three curves, as in a typical training run.
MEASURE = """
import time
animator = {animator}
milliseconds = []
for step in range({updates}):
    values = (1 / (step + 1), 0.5 + step / 100, 0.4 + step / 120)
    time.sleep(0.15)  # the book's Animator draws at most 20 times a second
    start = time.perf_counter()
    animator.add(step + 1, values)
    milliseconds.append((time.perf_counter() - start) * 1e3)
print("RESULT", sorted(milliseconds[2:]))
"""
ANIMATOR = "d2l.Animator(xlabel='epoch', xlim=[1, 20], legend=['loss', 'train', 'test'])"
OURS = "import d2lhelpers as d2l"
THEIRS = "%matplotlib inline\nfrom d2l import torch as d2l"

# What no plot in a notebook can avoid: rendering the kept figure to a PNG.
BARE = """
import io, time
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
figure = Figure(figsize=(3.5, 2.5), dpi=100)
canvas = FigureCanvasAgg(figure)
axes = figure.add_subplot()
lines = [axes.plot([], [], label=name)[0] for name in ("loss", "train", "test")]
axes.set(xlim=(1, 20), ylim=(0, 1), xlabel="epoch")
axes.legend()
milliseconds = []
for step in range(20):
    start = time.perf_counter()
    for line in lines:
        line.set_data(range(1, step + 2), [0.5] * (step + 1))
    canvas.print_png(io.BytesIO())
    milliseconds.append((time.perf_counter() - start) * 1e3)
print("RESULT", sorted(milliseconds[2:]))
"""


class Kernel:
    """A kernel of some environment that runs code and returns the list after RESULT."""

    def __init__(self, python: Path | str) -> None:
        command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(argv=command, language="python")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def run(self, code: str) -> list[float]:
        """Execute the code; raises RuntimeError when it raises in the kernel."""
        found: list[float] = []

        def hook(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "stream" and content["text"].startswith("RESULT"):
                found.extend(json.loads(content["text"].removeprefix("RESULT")))
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(content["traceback"]))

        self.client.execute_interactive(code, timeout=120, output_hook=hook)
        return found

    def stop(self) -> None:
        """Shut the kernel down."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def peer_python() -> Path:
    """The interpreter of d2l 1.0.3's environment, which is made when it is missing."""
    python = PEER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = PEER / "complete"
    if not done.exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "-p", "3.11", str(PEER)], check=True)
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), *PEER_PINS]
        subprocess.run(install, check=True)
        done.touch()
    return python


def measure() -> dict[str, float]:
    """Median milliseconds of an update, the kernels taking turns."""
    kernels = {"ours": Kernel(sys.executable), "d2l": Kernel(peer_python())}
    jobs = {"ours": (kernels["ours"], OURS), "d2l": (kernels["d2l"], THEIRS)}
    try:
        for kernel, setup in jobs.values():
            kernel.run(setup)
        medians: dict[str, list[float]] = {"ours": [], "d2l": [], "bare": []}
        for _ in range(ROUNDS):
            code = MEASURE.format(animator=ANIMATOR, updates=UPDATES)
            for name, (kernel, _) in jobs.items():
                medians[name].append(statistics.median(kernel.run(code)))
            medians["bare"].append(statistics.median(kernels["ours"].run(BARE)))
    finally:
        for kernel in kernels.values():
            kernel.stop()
    return {name: statistics.median(values) for name, values in medians.items()}


def main() -> int:
    """Measure and store; the exit status."""
    milliseconds = measure()
    ours, peer, bare = (milliseconds[name] / 1e3 for name in ("ours", "d2l", "bare"))
    what = "one update of the live plot, three curves"
    rows = [
        at_least(what, ours, "d2l 1.0.3 Animator", peer, 4),
        Row(what, ours * 1e3, "bare rendering to PNG", ours / bare),
        at_most(what, ours, "25 ms", 0.025, 1),
    ]
    return store("live_plot", rows, "python -m benchmarks.live_plot")


if __name__ == "__main__":
    sys.exit(main())
