"""Pictures and links in the whole product: from one person's file to another one's terminal."""

import os
import re
from pathlib import Path

from msgspec.structs import replace

from chatproto.frames import Outgoing
from chatproto.models import FileInfo
from chatterm.client.files import ensure_private_folder
from chatterm.client.model import Account, EntryRef, Link
from chatterm.client.paths import account_files
from chatterm.tui.timeline.kitty import FIRST_ID, PLACEHOLDER
from tests.support.client import at_home, sign_in
from tests.support.files import image, put
from tests.support.server import FAST, running_server
from tests.support.terminal import terminal
from tests.support.tui import BELA, NOW, WITH_BELA, direct_chat, fill_cache, message, running_app

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
    file = FileInfo(id=7, name="o.png", size=9, media_type="image/png", width=320, height=160, thumbnail=True)
    shown = replace(message(WITH_BELA, 2, BELA.id, f"see [tulips]({LINK})", NOW), files=[file])
    chat = direct_chat("hello")
    chat["events"][0][1].append(shown)
    fill_cache(home, account, **chat)
    with at_home(home):
        folder = account_files(account.key).pictures
    ensure_private_folder(folder)
    (folder / "7.small").write_bytes(image("WEBP", (320, 160)))
    environment = {"CHATTERM_HOME": str(home), "PATH": os.environ["PATH"], "KITTY_WINDOW_ID": "1"}
    async with terminal("-m", "chatterm", environment=environment) as tty:
        await tty.until(lambda: PLACEHOLDER.encode() in tty.raw)
        tty.type("\x1b[5~\x1b[6~typed")
        await tty.sees("typed", "see tulips")
        tty.type("\x11")
        assert await tty.exit_code() == 0
        raw = bytes(tty.raw).decode()
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
