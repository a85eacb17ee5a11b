"""The pure parts of files: names, ranges, what bytes are."""

import unicodedata
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatproto import limits
from chatproto.text import normalize_file_name, terminal_safe
from chatserver.files import sniff
from chatserver.http import ranges
from chatserver.http.downloads import disposition
from tests.support.files import image

PARTS = [
    "../",
    "..\\",
    "/etc/passwd",
    "C:\\",
    "\0",
    "\n",
    "\r",
    "\x1b[2J",
    "\u202e",
    "\u200b",
    "CON",
    "nul",
    "a",
    ".txt",
]
PARTS += [
    "é",
    "e\u0301",
    "\ufeff",
    "😀",
    "｡／．",
    "％",
    "ﷺ",
    "%2e%2e%2f",
    " ",
    ".",
    '"',
    "<",
    "|",
    "\u2028",
    "\x85",
    "\ud800",
]
NAMES = st.lists(st.sampled_from(PARTS) | st.characters(), max_size=60).map("".join) | st.text(max_size=2_000)


@given(name=NAMES)
@example(name="ﷺ" * 200 + ".txt")
@example(name="." * 300)
@example(name="a" * 127 + ". b")
@example(name="CON .txt")
@example(name="…" * 128)
def test_any_name_becomes_one_that_any_system_can_save(name: str) -> None:
    """One visible line in one folder, short enough, no device, and the same when it is normalised again."""
    safe = normalize_file_name(name)
    assert 1 <= len(safe) <= limits.FILE_NAME_MAX_CHARS
    assert len(safe.encode()) <= 255
    assert not set(safe) & set('/\\:*?"<>|\0\n\r')
    assert safe == terminal_safe(safe)
    assert safe[0] not in ". "
    assert safe[-1] not in ". "
    assert safe.partition(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert unicodedata.is_normalized("NFKC", safe)
    assert normalize_file_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plan.png", "plan.png"),
        ("", "file"),
        ("..", "file"),
        ("../../etc/passwd", "_._etc_passwd"),
        ("x" * 500 + ".tar.gz", "x" * 124 + ".gz"),
        ("nul.txt", "_nul.txt"),
        ("Plan\u202egnp.exe", "Plangnp.exe"),
        ("Äpfel und  Birnen.txt", "Äpfel und Birnen.txt"),
    ],
)
def test_names_keep_what_they_say(name: str, safe: str) -> None:
    assert normalize_file_name(name) == safe


@given(name=NAMES.map(normalize_file_name))
def test_a_download_says_its_whole_name(name: str) -> None:
    """The header is one line of ASCII; its extended form gives the name back."""
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["content-disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert unquote(header.partition("filename*=UTF-8''")[2]) == name


@given(size=st.integers(0, 50), first=st.integers(0, 60) | st.none(), last=st.integers(0, 60) | st.none())
def test_ranges_are_slices(size: int, first: int | None, last: int | None) -> None:
    """The bytes of a range are those of a slice; what cannot be one is either ignored or unsatisfiable."""
    data = bytes(range(size))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    try:
        found = ranges.requested(header, size)
    except ranges.UnsatisfiableRangeError:
        assert (first is not None and first >= size) or (first is None and last == 0)
        return
    if first is None and last is None:
        assert found is None
    elif first is None:
        assert last is not None
        assert data[slice(*(found or (0, 0)))] == data[-last:]
    elif last is not None and last < first:
        assert found is None
    else:
        assert found is not None
        assert data[slice(*found)] == data[first : None if last is None else last + 1]
        assert found[0] < found[1] <= size


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "items=0-1", "bytes=0-1;", "bytes=--1"],
)
def test_ranges_that_are_not_understood_are_ignored(header: str | None) -> None:
    assert ranges.requested(header, 10) is None


def test_versions_are_compared_as_the_rfc_asks() -> None:
    """`If-Range` strongly, `If-None-Match` weakly."""
    assert ranges.is_current(None, '"a"')
    assert ranges.is_current('"a"', '"a"')
    assert not ranges.is_current('W/"a"', '"a"')
    assert not ranges.is_current("Sat, 01 Jan 2000 00:00:00 GMT", '"a"')
    assert ranges.is_known('"b", W/"a"', '"a"')
    assert ranges.is_known("*", '"a"')
    assert not ranges.is_known('"b"', '"a"')
    assert not ranges.is_known(None, '"a"')


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (image("PNG", (3, 3)), "image/png"),
        (image("JPEG", (3, 3)), "image/jpeg"),
        (image("GIF", (3, 3)), "image/gif"),
        (image("WEBP", (3, 3)), "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\0", "application/zip"),
        ("Grüße\r\n\tan alle".encode(), "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        ("ä".encode() * 4_096 + b"x", "text/plain"),
        (b"x" + "ä".encode() * 4_096, "text/plain"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"\0\x01\x02\x03", "application/octet-stream"),
        (b"MZ\x90\0\x03", "application/vnd.microsoft.portable-executable"),
        (b"", "application/octet-stream"),
    ],
)
def test_bytes_tell_what_they_are(head: bytes, kind: str) -> None:
    assert sniff.media_type(head[: sniff.HEAD_BYTES]) == kind


@given(head=st.binary(max_size=200))
def test_no_bytes_are_something_that_a_browser_runs(head: bytes) -> None:
    kind = sniff.media_type(head)
    assert not any(word in kind for word in ("html", "xml", "script", "svg"))
