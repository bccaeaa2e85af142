"""The live widget of a lab: controls, picture, and a sentence that says what the picture shows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Protocol

import ipywidgets

from d2lhelpers.labs.controls import Control
from d2lhelpers.labs.newest import NewestWins
from d2lhelpers.labs.stage import PIXELS_PER_INCH, Drawn, Stage, quiet

# A run that is overtaken shows how far it came when the picture is older than this many seconds: a
# long drag would otherwise show nothing until it ends. The same pause stands between two pictures
# of one run.
STALE_PICTURE = 0.15
_END = object()


class Shown(Drawn, Protocol):
    """What a live view needs of a lab."""

    @property
    def title(self) -> str: ...

    @property
    def slug(self) -> str: ...

    @property
    def controls(self) -> Mapping[str, Control]: ...

    def results(self, **settings: Any) -> Iterator[Any]: ...

    def describe(self, result: Any, /) -> str: ...


class LiveView:
    """Widgets of one lab: carries settings in and pictures out; the lab computes and draws."""

    def __init__(self, lab: Shown, stage: Stage, settings: Mapping[str, Any]) -> None:
        self._lab = lab
        self._stage = stage
        self._newest: NewestWins[Any] = NewestWins(self._work)
        self._follow = True
        self._shown_at = 0.0
        self.result: Any = None
        self.pictures = 0

        self.controls = {name: control.build() for name, control in lab.controls.items()}
        self.reset_button = ipywidgets.Button(
            description="Reset",
            icon="refresh",
            tooltip="Back to the settings at the start",
            layout=ipywidgets.Layout(width="100px"),
        )
        width = round(lab.size[0] * PIXELS_PER_INCH)
        self.picture = ipywidgets.Image(
            format="png",
            width=width,
            layout=ipywidgets.Layout(max_width="100%", height="auto", object_fit="contain"),
        )
        self.sentence = ipywidgets.HTML(layout=ipywidgets.Layout(min_height="44px", width="auto"))
        for widget in self.controls.values():
            widget.observe(self._control_moved, "value")
        self.reset_button.on_click(lambda _: self.reset())
        panel = ipywidgets.Box(
            list(self.controls.values()),
            layout=ipywidgets.Layout(
                flex_flow="row wrap", align_items="center", overflow="visible"
            ),
        )
        head = ipywidgets.Box(
            [ipywidgets.HTML(f"<b>{escape(lab.title)}</b>"), self.reset_button],
            layout=ipywidgets.Layout(
                align_items="center", justify_content="space-between", max_width=f"{width}px"
            ),
        )
        self.box = ipywidgets.VBox(
            [head, panel, *self._above_picture(), self.picture, self.sentence],
            layout=ipywidgets.Layout(padding="4px 0"),
        )
        self.box.add_class("d2l-lab")
        self.box.add_class(f"d2l-lab-{lab.slug}")
        self.picture.add_class("d2l-lab-picture")
        self.sentence.add_class("d2l-lab-sentence")
        self.set(settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What the controls stand at."""
        return {
            name: control.read(self.controls[name]) for name, control in self._lab.controls.items()
        }

    def set(self, settings: Mapping[str, Any]) -> None:
        """Move the controls and show the result before returning."""
        self._move_controls(settings)
        self._newest.run_now(self.settings | dict(settings))

    def reset(self) -> None:
        """All controls back to their first values."""
        defaults = {name: control.default for name, control in self._lab.controls.items()}
        self._move_controls(defaults)
        self._newest.request(defaults)

    async def settled(self) -> None:
        """Returns when the picture shows what the controls say."""
        await self._newest.settled()

    def close(self) -> None:
        """Stop the work and free all widgets, here and in the page."""
        self._newest.cancel()
        _close(self.box)

    def _above_picture(self) -> list[ipywidgets.Widget]:
        """Widgets between the controls and the picture."""
        return []

    def _move_controls(self, settings: Mapping[str, Any]) -> None:
        self._follow = False
        try:
            for name, value in settings.items():
                self._lab.controls[name].write(self.controls[name], value)
        finally:
            self._follow = True

    def _control_moved(self, _change: Any) -> None:
        if not self._follow:
            return
        try:
            self._follow_controls(self.settings)
        except Exception as error:
            self._show_error(error)

    def _follow_controls(self, settings: dict[str, Any]) -> None:
        """The reader has moved a control: show what follows from it, now or soon."""
        self._newest.request(settings)

    def _work(self, settings: Any) -> Iterator[float | None]:
        began = time.perf_counter()
        seconds = 0.0
        result: Any = None
        try:
            with quiet():
                results = self._lab.results(**settings)
            while True:
                started = time.perf_counter()
                with quiet():
                    newer = next(results, _END)
                seconds += time.perf_counter() - started
                if newer is _END:
                    break
                # The first result may be the whole one, so it is not called partial.
                age = time.perf_counter() - max(self._shown_at, began)
                if result is not None and age > STALE_PICTURE:
                    self._show(newer, "computing: ")
                result = newer
                yield None
            self._show(result, "", seconds)
        except GeneratorExit:
            if result is not None and time.perf_counter() - self._shown_at > STALE_PICTURE:
                self._show_stale(result)
            raise
        except Exception as error:
            self._show_error(error)

    def _show(
        self, result: Any, prefix: str, seconds: float | None = None, announce: bool = True
    ) -> None:
        with quiet():
            picture = self._stage.png(result)
            text = self._lab.describe(result)
        taken = "" if seconds is None else f" <small>Computed in {_milliseconds(seconds)}.</small>"
        # The picture goes last: whoever waits for it finds the sentence that belongs to it.
        self._say(f"{escape(prefix + text)}{taken}", announce=announce)
        self.picture.value = picture
        self.result = result
        self.pictures += 1
        self._shown_at = time.perf_counter()

    def _show_stale(self, result: Any) -> None:
        try:
            self._show(result, "computing: ")
        except Exception as error:
            self._show_error(error)

    def _show_error(self, error: Exception) -> None:
        self._say(
            f"<b>These settings could not be shown.</b> {escape(type(error).__name__)}: "
            f"{escape(str(error))}",
            "d2l-lab-error",
            "color:#a00",
        )

    def _say(
        self,
        html: str,
        css_class: str = "d2l-lab-outcome",
        style: str = "",
        announce: bool = True,
    ) -> None:
        # What changes several times a second is not read aloud each time.
        live = "polite" if announce else "off"
        self.sentence.value = (
            f'<div class="{css_class}" role="status" aria-live="{live}" '
            f'style="line-height:1.4;{style}">{html}</div>'
        )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.01 else f"{seconds * 1e3:.0f} ms"


def _close(widget: ipywidgets.Widget) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    for part in ("layout", "style"):
        if isinstance(getattr(widget, part, None), ipywidgets.Widget):
            getattr(widget, part).close()
    widget.close()
