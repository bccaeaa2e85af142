"""From a key press on a slider to the new picture in the page: JupyterLab, headless Chromium.

    python -m benchmarks.lab_latency [--presses 80]

Presses an arrow key on one slider of each lab, one press at a time, and of the plain construction
that most notebooks use for the lab of chapter 08: `interactive_output` with an inline figure.
All clocks are the page's: the key event's time stamp, the moment the `src` of the picture changes
(what is called latency here), and the moment the new picture is decoded. All are measured one after
the other in one run. For the lab that trains, the time another cell takes meanwhile is measured,
too. Writes benchmarks/results/lab_latency.json.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, sync_playwright

from .measure import at_least, at_most, store

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

import lab_page  # noqa: E402 - the folder of the browser tests is not a package

# Lab, label of the slider, and the key that first brings it to where ten more steps are possible.
LABS = {
    "LearningRate": ("learning rate η", None),
    "LearningRateAndBatchSize": ("learning rate η", None),
    "Broadcasting": ("first shape, listed", "Home"),
    "SecantToTangent": ("step h", "Home"),
    "OneNeuron": ("weight w of x₁", None),
    "BackpropByHand": ("input a", "Home"),
    "SaturatedNeuron": ("start weight w", "Home"),
    "Regularization": ("dropout p", "Home"),
    "BuildAFunction": ("steepness w", None),
    "VanishingGradients": ("hidden layers", "Home"),
    "Kernel": ("kernel, listed", "Home"),
    "Shapes": ("kernel k", "Home"),
    "TrainAClassifier": ("epochs", "Home"),
}
PLAIN = "interactive_output with an inline figure"
PLAIN_SOURCE = """
import ipywidgets, matplotlib.pyplot as plt
from d2lhelpers.labs.controls import LABEL_WIDTH
model = d2l.labs.LearningRateAndBatchSize()
slider = model.controls["learning_rate"].build()
def show(learning_rate):
    result = model.run(learning_rate=learning_rate)
    data, theta = result.data, result.theta
    figure, (curve, fit, plane) = plt.subplots(1, 3, figsize=(8.4, 3.3))
    curve.semilogy(result.seen, result.loss)
    curve.set_title("Training loss")
    fit.plot(data.X[:, 0], data.y, ".", alpha=0.3)
    fit.plot([-3, 3], [theta[-1, 2] - 3 * theta[-1, 0], theta[-1, 2] + 3 * theta[-1, 0]])
    plane.plot(theta[:, 0], theta[:, 2])
    plt.show()
    print(model.describe(result))
box = ipywidgets.VBox(
    [slider, ipywidgets.interactive_output(show, {"learning_rate": slider})])
box.add_class("plain-lab")
box
"""
_WATCH = """box => {
    window.shown = null
    document.addEventListener('keydown', e => { window.pressed = e.timeStamp }, true)
    new MutationObserver(changes => {
        const image = box.querySelector('img')
        const touched = changes.some(c => c.type === 'attributes' ? c.target.tagName === 'IMG'
            : [...c.addedNodes].some(n => n.querySelector &&
                (n.tagName === 'IMG' || n.querySelector('img'))))
        if (!touched || !image || !image.src) return
        const changed = performance.now() - window.pressed
        image.decode().then(() => {
            window.shown = [changed, performance.now() - window.pressed]
        }).catch(() => {})
    }).observe(box, {subtree: true, childList: true, attributes: true, attributeFilter: ['src']})
}"""


def measure(page: Page, box: Locator, handle: Locator, presses: int) -> dict[str, Any]:
    """Milliseconds from key to picture, for `presses` single presses back and forth."""
    box.evaluate(_WATCH)
    handle.focus()
    changed, decoded = [], []
    rng = random.Random(0)
    for press in range(presses + 5):
        page.evaluate("window.shown = null")
        page.keyboard.press("ArrowRight" if press // 10 % 2 == 0 else "ArrowLeft")
        page.wait_for_function("window.shown !== null", timeout=20_000, polling=20)
        times = page.evaluate("window.shown")
        if press >= 5:  # the first presses warm up fonts and caches
            changed.append(times[0])
            decoded.append(times[1])
        page.wait_for_timeout(120 + rng.uniform(0, 60))  # not in step with any timer
    return {"presses": presses, "latency_ms": _spread(changed), "decoded_ms": _spread(decoded)}


def cell_delays(cells: int) -> dict[str, float]:
    """Milliseconds from sending a cell to the kernel to its end, while a lab trains there."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(cwd=str(ROOT))
    found = []
    try:
        lab = "lab = d2l.labs.TrainAClassifier()\nlab.set(epochs=60, batch_size=8)\nlab.widget;"
        client.execute(f"import d2lhelpers as d2l\n{lab}", reply=True, timeout=120)
        rng = random.Random(0)
        for cell in range(cells):
            if cell % 40 == 0:  # a training of 60 epochs takes 15 s or more, 40 cells less
                client.execute("lab.start()", reply=True, timeout=30)
            time.sleep(rng.uniform(0.03, 0.1))
            began = time.perf_counter()
            client.execute("assert lab.running", reply=True, timeout=30)
            found.append((time.perf_counter() - began) * 1e3)
        reply = client.execute("assert lab.running", reply=True, timeout=30)
        if reply["content"]["status"] != "ok":
            raise RuntimeError("the training was over before the last cell")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return _spread(found)


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))], 1),
        "min": round(ordered[0], 1),
        "max": round(ordered[-1], 1),
    }


def run(presses: int) -> dict[str, Any]:
    """All labs and the plain construction, one page each, in one browser."""
    makers = {name: f"d2l.labs.{name}()" for name in LABS} | {PLAIN: PLAIN_SOURCE}
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        server = lab_page.JupyterLab(folder / "jupyterlab")
        try:
            browser = lab_page.start_chromium(playwright)
            for label, source in makers.items():
                path = folder / "lab.ipynb"
                lab_page.write_notebook(path, ["import d2lhelpers as d2l", source])
                page = server.open(browser, path)
                lab_page.run_all(page)
                if source is PLAIN_SOURCE:
                    box = page.locator(".plain-lab")
                    box.locator("img").wait_for(timeout=30_000)
                    handle = box.locator(".noUi-handle")
                else:
                    box = lab_page.lab(page)
                    slider, first_key = LABS[label]
                    handle = lab_page.control(box, slider)
                    if first_key:
                        lab_page.press(handle, first_key)
                        lab_page.wait_until_quiet(box)
                results[label] = measure(page, box, handle, presses)
                page.close()
                server.shut_kernels()
            browser.close()
        finally:
            server.close()
    return results


def main() -> int:
    """Measure, store, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--presses", type=int, default=80, help="presses per lab (60 or more)")
    results = run(parser.parse_args().presses)
    plain = results.pop(PLAIN)["latency_ms"]["median"] / 1e3
    rows = []
    for name, result in results.items():
        median, p95 = (result["latency_ms"][key] / 1e3 for key in ("median", "p95"))
        rows.append(at_most(f"{name}, key press to picture", median, "90 ms", 0.09, 1))
        rows.append(at_most(f"{name}, 95th percentile", p95, "180 ms", 0.18, 1))
        if name == "LearningRateAndBatchSize":  # what the plain construction computes as well
            rows.append(at_least(f"{name}, key press to picture", median, PLAIN, plain))
    delay = cell_delays(160)["median"] / 1e3
    rows.append(at_most("TrainAClassifier trains, another cell runs", delay, "100 ms", 0.1, 1))
    return store("lab_latency", rows, "python -m benchmarks.lab_latency")


if __name__ == "__main__":
    sys.exit(main())
