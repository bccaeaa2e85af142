"""A notebook in a real browser: start JupyterLab, run all cells, move the controls of a lab.

Used by the fixtures in conftest.py and by benchmarks/lab_latency.py. Everything that JupyterLab
writes goes to one temporary folder; it listens on the loopback address only, on a free port, with a
random token.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import weakref
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Locator, Page, Playwright

REPOSITORY = Path(__file__).resolve().parents[2]
WINDOW = {"width": 1280, "height": 800}
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
_PROBLEMS: weakref.WeakKeyDictionary[Page, list[str]] = weakref.WeakKeyDictionary()


def find_chromium() -> str | None:
    """Path of a Chromium; PLAYWRIGHT_CHROMIUM wins. None when there is none."""
    named = os.environ.get("PLAYWRIGHT_CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    if Path("/usr/bin/chromium").exists():
        return "/usr/bin/chromium"
    found = (shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome", "chrome"))
    return next((path for path in found if path), None)


def start_chromium(playwright: Playwright) -> Browser:
    """A headless Chromium; RuntimeError when none is installed."""
    path = find_chromium()
    if path is None:
        raise RuntimeError("no Chromium found: install one or set PLAYWRIGHT_CHROMIUM to its path")
    return playwright.chromium.launch(executable_path=path, args=_FLAGS.split())


class JupyterLab:
    """A JupyterLab server on temporary folders; stop it with `close`.

    Args:
        folder: where it may write; notebooks are served from its subfolder `notebooks`.
        book: the repository; then the server is started there by `make lab`, as a reader starts
            it, and the token is the one that it prints.
    """

    def __init__(self, folder: Path, book: Path | None = None) -> None:
        self.notebooks = book or folder / "notebooks"
        self.notebooks.mkdir(parents=True, exist_ok=True)
        self.log = folder / "jupyterlab.log"
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = folder / "settings"
        _write_setting(settings, "apputils-extension", "notification", {"fetchNews": "false"})
        _write_setting(settings, "docmanager-extension", "plugin", {"autosave": False})
        environment = os.environ | {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "IPYTHONDIR": str(folder / "ipython"),
            "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(folder / "matplotlib")),
            "PYTHONPATH": os.pathsep.join(
                [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        }
        root = hasattr(os, "getuid") and os.getuid() == 0
        command = [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", f"--port={self.port}"),
            "--ServerApp.port_retries=0",
            "--expose-app-in-browser",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.allow_root={root}",
        ]
        if book:
            options = f"--no-browser --expose-app-in-browser --port={self.port}"
            command = ["make", "lab", f"LAB_ARGS={options}"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=book or folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # make and what it started are stopped together
            )
        if book:
            self.token = self._printed_token(90)
        self._wait_until_up(90)
        self._left: Page | None = None  # shows JupyterLab without a notebook, for the next one

    @property
    def base(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def open(self, browser: Browser, notebook: Path) -> Page:
        """A page showing a fresh copy of `notebook`, its kernel ready."""
        # A name of its own, so that no kernel of an earlier page is found again.
        name = f"{notebook.stem}_{secrets.token_hex(3)}.ipynb"
        shutil.copyfile(notebook, self.notebooks / name)
        return self.open_served(browser, name)

    def open_served(self, browser: Browser, name: str) -> Page:
        """A page showing the notebook at this path below the server's folder, its kernel ready.

        This is the page that `leave` has kept, if there is one: opening a notebook there takes half
        the time of starting JupyterLab anew.
        """
        page, self._left = self._left, None
        if page is None:
            page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
            _PROBLEMS[page] = found = []
            page.on("console", lambda m: found.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: found.append(f"uncaught: {error}"))
            page.on("websocket", lambda s: s.on("framereceived", lambda f: _inspect(f, found)))
            page.goto(f"{self.base}/lab/tree/{name}?reset&token={self.token}")
        else:
            _PROBLEMS[page].clear()
            page.evaluate(
                """async path => {
                    const app = window.jupyterapp
                    const others = Array.from(app.shell.widgets('main'))
                    await app.commands.execute('docmanager:open', {path})
                    others.forEach(widget => widget.dispose())  // the launcher
                }""",
                name,
            )
        if not _wait(lambda: _kernel_is_idle(page), 90, 0.1):
            raise TimeoutError("the kernel did not become idle within 90 s")
        return page

    def leave(self, page: Page) -> None:
        """Close the notebook unsaved, stop all kernels, and keep the page for the next notebook.

        A page that asks something is closed instead.
        """
        if page.locator(".jp-Dialog").count():
            page.close()
        else:
            page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
            self._left = page
        self.shut_kernels()

    def shut_kernels(self) -> None:
        """Stop all kernels, so that the next page finds a quiet machine."""
        for kernel in json.loads(self._ask("/api/kernels")):
            self._ask(f"/api/kernels/{kernel['id']}", "DELETE")

    def tracebacks(self) -> list[str]:
        """What the log of server and kernels says of exceptions, each with the lines after it."""
        lines = self.log.read_text(errors="replace").splitlines()
        found = (n for n, line in enumerate(lines) if re.search(r"Traceback|Exception in", line))
        return ["\n".join(lines[max(0, n - 2) : n + 30]) for n in found]

    def close(self) -> None:
        """Stop the server and its kernels."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            self.base + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def _printed_token(self, seconds: float) -> str:
        """The token in the address that the server prints."""
        address = re.compile(rf"http://(?:localhost|127\.0\.0\.1):{self.port}/\S*\?token=(\w+)")
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and self._process.poll() is None:
            found = address.search(self.log.read_text(errors="replace"))
            if found:
                return found[1]
            time.sleep(0.2)
        raise RuntimeError(f"no address was printed:\n{self.log.read_text(errors='replace')}")

    def _wait_until_up(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                break
            try:
                self._ask("/api/status")
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
            else:
                return
        self.close()
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text(errors='replace')}")


def run_all(page: Page, seconds: float = 120) -> None:
    """Clear all outputs, run all cells from the menu, and wait until every one has run."""
    _clear(page)
    for _ in range(3):
        page.click('li.lm-MenuBar-item:has-text("Run")')
        page.click('.lm-Menu-item[data-command="runmenu:run-all"]')
        # The click is lost now and then while the page is still settling.
        if _wait(lambda: any(_execution_counts(page)), 5, 0.1):
            break
    if not _wait(lambda: all(_execution_counts(page)), seconds, 0.1):
        raise TimeoutError(f"cells still running after {seconds} s: {_execution_counts(page)}")


def run_lab(page: Page, seconds: float = 120) -> None:
    """Clear all outputs, run the cell of imports and the first lab, and wait for them."""
    _clear(page)
    for what in ("import d2lhelpers as d2l", "d2l.labs."):
        page.evaluate(
            """what => {
                const notebook = window.jupyterapp.shell.currentWidget.content
                const sources = Array.from(notebook.model.cells, c => c.sharedModel.getSource())
                notebook.activeCellIndex = sources.findIndex(source => source.includes(what))
                window.jupyterapp.commands.execute("notebook:run-cell")
                return null
            }""",
            what,
        )
    if not _wait(lambda: sum(map(bool, _execution_counts(page))) == 2, seconds, 0.1):
        raise TimeoutError(f"the lab did not run in {seconds} s: {_execution_counts(page)}")


def _clear(page: Page) -> None:
    """Clear all outputs."""
    page.evaluate("window.jupyterapp.commands.execute('editmenu:clear-all').then(() => null)")
    if not _wait(lambda: not any(_execution_counts(page)), 10):
        raise TimeoutError("the stored outputs were not cleared")


def lab(page: Page, n: int = 0) -> Locator:
    """The n-th lab on the page, scrolled into view, its picture loaded and settled."""
    # JupyterLab takes cells far from the window off the page.
    page.evaluate(
        """async n => {
            const notebook = window.jupyterapp.shell.currentWidget.content
            const cells = Array.from(notebook.model.cells)
            const labs = cells.filter(
                cell => cell.sharedModel.getSource().includes("d2l.labs."))
            if (labs.length > n) {
                notebook.activeCellIndex = cells.indexOf(labs[n])
                await notebook.scrollToItem(notebook.activeCellIndex, 'smart')
            }
        }""",
        n,
    )
    box = page.locator(".d2l-lab").nth(n)
    box.wait_for(timeout=30_000)
    box.scroll_into_view_if_needed()
    image = box.locator("img")
    image.wait_for(timeout=30_000)
    image.evaluate("image => image.decode()")
    wait_until_quiet(box)
    return box


def control(box: Locator, label: str) -> Locator:
    """What takes the keys of the control with this label: handle, list, checkbox or button."""
    if label == "Reset":
        return box.get_by_role("button", name="Reset")
    row = box.locator(".widget-inline-hbox").filter(
        has=box.page.locator(".widget-label", has_text=re.compile(rf"^{re.escape(label)}(?: \(|$)"))
    )
    return row.locator(".noUi-handle, select, input[type=checkbox]").first


def press(handle: Locator, key: str = "ArrowRight", times: int = 1) -> None:
    """Press a key on a control, as fast as the browser takes them."""
    handle.focus()
    for _ in range(times):
        handle.page.keyboard.press(key)


def drag(handle: Locator, pixels: float) -> None:
    """Drag a slider's handle to the right with the mouse."""
    handle.scroll_into_view_if_needed()
    handle.page.wait_for_timeout(300)  # the page may still move under the mouse
    frame = handle.bounding_box()
    assert frame is not None, "the handle is not on the page"
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    mouse = handle.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + pixels, y, steps=8)
    mouse.up()


def press_times(box: Locator, handle: Locator, presses: int) -> list[float]:
    """Milliseconds from each of some key presses to the new picture, measured in the page."""
    box.locator("img").evaluate(
        """image => {
            window.shown = 0
            new MutationObserver(() => window.shown = performance.now())
                .observe(image, {attributes: true, attributeFilter: ['src']})
            document.addEventListener('keydown', e => window.pressed = e.timeStamp, true)
        }"""
    )
    found = []
    for n in range(presses):
        old = picture(box)
        press(handle, "ArrowRight" if n % 2 else "ArrowLeft")
        wait_for_change(box, old)
        wait_until_quiet(box, 0.15)
        found.append(box.page.evaluate("window.shown - window.pressed"))
    return found


def picture(box: Locator) -> str:
    """The address of the picture shown now; it changes with every picture."""
    return box.locator("img").get_attribute("src") or ""


def picture_bytes(box: Locator) -> bytes:
    """The file of the picture shown now."""
    address = box.locator("img").evaluate(
        """async image => {
            const blob = await (await fetch(image.src)).blob()
            return await new Promise(resolve => {
                const reader = new FileReader()
                reader.onload = () => resolve(reader.result)
                reader.readAsDataURL(blob)
            })
        }"""
    )
    return base64.b64decode(address.partition(",")[2])


def sentence(box: Locator) -> str:
    """What the lab says about its picture."""
    return box.locator("[role=status]").inner_text()


def wait_for_change(box: Locator, old: str, seconds: float = 10) -> None:
    """Wait until the picture is not the one at the address `old`; TimeoutError when it stays."""
    # The page looks for itself: questions from outside would take a part of the time they wait for.
    changed = box.evaluate(
        """(box, [old, seconds]) => new Promise(resolve => {
            const limit = performance.now() + 1000 * seconds
            const look = () => {
                if ((box.querySelector('img').getAttribute('src') || '') !== old) resolve(true)
                else if (performance.now() > limit) resolve(false)
                else setTimeout(look, 10)
            }
            look()
        })""",
        [old, seconds],
    )
    if not changed:
        raise TimeoutError(f"the picture did not change within {seconds} s")


def wait_until_quiet(box: Locator, seconds: float = 0.4) -> None:
    """Wait until picture and sentence have stayed the same for a while, the kernel idle."""
    box.evaluate(
        """(box, seconds) => new Promise(resolve => {
            const state = () => box.querySelector('img').getAttribute('src')
                + box.querySelector('[role=status]').textContent
            const widget = window.jupyterapp.shell.currentWidget
            const busy = () => widget?.sessionContext?.session?.kernel?.status === 'busy'
            const limit = performance.now() + 10000  // a cell may be running all the time
            let shown = state(), since = performance.now()
            const look = () => {
                const now = state()
                if (now !== shown || (busy() && performance.now() < limit)) {
                    shown = now
                    since = performance.now()
                }
                if (performance.now() - since >= 1000 * seconds) resolve()
                else setTimeout(look, 20)
            }
            look()
        })""",
        seconds,
    )


def screenshot(page: Page, name: str) -> Path:
    """Save the window as a PNG in the folder SCREENSHOTS (default: tests/browser/screenshots)."""
    folder = Path(os.environ.get("SCREENSHOTS") or Path(__file__).with_name("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path)
    return path


def problems(page: Page) -> list[str]:
    """Errors in the browser's console and tracebacks among the kernel's messages, so far."""
    return list(_PROBLEMS[page])


def write_notebook(path: Path, cells: list[str]) -> Path:
    """A notebook of code cells, for tests that need one of their own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)
    return path


def _write_setting(folder: Path, package: str, plugin: str, values: dict[str, object]) -> None:
    path = folder / "@jupyterlab" / package / f"{plugin}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def _execution_counts(page: Page) -> list[int | None]:
    """The numbers of the code cells, None before one has run; the page hides some of them."""
    return page.evaluate(
        """() => Array.from(window.jupyterapp.shell.currentWidget.content.model.cells)
            .filter(cell => cell.type === 'code' && cell.sharedModel.getSource().trim())
            .map(cell => cell.executionCount)"""
    )


def _inspect(data: str | bytes, found: list[str]) -> None:
    frame = data.encode() if isinstance(data, str) else data
    if b"Traceback (most recent call last)" in frame:
        found.append(f"from the kernel: {frame[-2000:].decode(errors='replace')}")


def _kernel_is_idle(page: Page) -> bool:
    """Whether the notebook shown has a connected, idle kernel."""
    # A busy JupyterLab asks for the kernel when it knows the notebook before the kernels.
    question = page.locator(".jp-Dialog", has_text="Select Kernel")
    if question.is_visible():
        question.locator("select").select_option(label="Python 3 (ipykernel)")
        question.locator(".jp-mod-accept").click()
    return page.evaluate(
        """() => {
            const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel
            return kernel?.connectionStatus === 'connected' && kernel?.status === 'idle'
        }"""
    )


def _wait(condition, seconds: float, interval: float = 0.02) -> bool:
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(interval)
    return True
