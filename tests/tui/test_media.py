"""Pictures and links in the whole product: from one person's file to another one's terminal."""

import os
import re
from pathlib import Path

from msgspec.structs import replace
from PIL import Image, ImageChops, ImageStat

from chatproto.frames import Outgoing
from chatproto.models import FileInfo
from chatterm.client.files import ensure_private_folder
from chatterm.client.model import Account, EntryRef, Link
from chatterm.client.paths import account_files
from chatterm.tui.pixels import ATTRIBUTES_QUERY, COLOURS_QUERY
from chatterm.tui.timeline.kitty import FIRST_ID, PLACEHOLDER
from tests.support import ansi
from tests.support.client import at_home, sign_in
from tests.support.files import image, put
from tests.support.server import FAST, running_server
from tests.support.terminal import chatterm, terminal
from tests.support.tui import BELA, NOW, WITH_BELA, direct_chat, fill_cache, message, running_app

GRAPHIC = re.compile(rb'\x1bP0;1;0q"1;1;[0-9]+;([0-9]+)[^\x1b]*\x1b\\')
"""A whole Sixel graphic, and its height."""
LINK = "https://tulips.example/a%C3%A9"


async def test_a_picture_that_one_sends_is_drawn_for_the_other_and_again_offline(home: Path, tmp_path: Path) -> None:
    """Fetched once through the server, decoded, and drawn in the room that its frame had; on disk from then on."""
    async with running_server(tmp_path / "server", FAST) as server:
        anna, bela = await server.person("Anna"), await server.person("Bela")
        chat = await bela.direct(anna)
        account = sign_in(home, anna)
        async with bela.socket() as socket:
            file = await put(bela, image("PNG", (640, 320)), "orchard.png")
            sent = Outgoing(client_id=os.urandom(16), chat_id=chat.id, text="look at **this**", file_ids=[file.id])
            await socket.send_messages(sent)
        async with running_app(home, account, size=(90, 30)) as desk:
            await desk.until(lambda: desk.screen.conversation.ref == EntryRef("chat", chat.id))
            await desk.sees("look at this", "▤ orchard.png", "640 × 320", "▀")
    async with running_app(home, account, size=(90, 30)) as desk:
        await desk.sees("look at this", "▀")
        assert desk.engine.status.link is not Link.ONLINE


async def test_changed_settings_apply_at_once(home: Path, account: Account) -> None:
    """Markdown and pictures come and go with the settings, and the messages stay."""
    file = FileInfo(id=7, name="o.png", size=9, media_type="image/png", width=320, height=160, thumbnail=True)
    chat = direct_chat("**first**", "second")
    log = chat["events"][0][1]
    log[1] = replace(log[1], files=[file])
    fill_cache(home, account, **chat)
    with at_home(home):
        async with running_app(home, account, size=(90, 30)) as desk:
            await desk.sees("first", "▤ o.png", "once there is a")
            assert "**first**" not in desk.text
            look = replace(desk.app.settings.look, markdown=False, images="off")
            desk.app.change_settings(replace(desk.app.settings, look=look))
            await desk.sees("**first**", "▤ o.png")
            assert "once there is a" not in desk.text
            desk.app.change_settings(replace(desk.app.settings, look=replace(look, images="cells")))
            await desk.sees("**first**", "once there is a")


async def test_a_terminal_that_draws_pixels_gets_the_picture_once_and_links_as_links(
    home: Path, account: Account
) -> None:
    """Kitty's placeholders scroll as text; nothing of it is answered, so that no answer is taken for keys."""
    keep_picture(home, account, f"see [tulips]({LINK})", (320, 160))
    environment = {"CHATTERM_HOME": str(home), "PATH": os.environ["PATH"], "KITTY_WINDOW_ID": "1"}
    async with terminal("-m", "chatterm", environment=environment) as tty:
        await tty.until(lambda: PLACEHOLDER.encode() in tty.raw)
        tty.type("\x1b[5~\x1b[6~typed")
        await tty.sees("typed", "see tulips")
        tty.type("\x11")
        assert await tty.exit_code() == 0
        raw = bytes(tty.raw).decode("utf-8", "replace")
    begun = re.findall("\x1b_G([^;]*a=T[^;]*);", raw)
    assert len(begun) == 1
    assert f"i={FIRST_ID},c=40,r=10" in begun[0]
    assert all("q=2" in command for command in re.findall("\x1b_G([^;\x1b]*)", raw))
    colour = f"38;2;{FIRST_ID >> 16};{FIRST_ID >> 8 & 255};{FIRST_ID & 255}"
    before = raw[: raw.index(PLACEHOLDER)].rpartition("\x1b[")[2]
    assert colour in before
    assert re.search(
        f"\x1b\\]8;id=[0-9-]+;{re.escape(LINK)}\x1b\\\\\x1b\\[[0-9;]*mtulips\x1b\\[0m\x1b\\]8;;\x1b\\\\", raw
    )


def keep_picture(home: Path, account: Account, text: str, size: tuple[int, int] = (160, 80)) -> Path:
    """A conversation that ends with a picture which is on disk already; the picture's file."""
    file = FileInfo(id=7, name="o.png", size=9, media_type="image/png", width=size[0], height=size[1], thumbnail=True)
    chat = direct_chat("hello")
    chat["events"][0][1].append(replace(message(WITH_BELA, 2, BELA.id, text, NOW), files=[file]))
    fill_cache(home, account, **chat)
    with at_home(home):
        folder = account_files(account.key).pictures
    ensure_private_folder(folder)
    (folder / "7.small").write_bytes(image("WEBP", size))
    return folder / "7.small"


async def test_a_terminal_that_says_so_gets_sixel_graphics_and_no_key_is_lost(home: Path, account: Account) -> None:
    """Cells until it has answered; then one graphic for each row of cells, none under what lies over it."""
    source = keep_picture(home, account, "look")
    async with chatterm(home, cell=(10, 20)) as tty:
        await tty.until(lambda: ATTRIBUTES_QUERY.encode() in tty.raw)
        assert b"hello" in tty.raw[: tty.raw.index(ATTRIBUTES_QUERY.encode())]
        await tty.sees("look", "▀")
        assert b"\x1bP" not in tty.raw
        assert COLOURS_QUERY.encode() not in tty.raw
        tty.type("one\x1b[?62;4;22ctwo")
        await tty.until(lambda: COLOURS_QUERY.encode() in tty.raw)
        tty.type("\x1b[?1;0;256Sthree\x1b[6;20;10t\x1b[4;600;1000t\x1b[?62;4;22cfour")
        await tty.sees("onetwothreefour")
        await tty.until(lambda: len(GRAPHIC.findall(tty.raw)) >= 5)
        rows = ansi.read(bytes(tty.raw)).graphics[-5:]
        assert {(row.width, row.height) for row in rows} == {(200, 20)}
        drawn = Image.new("RGB", (200, 100))
        drawn.putdata([pixel for row in rows for line in row.pixels for pixel in line])
        wanted = Image.open(source).convert("RGB").resize((200, 100), Image.Resampling.LANCZOS)
        assert max(ImageStat.Stat(ImageChops.difference(drawn, wanted)).mean) < 4
        assert re.search(rb"\x1b\[0m\x1b7\x1b\[[0-9;]*m {20}\x1b\[0m\x1b8\x1bP", tty.raw)
        assert re.search(rb"\x1b\\\x1b8\x1b\[20C\x1b\[", tty.raw)
        before = len(tty.raw)
        tty.type("\x0b")
        await tty.sees("Find a person or group")
        dialog = tty.raw[tty.raw.rindex(b"\x1b[1;1H", before, tty.raw.rindex(b"Find a person")) :]
        assert b"\x1bP" not in dialog
        tty.type("\x1b")
        await tty.until(lambda: len(GRAPHIC.findall(tty.raw, before)) >= 5)
        tty.resize(100, 30, cell=(6, 13))
        await tty.until(lambda: GRAPHIC.findall(tty.raw)[-5:] == [b"13"] * 5)
        tty.type("\x11")
        assert await tty.exit_code() == 0
        assert {row.height for row in ansi.read(bytes(tty.raw)).graphics} == {20, 13}


async def test_a_terminal_without_sixel_gets_none_and_is_asked_nothing_more(home: Path, account: Account) -> None:
    keep_picture(home, account, "look")
    async with chatterm(home, cell=(10, 20)) as tty:
        await tty.until(lambda: ATTRIBUTES_QUERY.encode() in tty.raw)
        tty.type("one\x1b[?1;2ctwo")
        await tty.sees("onetwo", "look", "▀")
        tty.type("\x1b[5~\x1b[6~three")
        await tty.sees("onetwothree", "▀")
        tty.type("\x11")
        assert await tty.exit_code() == 0
        output = ansi.read(bytes(tty.raw))
    assert output.graphics == []
    assert COLOURS_QUERY.encode() not in tty.raw
