"""What every benchmark of the server shares: the figures it prints."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Prints each figure as it is known, and keeps it."""

    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        self.figures[name] = value
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        print(f"{name:<46} {shown:>12} {unit:<14} {note}", flush=True)
