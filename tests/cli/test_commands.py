"""The shell commands as people and scripts run them."""

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import PASSWORD, Home, LiveServer


def unused_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- login, logout, accounts


def test_login_keeps_tokens_only_and_makes_names_available_offline(
    live: LiveServer, home: Home, anna: str, ben: str
) -> None:
    """The password is on no disk; the account is the default; people can be written to without a network."""
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    accounts = [json.loads(line) for line in home.run("accounts", "--json").lines]
    assert [(account["email"], account["server"], account["default"]) for account in accounts] == [
        (anna, live.url, True)
    ]
    assert any(json.loads(line)["name"].startswith("Anna") is False for line in home.run("users", "--json").lines)


def test_a_wrong_password_is_refused_and_leaves_nothing(live: LiveServer, home: Home, ben: str) -> None:
    """Exit 1, one sentence, no account."""
    result = home.run("login", live.url, "--email", ben, "--password-stdin", given="wrong horse\n")
    assert (result.code, result.out) == (1, "")
    assert "Email or password is wrong" in result.err
    assert home.run("accounts").out == ""


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("http://127.0.0.1:{closed}", 69, "nothing listens there"),
        ("http://no-such-host.invalid", 69, "cannot be reached"),
        ("ftp://chat.example.org", 2, "not https://"),
        ("http://localhost:8080/path", 2, "only the server itself"),
        ("http://user:secret@localhost", 2, "leave them out"),
        ("http://localhost:99999", 2, "port"),
        ("", 2, "not a server address"),
        ("https://127.0.0.1:{open}", 69, "http://"),
    ],
)
def test_a_wrong_address_is_explained_before_the_password_is_asked_for(
    live: LiveServer, home: Home, url: str, code: int, says: str
) -> None:
    """Each kind of wrong address has its own sentence."""
    address = url.format(closed=unused_port(), open=live.port)
    result = home.run("login", address, "--email", "a@b.c", "--password-stdin", given=PASSWORD)
    assert result.code == code, result.err
    assert says in result.err


def test_something_else_at_the_address_is_not_taken_for_a_chat_server(home: Home) -> None:
    """A server that says something else gets no password."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        process = home.start("login", f"127.0.0.1:{port}", "--email", "a@b.c", "--password-stdin")
        assert process.stdin is not None
        process.stdin.write(PASSWORD.encode())
        process.stdin.close()
        connection, _ = listening.accept()
        with connection:
            asked = connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>")
        process.stdin = None
        _, err = process.communicate(timeout=30)
    assert process.returncode == 69
    assert b"is not a chatterm server" in err
    assert PASSWORD.encode() not in asked


def test_plain_http_to_another_machine_is_warned_about(home: Home) -> None:
    """Loudly, on standard error, before anything is sent."""
    result = home.run("login", "http://no-such-host.invalid", "--email", "a@b.c", "--password-stdin")
    assert "WARNING" in result.err


def test_logout_ends_the_session_on_the_server_and_forgets_the_tokens(live: LiveServer, home: Home, anna: str) -> None:
    """Tokens copied before are worth nothing afterwards."""
    token_file = next(home.folder.rglob("credentials.json"))
    copied = token_file.read_bytes()
    result = home.run("logout")
    assert result.code == 0, result.err
    assert not token_file.exists()
    assert home.run("send", "x@example.org", "hi").code == 3
    token_file.write_bytes(copied)
    token_file.chmod(0o600)
    registry = {
        "default": None,
        "accounts": [
            {"key": token_file.parent.name, "server_url": live.url, "email": anna, "user_id": 1, "display_name": "A"}
        ],
    }
    (home.folder / "accounts.json").write_text(json.dumps(registry))
    assert "signed out" in home.run("users").err


def test_nobody_signed_in_is_said_with_what_to_do(home: Home) -> None:
    """Every command that needs an account ends with 3."""
    for arguments in (["send", "a@b.c", "hi"], ["history", "a@b.c"], ["users"], ["chats"], ["outbox"], ["logout"]):
        result = home.run(*arguments)
        assert (result.code, result.out) == (3, "")
        assert "chatterm login" in result.err


# --- send and history


def test_a_message_is_sent_and_read_on_the_other_machine(anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """`send --wait` returns after the server has it; `history` shows it with time and author."""
    sent = home.run("send", ben, "hello", "there", "--wait")
    assert (sent.code, sent.out) == (0, ""), sent.err
    piped = home.run("send", ben, given="\x1b[31mred\x1b[0m alert\nsecond line\n")
    assert piped.code == 0, piped.err
    records = [json.loads(line) for line in ben_home.run("history", anna, "--json").lines]
    assert [(record["seq"], record["text"], record["senderEmail"]) for record in records] == [
        (1, "hello there", anna),
        (2, "red alert\nsecond line", anna),
    ]
    assert all(record["kind"] == "message" and record["at"].endswith("Z") for record in records)
    plain = ben_home.run("history", anna).lines
    assert plain[0].endswith(": hello there")
    assert plain[2] == " " * 21 + "second line"
    offline = ben_home.run("history", anna, "--json", "--offline").lines
    assert [json.loads(line) for line in offline] == records


def test_history_shows_messages_as_they_are_now(
    live: LiveServer, home: Home, ben_home: Home, anna: str, ben: str
) -> None:
    """Edited, taken back, answered, liked; changes are no lines, whatever the limit; and a group says what happened."""
    assert home.run("group", "Tea", ben).code == 0
    for text in ("one", "two", "three"):
        home.run("send", "#Tea", text, "--wait")
    with httpx.Client(base_url=live.url) as http:
        tokens = http.post("/auth/login", json={"email": anna, "password": PASSWORD, "device": "test"}).json()
        http.headers["Authorization"] = f"Bearer {tokens['accessToken']}"
        chat_id = json.loads(home.run("chats", "--json").lines[0])["id"]
        log = f"/chats/{chat_id}/messages"
        assert http.patch(f"{log}/2", json={"text": "uno\nsecond line"}).is_success
        assert http.delete(f"{log}/3").is_success
        assert http.put(f"{log}/4/pin").is_success
        assert http.post(log, json={"text": "yes", "replyTo": 2}).is_success
        assert http.patch(f"/chats/{chat_id}", json={"topic": "Leaves"}).is_success
    plain = [line[21:] for line in ben_home.run("history", "#Tea", "--limit", "5").lines]
    name = json.loads(ben_home.run("history", "#Tea", "--limit", "1", "--json").lines[0])["senderName"]
    assert plain == [
        f"{name}: uno",
        "second line",
        "(edited)",
        f"{name}: (message deleted)",
        f"{name}: three",
        "⚑ pinned",
        f"{name}: yes",
        f"(reply to message 2 of {name})",
        f"-- {name} set the topic \N{LEFT DOUBLE QUOTATION MARK}Leaves\N{RIGHT DOUBLE QUOTATION MARK}",
    ]
    records = [json.loads(line) for line in ben_home.run("history", "#Tea", "--json", "--offline").lines]
    assert [record["kind"] for record in records] == ["created", *["message"] * 4, "chatChanged"]
    first, gone, liked, answer = records[1:5]
    assert first["text"] == "uno\nsecond line"
    assert first["editedAt"].endswith("Z") or "+00:00" in first["editedAt"]
    assert (gone["text"], gone["deleted"]) == ("", True)
    assert (liked["pinned"], answer["replyTo"], records[5]["topic"], records[5]["title"]) == (True, 2, "Leaves", None)


def test_history_is_limited_and_goes_back_by_number_or_time(anna: str, ben: str, home: Home, tmp_path: Path) -> None:
    """`--limit` newest first cut, printed oldest first; `--before` by seq and by time agree."""
    for n in range(8):
        assert home.run("send", ben, f"{n}").code == 0
    home.run("send", ben, "last", "--wait")
    records = [json.loads(line) for line in home.run("history", ben, "--json").lines]
    assert [record["text"] for record in records] == [*map(str, range(8)), "last"]

    def texts(*arguments: str) -> list[str]:
        return [json.loads(line)["text"] for line in home.run("history", ben, "--json", *arguments).lines]

    assert texts("--limit", "2") == ["7", "last"]
    assert texts("--before", "4", "--limit", "2") == ["1", "2"]
    assert texts("--before", records[3]["at"], "--limit", "2") == ["1", "2"]
    assert texts("--before", records[3]["at"], "--offline") == ["0", "1", "2"]
    assert home.run("history", ben, "--before", "yesterday").code == 2


def test_text_that_cannot_be_sent_is_refused_and_nothing_is_queued(anna: str, ben: str, home: Home) -> None:
    """Exit 1, the reason, and an empty outbox: never a part of it."""
    cases: list[tuple[str | bytes, str]] = [
        ("x" * 20_000, "too long"),
        ("\u00e9" * 9_000, "too long"),
        ("y" * 1_000_000, "too long"),
        ("", "empty"),
        (" \n\t\n", "empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ]
    for given, says in cases:
        result = home.run("send", ben, given=given)
        assert (result.code, result.out) == (1, "")
        assert says in result.err
    assert home.run("send", ben, "bell\a").code == 1
    assert home.run("outbox").out == ""


def test_a_group_is_written_to_by_its_title_and_listed(live: LiveServer, anna: str, ben: str, home: Home) -> None:
    """With or without the leading #, in any case."""
    title = f"Garden of {anna}"
    token = json.loads(next(home.folder.rglob("credentials.json")).read_bytes())["accessToken"]
    people = [json.loads(line) for line in home.run("users", "--json").lines]
    (member,) = [person["id"] for person in people if person["email"] == ben]
    made = httpx.post(
        f"{live.url}/chats",
        json={"kind": "group", "title": title, "memberIds": [member]},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert made.status_code in (200, 201), made.text
    home.run("chats")
    assert home.run("send", f"#{title.lower()}", "with a sign", "--wait").code == 0
    assert home.run("send", title, "without", "--wait").code == 0
    records = [json.loads(line) for line in home.run("history", title, "--json").lines]
    assert [record["kind"] for record in records] == ["created", "message", "message"]
    (chat,) = [json.loads(line) for line in home.run("chats", "--json").lines]
    assert (chat["kind"], chat["name"], chat["head"], chat["unread"]) == ("group", title, 3, 0)
    assert f"#{title}" in home.run("chats", "--offline").out


def test_an_unknown_target_is_refused_before_anything_is_queued(anna: str, home: Home) -> None:
    """A name that is no email must be known here."""
    result = home.run("send", "nobody at all", "hi")
    assert result.code == 1
    assert "chatterm users" in result.err
    assert home.run("outbox").out == ""


def test_a_message_to_an_unknown_email_is_refused_by_the_server_and_kept(anna: str, home: Home) -> None:
    """The text stays in the outbox with the reason until it is discarded."""
    result = home.run("send", "nobody@example.org", "keep me", "--wait")
    assert result.code == 1
    assert "no such user" in result.err
    (row,) = [json.loads(line) for line in home.run("outbox", "--json").lines]
    assert (row["state"], row["text"], row["error"]["code"]) == ("failed", "keep me", "userNotFound")
    assert home.run("outbox", "--discard", row["id"][:8]).code == 0
    assert home.run("outbox").out == ""


def test_a_person_is_found_by_name_and_a_name_of_two_is_ambiguous(
    live: LiveServer, anna: str, home: Home, ben_home: Home
) -> None:
    """The error names the emails to choose from."""
    live.add_user(f"x.{anna}", "Same Name")
    live.add_user(f"y.{anna}", "Same Name")
    live.add_user(f"z.{anna}", f"Only {anna}")
    home.run("users")
    assert home.run("send", f"only {anna}", "by name", "--wait").code == 0
    result = home.run("send", "Same Name", "hi")
    assert result.code == 1
    assert f"x.{anna}" in result.err
    assert f"y.{anna}" in result.err


# --- offline


def test_offline_messages_are_queued_and_delivered_by_the_next_command(tmp_path: Path) -> None:
    """Exit 0 without --wait and 75 with it, the reason on standard error; nothing is lost or reordered."""
    server = LiveServer(tmp_path / "server" / "data")
    server.data.parent.mkdir()
    server.start()
    home, other = Home(tmp_path / "a"), Home(tmp_path / "b")
    try:
        for person, email in ((home, "anna@example.org"), (other, "ben@example.org")):
            server.add_user(email, email[:4])
            person.run("login", server.url, "--email", email, "--password-stdin", given=PASSWORD)
        server.kill()
        queued = home.run("send", "ben@example.org", "first")
        assert queued.code == 0
        assert "not delivered" in queued.err
        waited = home.run("send", "ben@example.org", "second", "--wait", "--timeout", "0.5")
        assert waited.code == 75
        assert home.run("history", "ben@example.org").code in (0, 1)
        assert [line.split(": ")[-1] for line in home.run("outbox").lines] == ["first", "second"]
        server.start()
        assert home.run("send", "ben@example.org", "third", "--wait").code == 0
        assert home.run("outbox").out == ""
        lines = other.run("history", "anna@example.org", "--json").lines
        assert [json.loads(line)["text"] for line in lines] == ["first", "second", "third"]
        server.kill()
        offline = other.run("history", "anna@example.org", "--json")
        assert offline.lines == lines
        assert "Offline" in offline.err
    finally:
        server.kill()


# --- streams, signals and broken files


def test_a_closed_pipe_ends_a_command_quietly(anna: str, ben: str, home: Home) -> None:
    """As with `| head`: no traceback, the exit code of a closed pipe."""
    process = home.start("users", "--offline")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 141
    assert err == ""


def test_hostile_text_never_reaches_the_terminal_raw(live: LiveServer, home: Home, anna: str) -> None:
    """Names and messages with bidi controls come out as visible notation, also as JSON."""
    email = live.new_user("Mallory")
    mallory = Home(home.folder.parent / "mallory")
    mallory.run("login", live.url, "--email", email, "--password-stdin", given=PASSWORD)
    assert mallory.run("send", anna, "abc\u202edef\u200b", "--wait").code == 0
    for arguments in ([], ["--json"]):
        result = home.run("history", email, *arguments)
        assert result.code == 0, result.err
        assert "abc" in result.out
        assert "\u202e" not in result.out
        assert "\u200b" not in result.out


def test_a_broken_registry_is_named_with_its_path(home: Home, anna: str) -> None:
    """Exit 78; the file is left for its owner to mend."""
    path = home.folder / "accounts.json"
    path.write_text("{broken")
    result = home.run("users")
    assert (result.code, result.out) == (78, "")
    assert str(path) in result.err
    assert path.read_text() == "{broken"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["send"], ["history"], ["history", "x", "--limit", "0"], ["send", "x", "--timeout", "-1"]],
)
def test_a_wrong_command_line_ends_with_2(home: Home, arguments: list[str]) -> None:
    """And says which words are expected."""
    result = home.run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "usage:" in result.err


def test_help_documents_every_exit_code(home: Home) -> None:
    """On standard output, as it was asked for."""
    result = home.run("--help")
    assert result.code == 0
    for code in (0, 1, 2, 3, 69, 74, 75, 78, 130, 141):
        assert f"  {code} " in result.out


def test_an_interrupt_ends_quietly(home: Home, anna: str, ben: str) -> None:
    """Ctrl+C while waiting for the message on standard input: exit 130, nothing queued."""
    process = home.start("send", ben)
    # Once it has read this, it is past its start-up and waits for more.
    assert process.stdin is not None
    process.stdin.write(b"x" * 70_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == b""
    assert home.run("outbox").out == ""
