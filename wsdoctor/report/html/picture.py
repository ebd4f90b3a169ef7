"""Timelines as pictures: where everything stands, in pixels at a zoom of 1.

Virtual time is mostly waiting, with a dozen events at one instant. So time is not to scale: each event
gets a place of its own, in order, and a wait is as wide as the logarithm of its length. Timelines that
are looked at together share their axis: the same instant stands at the same place in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsdoctor.report.model import Lifeline, Moment, Timeline

LANES = ("client", "wire", "server", "app", "log")

_SLOT = 27.0
_EDGE = 16.0
_LANE = 30
_BAR = 19
_TOP = 24
_CHARACTER = 6.2
"""The width of a character of a label, near enough."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event. ``room`` is how far the next one in its lane is."""

    number: int
    x: float
    y: float
    lane: str
    shape: str
    text: str
    time: str
    faulty: bool
    room: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    name: str
    kind: str
    told: str
    open: bool
    fits: bool


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str
    room: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait, ``width`` wide, before something happened."""

    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    case: str
    width: float
    height: float
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    waits: tuple[Wait, ...]


class Axis:
    """The places of the events of several timelines."""

    def __init__(self, timelines: Sequence[Timeline]) -> None:
        counts: dict[float, int] = {}
        for timeline in timelines:
            for time, number in _counted(timeline).items():
                counts[time] = max(counts.get(time, 0), number)
        self.starts: dict[float, float] = {}
        self.waits: list[Wait] = []
        x, before = _EDGE, None
        for time in sorted(counts):
            if before is not None:
                gap = 26 * math.log10(1 + (time - before) * 1000)
                if time - before >= 0.05:  # noqa: PLR2004 - less is no wait
                    begin = x - _SLOT + 11
                    self.waits.append(Wait(begin, gap + 5, _seconds(time - before)))
                x += gap
            self.starts[time] = x
            x += _SLOT * counts[time]
            before = time
        self.width = x - _SLOT + 2 * _EDGE

    def places(self, timeline: Timeline) -> list[float]:
        """Where its events stand."""
        used: dict[float, int] = {}
        places = []
        for moment in timeline.moments:
            place = used.get(moment.time, 0)
            used[moment.time] = place + 1
            places.append(self.starts[moment.time] + place * _SLOT)
        return places


def _counted(timeline: Timeline) -> dict[float, int]:
    counts: dict[float, int] = {}
    for moment in timeline.moments:
        counts[moment.time] = counts.get(moment.time, 0) + 1
    return counts


def picture(timeline: Timeline, axis: Axis) -> Picture:
    """``timeline`` on ``axis``."""
    heights = dict.fromkeys(LANES, _LANE)
    heights["app"] = _LANE + 4 + _BAR * len(timeline.lives)
    lanes, y = [], float(_TOP)
    for name in LANES:
        lanes.append(Lane(name, y, heights[name]))
        y += heights[name]
    top = {lane.name: lane.y for lane in lanes}
    places = axis.places(timeline)
    return Picture(
        case=timeline.case,
        width=axis.width,
        height=y + 2,
        lanes=tuple(lanes),
        marks=tuple(_marks(timeline.moments, places, top, axis.width)),
        bars=tuple(_bars(timeline.lives, places, top["app"] + _LANE, axis.width)),
        ticks=tuple(_ticks(axis)),
        waits=tuple(axis.waits),
    )


def _marks(
    moments: Sequence[Moment], places: Sequence[float], top: dict[str, float], width: float
) -> Iterator[Mark]:
    for index, (moment, x) in enumerate(zip(moments, places, strict=True)):
        after = [
            place
            for other, place in zip(moments[index + 1 :], places[index + 1 :], strict=True)
            if other.lane == moment.lane
        ]
        room = (after[0] if after else width) - x
        text = moment.text
        yield Mark(
            number=index + 1,
            x=round(x, 1),
            y=top[moment.lane] + _LANE / 2,
            lane=moment.lane,
            shape=_shape(moment),
            text=text,
            time=f"{moment.time:.3f}",
            faulty=moment.faulty,
            room=round(room, 1),
            fits=room - _SLOT >= len(text) * _CHARACTER,
        )


def _shape(moment: Moment) -> str:
    if moment.faulty:
        return "faulty"
    if moment.left_out:
        return "gap"
    if moment.lane == "wire":
        return "to-server" if moment.text.startswith("sends") else "to-client"
    return {"log": "log", "server": "server"}.get(moment.lane, "dot")


def _bars(
    lives: Sequence[Lifeline], places: Sequence[float], y: float, width: float
) -> Iterator[Bar]:
    for row, life in enumerate(lives):
        x = places[life.first] if places else 0.0
        end = width - 4 if life.last is None else places[life.last]
        span = max(end - x, 6.0)
        told = life.outcome if life.last is not None else "still alive"
        name = f"{life.name} ({life.place})" if life.place else life.name
        yield Bar(
            x=round(x, 1),
            y=y + row * _BAR,
            width=round(span, 1),
            name=name,
            kind=life.kind,
            told=told,
            open=life.last is None,
            fits=span >= len(f"{name}: {told}") * _CHARACTER,
        )


def _ticks(axis: Axis) -> Iterator[Tick]:
    times = list(axis.starts)
    for index, time in enumerate(times):
        x = axis.starts[time]
        room = (axis.starts[times[index + 1]] if index + 1 < len(times) else axis.width) - x
        label = f"{time:.3f} s"
        yield Tick(round(x, 1), label, round(room, 1), room >= len(label) * _CHARACTER + 4)


def _seconds(value: float) -> str:
    return f"{value:.3g} s"
