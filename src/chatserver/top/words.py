"""Numbers as people read them, each in few characters."""

from typing import Final

_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
UNKNOWN: Final = "-"


def number(value: float) -> str:
    """A count or a rate, such as `0`, `0.4`, `123`, `12,345` or `1.23 M`."""
    if value >= 1e6:
        return f"{value / 1e6:.2f} M" if value < 1e9 else f"{value / 1e9:.2f} G"
    if value >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.05 else "<0.1"


def size(value: float) -> str:
    """Bytes, such as `0 B`, `1.5 KiB` or `84 MiB`."""
    for unit in _BYTES:
        if value < 1_000 or unit == _BYTES[-1]:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1_024
    raise AssertionError("the last unit takes everything")


def duration(seconds: float | None) -> str:
    """A short time, such as `0.52 ms`, `12 ms` or `1.2 s`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.01:
        return f"{seconds * 1e3:.2f} ms"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.1f} s"


def pair(one: float | None, other: float | None) -> str:
    """Two short times in one unit, such as `1.2/9.8 ms`."""
    if one is None or other is None:
        return UNKNOWN
    scale, unit = (1e3, "ms") if other < 1 else (1.0, "s")
    first, second = one * scale, other * scale
    return f"{_figure(first)}/{_figure(second)} {unit}"


def span(seconds: float) -> str:
    """A long time by its two largest units, such as `45 s`, `3 min`, `2 h 5 min` or `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def share(value: float) -> str:
    """Percent."""
    return f"{value * 100:.1f} %" if value < 0.1 else f"{value * 100:.0f} %"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"
