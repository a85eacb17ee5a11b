"""`scripts/run` without a terminal: the conversation through a real server and real clients, printed."""

import asyncio
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def test_the_conversation_is_played_and_printed() -> None:
    """Every line carries a time, the bot answers and has the last word, and the exit code is 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.demo"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    said = re.findall(r"^(\d\d:\d\d:\d\d)  (.+?) → (.+?)  +(.*)$", out.decode(), re.MULTILINE)
    assert [(who, to) for _, who, to, _ in said] == [
        ("Csilla", "garden"),
        ("Dénes", "garden"),
        ("Csilla", "garden"),
        ("Béla", "garden"),
        ("Dénes", "garden"),
        ("Csilla", "garden"),
        ("Béla", "Anna"),
        ("Anna", "Béla"),
        ("Béla", "Anna"),
        ("Anna", "Robin (bot)"),
        ("Robin (bot)", "Anna"),
        ("Anna", "garden"),
        ("Robin (bot)", "garden"),
    ]
    (answer,) = [text for _, who, to, text in said if (who, to) == ("Robin (bot)", "Anna")]
    assert re.fullmatch(r"It is \d\d:\d\d\.", answer)
    assert [time for time, *_ in said] == sorted(time for time, *_ in said)
