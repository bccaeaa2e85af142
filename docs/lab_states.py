"""Labs without a kernel: states of two controls, computed beforehand, and HTML text for them."""

from __future__ import annotations

import html
import inspect
import io
import json
import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from chapters import BookError
from PIL import Image

from d2lhelpers import labs
from d2lhelpers.labs.stage import PIXELS_PER_INCH, Stage

# Picture pixels per CSS pixel: sharp on most screens at half the size of the live lab's pictures.
DENSITY = 1.5
# Charts have few colors. With 64 of them a file is a third as large, and no difference is seen.
COLORS = 64
STEPS = 10  # positions of an evenly spaced slider at most, besides the start
LOG_STEPS = 17  # a logarithmic one with as many round values gets fewer to a power of ten


def find_lab(name: str) -> labs.Lab[Any]:
    """The lab `d2l.labs.name`; BookError when there is none."""
    made = getattr(labs, name)() if name in labs.__all__ else None
    if not isinstance(made, labs.Lab):
        raise BookError(f"d2l.labs.{name}: there is no such lab")
    return made


def positions(control: labs.Control) -> tuple[Any, ...]:
    """The values of a control in the web edition, in order; ends and start are among them."""
    if isinstance(control, labs.Choice):
        return control.options
    if isinstance(control, labs.Text):
        return control.examples
    if isinstance(control, labs.LogSlider):
        values = round_values(control.low, control.high, (1, 2, 5))
        if len(values) >= LOG_STEPS:
            values = round_values(control.low, control.high, (1, 3))
        return tuple(sorted({*values, control.low, control.high, control.default}))
    return tuple(sorted({*control.grid(STEPS), control.default}))


def round_values(low: float, high: float, digits: Sequence[int]) -> list[float]:
    """Such as 0.01, 0.02, 0.05, 0.1, … from `low` to `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return [value for value in values if low <= value <= high]


def varied(lab: labs.Lab[Any]) -> dict[str, tuple[Any, ...]]:
    """The controls that can be moved in the web edition, the first two, with their values."""
    return {name: positions(lab.controls[name]) for name in list(lab.controls)[:2]}


def render_lab(lab: labs.Lab[Any], folder: Path) -> list[list[str]]:
    """Write the picture of every state to `folder`: `i-j.png` for the controls' positions i and j.

    Returns:
        The sentences that describe the states, by i and j.
    """
    folder.mkdir(parents=True)
    stage = Stage(lab, DENSITY)
    (first, rows), *others = varied(lab).items()
    columns = [
        dict(others_at) for others_at in product(*[[(n, v) for v in vs] for n, vs in others])
    ]
    sentences: list[list[str]] = []
    for i, row in enumerate(rows):
        sentences.append([])
        for j, column in enumerate(columns):
            result = lab.run(**{first: row}, **column)
            (folder / f"{i}-{j}.png").write_bytes(with_few_colors(stage.png(result)))
            sentences[i].append(lab.describe(result))
    return sentences


def with_few_colors(png: bytes) -> bytes:
    """The picture as a PNG file with a palette."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    small = picture.quantize(COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    small.save(file, "PNG", compress_level=6)  # 9 takes six times as long to save 8 % more
    return file.getvalue()


def lab_html(lab: labs.Lab[Any], sentences: list[list[str]]) -> str:
    """The stand-in of a lab for `notebook_pages.prepare`; lab.js brings its controls to life."""
    axes = varied(lab)
    start = [values.index(lab.controls[key].default) for key, values in axes.items()]
    i, j = (*start, 0)[:2]
    first = sentences[i][j]
    pictures = f"{{root}}_static/labs/{lab.slug}"
    width, height = (round(PIXELS_PER_INCH * inches) for inches in lab.size)
    controls = "".join(
        control_html(key, lab.controls[key], values, at)
        for (key, values), at in zip(axes.items(), start, strict=True)
    )
    states_text = json.dumps({"pictures": pictures, "sentences": sentences}).replace("</", r"<\/")
    others = [f"{c.label} {shown(c.default)}" for k, c in lab.controls.items() if k not in axes]
    fixed = f" with {', '.join(others)}" if others else ""
    count = sum(map(len, sentences))
    return inspect.cleandoc(
        f"""
        <div class="lab" role="group" aria-labelledby="{{id}}-title">
        <p class="lab-title" id="{{id}}-title">{html.escape(lab.title)}</p>
        <div class="lab-controls" hidden>{controls}<button type="button">Reset</button></div>
        <div class="lab-frame">
        <img class="lab-picture" src="{pictures}/{i}-{j}.png" alt="{html.escape(first)}"
             width="{width}" height="{height}">
        </div>
        <p class="lab-sentence" role="status" aria-live="polite">{html.escape(first)}</p>
        <p class="lab-note">{count} results, computed beforehand{html.escape(fixed)}.
        The full lab, with all its controls, needs a running notebook: <code>make lab</code>.</p>
        <script type="application/json">{states_text}</script>
        </div>
        """
    )


def control_html(key: str, control: labs.Control, values: Sequence[Any], at: int) -> str:
    """A labelled list for choices, a labelled slider with its value for everything else.

    Text cannot be typed where there is no kernel: its slider goes through the examples.
    """
    texts = [shown(value) for value in values]
    label = f'<label for="{{id}}-{key}">{html.escape(control.caption)}</label>'
    if isinstance(control, labs.Choice | labs.Toggle):
        options = "".join(
            f"<option{' selected' if i == at else ''}>{html.escape(text)}</option>"
            for i, text in enumerate(texts)
        )
        return f'<div>{label}<select id="{{id}}-{key}">{options}</select></div>'
    listed = html.escape(json.dumps(texts))
    return (
        f'<div>{label}<input type="range" id="{{id}}-{key}" min="0" max="{len(values) - 1}" '
        f'step="1" value="{at}" aria-valuetext="{html.escape(texts[at])}" data-values="{listed}">'
        f'<output for="{{id}}-{key}">{html.escape(texts[at])}</output></div>'
    )


def shown(value: Any) -> str:
    """A value as the reader sees it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return f"{value:g}".replace("-", "\N{MINUS SIGN}")
    return str(value)
