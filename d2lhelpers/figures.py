"""Figures with alternative text, as one output of a notebook cell: `show_figure`."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from .plotting import HASH_SALT, notebook_shell

MIME_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
PIXELS_PER_INCH = 96  # of a web page: at this size an SVG and a PNG of one figure are equally wide
Bundle = tuple[dict[str, Any], dict[str, Any]]


def show_figure(alt: str, figure: Figure | None = None, *, format: str = "svg") -> None:
    """Show a figure with its alternative text, then close it.

    In a notebook this makes one output that holds the picture and the text. A script with a window
    shows its windows, as `plt.show` does; elsewhere (a script without a screen, a test) nothing is
    shown.

    Args:
        alt: What the picture shows, for readers who do not see it.
        figure: The figure; None takes the current one.
        format: "svg" for line art, "png" for pictures with many pixels.

    Raises:
        TypeError: `alt` is not text or `figure` not a Matplotlib figure.
        ValueError: `alt` is blank, the format is unknown, or there is no figure.
    """
    check_alt(alt)
    if format not in MIME_TYPES:
        raise ValueError(f"format: wanted 'svg' or 'png', got {format!r}")
    if figure is None:
        if not plt.get_fignums():
            raise ValueError("show_figure: there is no figure; draw one in the same cell first")
        figure = plt.gcf()
    elif not isinstance(figure, Figure):
        raise TypeError(f"figure: wanted a Matplotlib Figure, got {type(figure).__name__}")
    if notebook_shell() is not None:
        from IPython.display import display

        data, metadata = figure_bundle(figure, alt, format)
        display(data, metadata=metadata, raw=True)
    elif has_window(figure):
        plt.show()
    # Closed, so that the inline backend does not show it a second time.
    plt.close(figure)


def figure_bundle(figure: Figure, alt: str, format: str = "svg", tight: bool = True) -> Bundle:
    """Render a figure for a notebook: data and metadata by MIME type.

    Args:
        tight: Cut or widen the margins to what is drawn; else the picture is as large as the
            figure.
    """
    mime = MIME_TYPES[format]
    properties: dict[str, Any] = {"alt": alt}
    if format == "svg":
        picture: str | bytes = svg_text(figure, alt, tight)
    else:
        picture = _save(
            figure, "png", tight, {"Software": None, "Description": alt}, 2 * PIXELS_PER_INCH
        )
        # Bytes 16 to 24 of a PNG file are its width and height (PNG specification, IHDR). Shown at
        # half its size in pixels, the picture is sharp on fine screens.
        properties["width"] = int.from_bytes(picture[16:20], "big") // 2
        properties["height"] = int.from_bytes(picture[20:24], "big") // 2
    return {mime: picture, "text/plain": alt}, {mime: properties}


def svg_text(figure: Figure, alt: str, tight: bool = True) -> str:
    """Render a figure as an SVG element: equal figures give equal text.

    The root carries `role="img"`, the alternative text as `aria-label`, and a `<title>`.
    """
    with mpl.rc_context({"svg.hashsalt": HASH_SALT}):
        metadata = {"Date": None, "Creator": None, "Title": alt}
        svg = _save(figure, "svg", tight, metadata).decode()
    # The XML declaration and the document type are wrong inside a page, where the element will
    # stand.
    root = svg[svg.index("<svg ") + len("<svg ") :]
    return f'<svg role="img" aria-label={quoteattr(alt)} {root}'


def check_alt(alt: str) -> None:
    """Refuse an alternative text that is not text (TypeError) or blank (ValueError)."""
    if not isinstance(alt, str):
        raise TypeError(
            f"alt: wanted a sentence that says what the picture shows, got {type(alt).__name__}"
        )
    if not alt.strip():
        raise ValueError("alt: wanted a sentence that says what the picture shows, got blank text")


def has_window(figure: Figure) -> bool:
    """Tell whether the figure belongs to a window on the screen."""
    return getattr(figure.canvas, "required_interactive_framework", None) is not None


def _save(
    figure: Figure, format: str, tight: bool, metadata: dict[str, Any], dpi: float | None = None
) -> bytes:
    # Constrained layout starts from where the axes are. From their places in the grid it ends with
    # the same picture, however often the figure was drawn before.
    if figure.get_layout_engine() is not None:
        for axes in figure.axes:
            if (place := axes.get_subplotspec()) is not None:
                axes.set_subplotspec(place)
    buffer = BytesIO()
    options: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.05} if tight else {}
    figure.savefig(buffer, format=format, metadata=metadata, dpi=dpi or "figure", **options)
    return buffer.getvalue()
