"""What `chatterm send` says is queued stays queued, whatever kills it, and goes out once."""

import json
import random
import subprocess
import threading

from tests.cli.conftest import Home, LiveServer


def test_killed_sends_are_never_doubled_and_never_lost_once_reported(
    live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """SIGKILL after a random time; what ended with 0 is there, nothing is there twice."""
    rng = random.Random(20)
    reported = []
    for n in range(16):
        process = home.start("send", ben, f"{n}")
        try:
            code = process.wait(rng.uniform(0.03, 0.4))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(30)
        process.communicate()
        if code == 0:
            reported.append(f"{n}")
    assert home.run("send", ben, "end", "--wait").code == 0
    texts = [json.loads(line)["text"] for line in ben_home.run("history", anna, "--json").lines]
    assert texts[-1] == "end"
    assert len(set(texts)) == len(texts)
    assert set(reported) <= set(texts)
    assert texts[:-1] == sorted(texts[:-1], key=int)
    assert home.run("outbox").out == ""


def test_parallel_sends_all_arrive_once(live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """Eight processes share one outbox; one of them at a time delivers."""
    results: list[int] = []

    def send(n: int) -> None:
        results.append(home.run("send", ben, f"{n}", "--wait", "--timeout", "20").code)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 8
    texts = [json.loads(line)["text"] for line in ben_home.run("history", anna, "--json").lines]
    assert sorted(texts) == [f"{n}" for n in range(8)]
