"""The proof that an import may be killed at any moment: run again, it leaves nothing out and doubles nothing."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import exports
from tests.support.files import noise

_TIMEOUT_S = 300.0


@dataclass(slots=True)
class ImportVerdict:
    """What was counted: SIGKILLs, imports that came to their end, and messages that were then as they should be."""

    kills: int = 0
    finished: int = 0
    checked: int = 0


def prove_imports(
    folder: Path, *, rounds: int, messages: int, seed: int, say: Callable[[str], object]
) -> ImportVerdict:
    """Kill imports of `messages` messages, with files, `rounds` times beside a server. Raises `AssertionError`."""
    chance = random.Random(seed)
    export = _export(folder / "export", messages)
    verdict = ImportVerdict()
    while verdict.kills < rounds:
        data = folder / f"data-{verdict.finished}"
        server = subprocess.Popen(
            _command("serve", "--data", data, "--port", 0), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert server.stdout is not None
        server.stdout.readline()
        try:
            while not _run(export, data, chance.uniform(0.3, 3.0)):
                verdict.kills += 1
        finally:
            server.terminate()
            server.wait(_TIMEOUT_S)
        verdict.finished += 1
        verdict.checked += _check(data, messages)
        say(f"{verdict.kills} kills, {verdict.finished} imports came to their end")
    return verdict


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "chatserver", *map(str, words)]


def _run(export: Path, data: Path, seconds: float) -> bool:
    """Let an import run for a while, then kill it; whether it came to its end before."""
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(_command("import", "slack", export, "--data", data), stdout=nowhere, stderr=nowhere)
    try:
        assert process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_TIMEOUT_S)
        return False
    return True


def _export(folder: Path, messages: int) -> Path:
    """A channel with replies, long texts and files, and one with nothing but words."""
    exports.slack(folder)
    for day in range(messages // 200):
        lines: list[dict[str, Any]] = []
        for number in range(200):
            at = 1_710_000_000 + day * 86_400 + number
            line: dict[str, Any] = {"type": "message", "user": f"U{1 + number % 2}", "ts": f"{at}.000000"}
            line["text"] = f"m {day} {number} " + "word " * (7_000 if number == 7 and day % 10 == 0 else number % 40)
            if number % 50 == 9:
                line["files"] = [{"id": f"F{day}x{number}", "name": "a.bin"}]
                path = folder / f"__uploads/F{day}x{number}/a.bin"
                path.parent.mkdir(parents=True)
                path.write_bytes(noise(20_000, day * 200 + number))
            lines.append(line)
        date = time.strftime("%Y-%m-%d", time.gmtime(1_710_000_000 + day * 86_400))
        exports.write_json(folder / f"garden/{date}.json", lines)
    return folder


def _check(data: Path, messages: int) -> int:
    """Every message is there once, in order, with its file; everybody is in the group and has seen all."""
    out = subprocess.run(_command("export", "--data", data), capture_output=True, check=True, timeout=_TIMEOUT_S)
    records = [json.loads(line) for line in out.stdout.splitlines()]
    [garden] = [record for record in records if record.get("title") == "garden" and record["type"] == "chat"]
    events = [record for record in records if record.get("chatId") == garden["id"]]
    assert [event["seq"] for event in events] == list(range(1, garden["head"] + 1)), "a hole in the log"
    assert [member["seen"] for member in garden["members"]] == [garden["head"]] * 2, "not everything counts as seen"
    told = [event for event in events if event.get("text", "").startswith("m ")]
    wanted = [f"m {day} {number}" for day in range(messages // 200) for number in range(200)]
    assert [" ".join(event["text"].split()[:3]) for event in told] == wanted, "lost, doubled or reordered"
    with_files = [event["text"].split()[2] for event in told if event.get("files")]
    assert with_files == [str(number) for _ in range(messages // 200) for number in range(9, 200, 50)], "files"
    return len(told)
