"""What a sent message has beside its text: what it answers, whom it mentions, where else it goes; and its one place."""

import json
import random
import subprocess

import pytest

from tests.cli.conftest import Home, LiveServer


def records(home: Home, target: str, *arguments: str) -> list[dict[str, object]]:
    """What `history --json` says of a chat's messages."""
    lines = [json.loads(line) for line in home.run("history", target, "--json", *arguments).lines]
    return [line for line in lines if line["kind"] == "message"]


def user_id(home: Home, email: str) -> int:
    people = [json.loads(line) for line in home.run("users", "--json").lines]
    return next(int(person["id"]) for person in people if person["email"] == email)


def test_a_message_answers_mentions_and_acts(live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """By seq or id; people by email or `@name` if they are in the group; `@` of a stranger is text."""
    other = live.new_user("Carol")
    title = f"Reply {anna}"
    assert home.run("group", title, ben).code == 0
    assert home.run("send", title, "question", "--wait").code == 0
    (question,) = records(home, title)
    assert home.run("send", title, "--reply", str(question["seq"]), f"yes @{ben}, not @{other}", "--wait").code == 0
    by_id = home.run("send", title, "--reply", str(question["id"]), "--mention", ben, "--mention-all", "ok", "--wait")
    assert by_id.code == 0, by_id.err
    assert home.run("send", title, "--me", "waves", "to ben@example.org.invalid", "--wait").code == 0
    _, first, second, acts = records(ben_home, title)
    ben_id = user_id(home, ben)
    assert (first["replyTo"], first["mentions"], first["mentionAll"]) == (question["seq"], [ben_id], False)
    assert (second["replyTo"], second["mentions"], second["mentionAll"]) == (question["seq"], [ben_id], True)
    assert (acts["text"], acts["mentions"]) == ("/me waves to ben@example.org.invalid", [])


def test_one_text_goes_to_several_targets_or_to_none(live: LiveServer, anna: str, ben: str, home: Home) -> None:
    """Each target once; one that is unknown stops all before anything is queued."""
    other = live.new_user("Dora")
    assert home.run("send", ben, "--also", other, "--also", ben, "both", "--wait").code == 0
    assert [record["text"] for record in records(home, ben)] == ["both"]
    assert [record["text"] for record in records(home, other)] == ["both"]
    refused = home.run("send", ben, "--also", "nobody at all", "none")
    assert (refused.code, refused.out) == (1, "")
    assert home.run("outbox").out == ""
    assert len(records(home, ben)) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--reply", "x"], 2, "names no message"),
        (["--reply", "0"], 2, "names no message"),
        (["--reply", "1"], 1, "no conversation"),
        (["--mention", "nobody at all"], 1, "Nobody is called"),
        (["--reply", "1", "--also", "x@example.org"], 2, "own chat only"),
    ],
)
def test_what_cannot_be_enclosed_is_refused_before_it_is_queued(
    anna: str, home: Home, arguments: list[str], code: int, says: str
) -> None:
    """One sentence; nothing in the outbox."""
    ben = "ben@example.org"
    result = home.run("send", ben, *arguments, "text")
    assert (result.code, result.out) == (code, "")
    assert says in result.err
    assert home.run("outbox").out == ""


def test_replies_killed_and_sent_again_under_one_key_are_there_once(
    anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """SIGKILL after a random time, then the same command again: as many messages as keys, all of them answers."""
    assert home.run("send", ben, "question", "--wait").code == 0
    rng = random.Random(7)
    for n in range(6):
        words = ("send", ben, "--reply", "1", "--once", f"key {n}", f"answer {n}")
        process = home.start(*words)
        try:
            process.wait(rng.uniform(0.05, 0.5))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        assert home.run(*words, "--wait").code == 0
    answers = records(ben_home, anna)[1:]
    assert [(record["text"], record["replyTo"]) for record in answers] == [(f"answer {n}", 1) for n in range(6)]
    changed = home.run("send", ben, "--reply", "1", "--once", "key 0", "another text", "--wait")
    assert changed.code == 1
    assert len(records(ben_home, anna)) == 7


def test_parallel_answers_to_several_people_all_arrive_once(
    live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """Many processes share one outbox, and half of them are killed; what is reported is there, nothing is twice."""
    assert home.run("send", ben, "question", "--wait").code == 0
    processes = [home.start("send", ben, "--reply", "1", f"{n}") for n in range(8)]
    for process in processes[::2]:
        process.kill()
    codes = [process.wait(30) for process in processes]
    for process in processes:
        process.communicate()
    assert home.run("send", ben, "end", "--wait").code == 0
    texts = [str(record["text"]) for record in records(ben_home, anna)][1:]
    assert texts[-1] == "end"
    assert len(set(texts)) == len(texts)
    assert {f"{n}" for n, code in enumerate(codes) if code == 0} <= set(texts)
