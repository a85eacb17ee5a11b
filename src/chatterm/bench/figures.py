"""Figures that were measured, their targets, and how they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `target` is the most it should be; None where there is none."""

    name: str
    value: float
    unit: str
    target: float | None = None

    @property
    def met(self) -> bool:
        return self.target is None or self.value <= self.target


@dataclass(slots=True)
class Report:
    """All figures of a run, in the order in which they were measured."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    def add(self, name: str, value: float, unit: str, target: float | None = None) -> None:
        self.figures.append(Figure(name, value, unit, target))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def percentiles(
        self, name: str, values: Sequence[float], p50: float | None = None, p99: float | None = None
    ) -> None:
        """Median and 99th percentile, in milliseconds."""
        self.add(f"{name}, p50", percentile(values, 0.5), "ms", p50)
        self.add(f"{name}, p99", percentile(values, 0.99), "ms", p99)

    def text(self) -> str:
        """A table for people."""
        lines = [f"{'':48} {'measured':>12}  {'target':>9}"]
        for figure in self.figures:
            target = "" if figure.target is None else f"{figure.target:9.1f}"
            missed = "" if figure.met else "  MISSED"
            lines.append(f"{figure.name:48} {figure.value:9.2f} {figure.unit:3} {target:>9}{missed}")
        return "\n".join([*lines, *self.notes])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
