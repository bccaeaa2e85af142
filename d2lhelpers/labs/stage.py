"""The kept figure of a lab: artists that move are drawn over a kept background.

Drawing a whole figure takes about 50 ms, most of it text and ticks. A lab therefore marks what
moves with `moving(artist)`. Matplotlib keeps such "animated" artists out of the figure's own
drawing and does not call the figure stale when they change; so as long as the figure is not stale,
its kept pixels are restored and only the moving artists are drawn: about 3 ms.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from d2lhelpers.labs.png import encode_png
from d2lhelpers.plotting import STYLE_FILE

PIXELS_PER_INCH = 100  # CSS pixels; the picture itself has `density` times as many
DENSITY = 2.0

# Okabe and Ito's palette, told apart with every common kind of color blindness.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
GREY, INK = "#8A8A8A", "#222222"

# What the reader has set for other figures must not change this one, hence Matplotlib's own values
# first, then the book's.
_NOT_LOOKS = (
    "backend",
    "docstring",
    "interactive",
    "keymap",
    "timezone",
    "tk",
    "toolbar",
    "webagg",
)
_STYLE: dict[Any, Any] = {
    **{k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(_NOT_LOOKS)},
    **matplotlib.rc_params_from_file(STYLE_FILE, use_default_template=False),
    # A lab is more than twice as wide as a figure of the book: smaller letters do.
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.grid": False,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.constrained_layout.use": False,  # axes that moved with their labels would tremble
}

AnyArtist = TypeVar("AnyArtist", bound=Artist)


def moving(artist: AnyArtist) -> AnyArtist:
    """Mark `artist` as one that changes with the settings; returns it."""
    artist.set_animated(True)
    return artist


def set_limits(
    axes: Axes, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None
) -> None:
    """Set limits that differ; setting equal ones would cost a full redraw."""
    if x is not None and axes.get_xlim() != x:
        axes.set_xlim(x)
    if y is not None and axes.get_ylim() != y:
        axes.set_ylim(y)


@contextmanager
def quiet() -> Iterator[None]:
    """Overflow and NaN are subjects of a lab, not news for the reader's error stream."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Drawn(Protocol):
    """What a stage needs of a lab."""

    @property
    def size(self) -> tuple[float, float]: ...

    def layout(self, figure: Figure, /) -> Any: ...

    def draw(self, result: Any, axes: Any, /) -> None: ...


class Stage:
    """Figure, canvas and artists of one lab, kept from picture to picture.

    Args:
        lab: whose `layout` and `draw` fill the figure.
        density: picture pixels per CSS pixel.
    """

    def __init__(self, lab: Drawn, density: float = DENSITY) -> None:
        self._lab = lab
        self.full_draws = 0
        with matplotlib.rc_context(_STYLE):
            self.figure = Figure(figsize=lab.size, dpi=PIXELS_PER_INCH * density)
            self._canvas = FigureCanvasAgg(self.figure)
            self._axes = lab.layout(self.figure)
        self._background: Any = None

    def png(self, result: Any, level: int = 1) -> bytes:
        """The picture of `result` as a PNG file; the same result gives the same bytes."""
        with quiet(), matplotlib.rc_context(_STYLE):
            self._lab.draw(result, self._axes)
            if self._background is None or self.figure.stale:
                self._draw_background()
            self._canvas.restore_region(self._background)
            for artist in self._moving_artists():
                if artist.get_visible():
                    artist.draw(self._canvas.get_renderer())
            return encode_png(np.asarray(self._canvas.buffer_rgba()), level)

    def svg(self, result: Any) -> str:
        """The picture of `result` as SVG text, the same for the same result."""
        with quiet(), matplotlib.rc_context(_STYLE):
            self._lab.draw(result, self._axes)
            file = io.StringIO()
            self.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
            self._background = None
            return file.getvalue()

    def _draw_background(self) -> None:
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)
        self.full_draws += 1

    def _moving_artists(self) -> list[Artist]:
        parents = [self.figure, *self.figure.axes]
        found = [a for parent in parents for a in parent.get_children() if a.get_animated()]
        return sorted(found, key=lambda artist: artist.get_zorder())
