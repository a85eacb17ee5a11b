"""`chatterm send --file`, `upload` and `download` as processes: what scripts rely on."""

import json
import random
import subprocess
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Home
from tests.cli.test_schemas import check
from tests.support.files import noise


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "plan.pdf").write_bytes(noise(700_000, 1))
    (folder / "beds.txt").write_text("beds")
    return folder


def spool(home: Home) -> list[str]:
    """Copies that wait in the home's spool."""
    return [path.name for path in home.folder.glob("accounts/*/spool/*") if path.name != ".lock"]


def test_files_are_sent_listed_and_saved(anna: str, ben: str, home: Home, ben_home: Home, papers: Path) -> None:
    """With and without text; saved under their names, never over another; one file to standard output."""
    sent = home.run("send", ben, "--file", str(papers / "plan.pdf"), "--file", str(papers / "beds.txt"), "--wait")
    assert (sent.code, sent.out, sent.err) == (0, "", "")
    assert home.run("send", ben, "look", "--file", str(papers / "beds.txt"), "--wait").code == 0
    assert spool(home) == []
    messages = [json.loads(line) for line in ben_home.run("history", anna, "--json").lines]
    assert [message["text"] for message in messages] == ["", "look"]
    assert [file["name"] for file in messages[0]["files"]] == ["plan.pdf", "beds.txt"]
    into = papers.parent / "into"
    into.mkdir()
    (into / "beds.txt").write_text("mine")
    saved = ben_home.run("download", anna, str(messages[0]["seq"]), "--to", str(into))
    assert (saved.code, saved.err) == (0, "")
    assert saved.lines == [str(into / "plan.pdf"), str(into / "beds (2).txt")]
    assert (into / "plan.pdf").read_bytes() == (papers / "plan.pdf").read_bytes()
    assert (into / "beds.txt").read_text() == "mine"
    plan, beds = messages[0]["files"]
    (record,) = check("file", ben_home.run("download", anna, str(beds["id"]), "--to", str(into), "--json").lines)
    assert record == {**beds, "path": str(into / "beds (3).txt")}
    assert ben_home.run("download", anna, messages[1]["id"], "--to", "-").out == "beds"
    assert ben_home.run("download", anna, "1", "--to", "-").code == 2, "two files do not fit into one stream"
    process = ben_home.start("download", anna, str(plan["id"]), "--to", "-")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, (papers / "plan.pdf").read_bytes(), b"")


def test_what_is_wrong_is_said_with_its_exit_code(anna: str, ben: str, home: Home, papers: Path) -> None:
    """Nothing is queued, uploaded or left behind."""
    for arguments, code, said in (
        (("send", ben, "x", "--file", str(papers / "nothing")), 2, "There is no nothing in"),
        (("send", ben, "x", "--file", str(papers)), 2, "is a folder"),
        (("send", ben, "x", *["--file", str(papers / "beds.txt")] * 11), 2, "at most 10 files"),
        (("upload", str(papers / "beds.txt"), str(papers / "nothing")), 2, "There is no nothing in"),
        (("download", ben, "99"), 1, "no such file"),
        (("download", ben, "x"), 2, "names no message"),
    ):
        result = home.run(*arguments)
        assert (result.code, result.out) == (code, ""), result
        assert said in result.err
    assert home.run("outbox").out == ""
    assert spool(home) == []
    assert home.run("send", ben, "plain", "--wait").code == 0
    result = home.run("download", ben, "1")
    assert (result.code, "shows no files" in result.err) == (1, True)
    assert home.run("download", ben, "1", "--to", str(papers / "nowhere")).code == 1


def test_uploads_print_ids_that_bots_can_send(anna: str, home: Home, papers: Path) -> None:
    """As text and as JSON, in the order of the arguments."""
    plain = home.run("upload", str(papers / "plan.pdf"), str(papers / "beds.txt"))
    assert (plain.code, plain.err) == (0, "")
    ids = [line.split("\t") for line in plain.lines]
    assert [name for _, name in ids] == ["plan.pdf", "beds.txt"]
    (record,) = check("file", home.run("upload", "--json", str(papers / "beds.txt")).lines)
    assert (record["name"], record["size"], record["width"]) == ("beds.txt", 4, 0)
    assert home.run("download", anna, ids[1][0], "--to", "-").out == "beds"


def test_once_with_files_is_one_message(anna: str, ben: str, home: Home, papers: Path) -> None:
    """Repeated after success or before it, the same key and files are sent once."""
    command = ("send", ben, "report", "--once", "monday", "--file", str(papers / "plan.pdf"))
    for _ in range(2):
        assert home.run(*command, "--wait").code == 0
    assert len(home.run("history", ben, "--json").lines) == 1
    assert spool(home) == []


def test_killed_sends_with_files_are_whole_or_not_there(
    anna: str, ben: str, home: Home, ben_home: Home, papers: Path
) -> None:
    """SIGKILL after a random time: what ended with 0 arrives with its file, nothing twice, and no copy stays."""
    rng = random.Random(7)
    reported = []
    for n in range(5):
        process = home.start("send", ben, f"{n}", "--file", str(papers / "plan.pdf"))
        try:
            code = process.wait(rng.uniform(0.1, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(30)
        process.communicate()
        if code == 0:
            reported.append(f"{n}")
    assert home.run("send", ben, "end", "--file", str(papers / "beds.txt"), "--wait").code == 0
    messages = [json.loads(line) for line in ben_home.run("history", anna, "--json").lines]
    texts = [message["text"] for message in messages]
    assert texts[-1] == "end"
    assert len(set(texts)) == len(texts)
    assert set(reported) <= set(texts)
    assert {file["size"] for message in messages[:-1] for file in message["files"]} <= {700_000}
    assert all(len(message["files"]) == 1 for message in messages)
    assert home.run("outbox").out == ""
    assert spool(home) == []


def test_parallel_downloads_into_one_folder_are_all_whole(
    anna: str, ben: str, home: Home, ben_home: Home, papers: Path
) -> None:
    """Each has a file of its own."""
    assert home.run("send", ben, "--file", str(papers / "plan.pdf"), "--wait").code == 0
    into = papers.parent / "into"
    into.mkdir()
    results: list[tuple[int, str]] = []

    def save() -> None:
        result = ben_home.run("download", anna, "1", "--to", str(into))
        results.append((result.code, result.out.strip()))

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [code for code, _ in results] == [0] * 4
    assert sorted(path for _, path in results) == sorted(str(path) for path in into.iterdir())
    assert {path.read_bytes() for path in into.iterdir()} == {(papers / "plan.pdf").read_bytes()}
