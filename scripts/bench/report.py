"""What every benchmark of the server shares: the figures it prints, and many connections at once."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from scripts.bench.wire import LeanClient
from scripts.bench.world import Account


@dataclass
class Report:
    """Prints each figure as it is known, and keeps it."""

    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        self.figures[name] = value
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        print(f"{name:<46} {shown:>12} {unit:<14} {note}", flush=True)


async def open_all(port: int, accounts: list[Account]) -> list[LeanClient]:
    clients: list[LeanClient] = []
    for start in range(0, len(accounts), 50):
        part = accounts[start : start + 50]
        clients += await asyncio.gather(*(LeanClient.connect(port, "/ws", account.hello) for account in part))
    return clients
