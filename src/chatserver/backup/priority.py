"""How work that has time makes room for what has none."""

import contextlib
import os
from pathlib import Path
from typing import Final

_NICE: Final = 19
_OOM_SCORE: Final = "500"


def give_way() -> None:
    """Have this process take the processor only when nobody else wants it, and end first when memory runs out."""
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
