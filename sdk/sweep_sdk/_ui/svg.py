"""Static pictures: points, lines and bands over two axes, as SVG. All functions are pure."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._results.outliers import limit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 620, 34, 274
_N_TICKS = 5
_MOST_LABELS = 12

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        low: Value at its beginning.
        high: Value at its end.
        is_log: Whether it is logarithmic; both limits are positive then.
        texts: Labels at 0, 1, 2, ... of an axis of categories.
    """

    label: str
    low: float
    high: float
    is_log: bool = False
    texts: tuple[str, ...] = ()

    def place(self, value: float) -> float:
        """Where a value is: 0 at the beginning, 1 at the end; values outside are at the edge."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        inside = self._scaled(min(max(value, self.low), self.high))
        return (inside - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        """Some values with their labels."""
        if self.texts:
            every = -(-len(self.texts) // _MOST_LABELS)
            return [(n, text) for n, text in enumerate(self.texts) if n % every == 0]
        if self.is_log:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            if len(decades) > 1:
                every = -(-len(decades) // _N_TICKS)
                return [(10.0**n, f"{10.0**n:g}") for n in decades[::every]]
            return [(value, f"{value:.2g}") for value in (self.low, self.high)]
        step = _round_step((self.high - self.low) / _N_TICKS)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [(n * step, f"{n * step:.6g}") for n in range(first, last + 1)]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.is_log else value


def _round_step(step: float) -> float:
    """The next larger of 1, 2, 5, 10, 20, ..."""
    if not step > 0 or not math.isfinite(step):
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= step * (1 - 1e-9))


def value_axis(label: str, values: Iterable[float], sign: int) -> Axis:
    """An axis of the values of a metric, which ends where a few diverged ones would flatten it.

    Args:
        label: Its name.
        values: Finite ones.
        sign: 1 if small values are better, else -1.
    """
    costs = [sign * value for value in values]
    if not costs:
        return Axis(label, 0.0, 1.0)
    best, limit = min(costs), limit_of(costs)
    worst = max(costs) if limit is None else limit
    room = 0.04 * (worst - best) or abs(best) * 0.04 or 1.0
    low, high = sorted((sign * (best - room), sign * (worst + room)))
    return Axis(label, low, high)


@dataclass(frozen=True)
class Points:
    """Points of one kind: a colour and a shape (``circle``, ``square`` or ``cross``)."""

    name: str
    points: Sequence[Point]
    color: str
    shape: str = "circle"


@dataclass(frozen=True)
class Line:
    """A line; ``is_stepped`` draws it level until the next point."""

    points: Sequence[Point]
    color: str
    width: float = 1.5
    is_stepped: bool = False


@dataclass(frozen=True)
class Band:
    """The area between two lines."""

    low: Sequence[Point]
    high: Sequence[Point]


def picture(
    title: str,
    x: Axis,
    y: Axis,
    points: Sequence[Points] = (),
    lines: Sequence[Line] = (),
    bands: Sequence[Band] = (),
) -> str:
    """The text of an SVG file."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_axes(x, y),
        *(_band(band, x, y) for band in bands),
        *(mark for kind in points for mark in _marks(kind, x, y)),
        *(_line(line, x, y) for line in lines),
        *_legend(points),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _at(point: Point, x: Axis, y: Axis) -> tuple[float, float]:
    across = _LEFT + x.place(point[0]) * (_RIGHT - _LEFT)
    return round(across, 1), round(_BOTTOM - y.place(point[1]) * (_BOTTOM - _TOP), 1)


def _text(x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
    shown = html.escape(words if len(words) <= 40 else f"{words[:37]}...")
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#444444"{more}>{shown}</text>'


def _axes(x: Axis, y: Axis) -> Iterable[str]:
    for value, words in y.ticks():
        _, height = _at((x.low, value), x, y)
        yield f'<path d="M{_LEFT} {height}H{_RIGHT}" stroke="#e6e6e6"/>'
        yield _text(_LEFT - 6, height + 4, words, "end")
    for value, words in x.ticks():
        yield _text(_at((value, y.low), x, y)[0], _BOTTOM + 16, words)
    yield f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" stroke="#999999" fill="none"/>'
    yield _text((_LEFT + _RIGHT) / 2, _HEIGHT - 10, x.label)
    yield _text(_LEFT, 16, y.label, "start")


def _marks(kind: Points, x: Axis, y: Axis) -> Iterable[str]:
    for point in kind.points:
        yield _mark(kind, *_at(point, x, y))


def _mark(kind: Points, across: float, up: float) -> str:
    if kind.shape == "cross":
        cross = f"M{across - 3} {up - 3}l6 6m0 -6l-6 6"
        return f'<path d="{cross}" stroke="{kind.color}" stroke-width="1.6"/>'
    if kind.shape == "square":
        place = f'x="{across - 3}" y="{up - 3}" width="6" height="6"'
        return f'<rect {place} fill="{kind.color}" fill-opacity="0.75"/>'
    return f'<circle cx="{across}" cy="{up}" r="3" fill="{kind.color}" fill-opacity="0.75"/>'


def _line(line: Line, x: Axis, y: Axis) -> str:
    places = [_at(point, x, y) for point in line.points]
    if line.is_stepped:
        steps = (f"H{across}V{up}" for across, up in places[1:])
        path = "".join([f"M{places[0][0]} {places[0][1]}", *steps]) if places else ""
    else:
        path = "M" + "L".join(f"{across} {up}" for across, up in places) if places else ""
    return f'<path d="{path}" fill="none" stroke="{line.color}" stroke-width="{line.width}"/>'


def _band(band: Band, x: Axis, y: Axis) -> str:
    corners = (_at(point, x, y) for point in (*band.low, *reversed(band.high)))
    around = " ".join(f"{across},{up}" for across, up in corners)
    return f'<polygon points="{around}" fill="#2f6db3" fill-opacity="0.15"/>'


def _legend(points: Sequence[Points]) -> Iterable[str]:
    place = float(_RIGHT)
    for kind in reversed([kind for kind in points if kind.name and kind.points]):
        yield _text(place, 16, kind.name, "end")
        place -= 7.0 * len(kind.name) + 10
        yield _mark(kind, place, 12)
        place -= 14
