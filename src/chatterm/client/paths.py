"""Where files lie: the folders of configuration and data, and one private folder for each account."""

import os
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_folder, ensure_private_folder

KEY_MAX_CHARS: Final = 160
_KEY: Final = re.compile(r"[A-Za-z0-9%+_@~][A-Za-z0-9%+_@~.:-]*")


def config_dir() -> Path:
    """The folder of what people write: `$CHATTERM_HOME`, or the platform's place for configuration."""
    home = os.environ.get("CHATTERM_HOME")
    if home:
        return Path(home).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - a process that sets CHATTERM_HOME need not load it

    return platformdirs.user_config_path("chatterm", appauthor=False)


def data_dir() -> Path:
    """The folder of what the program writes: `$CHATTERM_HOME`, or the platform's place for data."""
    home = os.environ.get("CHATTERM_HOME")
    if home:
        return Path(home).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - as above

    return platformdirs.user_data_path("chatterm", appauthor=False)


class AccountFiles(Struct, frozen=True):
    """The files of one account, all in one folder."""

    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache.db"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox.db"

    @property
    def changes(self) -> Path:
        return self.folder / "changes.db"

    @property
    def spool(self) -> Path:
        """Copies of the files that unsent messages will show."""
        return self.folder / "spool"

    @property
    def pictures(self) -> Path:
        """Pictures that were shown, as long as there is room."""
        return self.folder / "pictures"

    @property
    def search(self) -> Path:
        return self.folder / "search.db"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    @property
    def sender_lock(self) -> Path:
        return self.folder / "sender.lock"


def account_files(key: str) -> AccountFiles:
    """The files of an account; its folder is made if missing, and made private (0700).

    Raises `ClientError`: `configBroken` for a key that is no safe folder name, `folderUnsafe`, `notWritable`.
    """
    if len(key) > KEY_MAX_CHARS or not _KEY.fullmatch(key):
        raise ClientError(
            "configBroken",
            f"{key!r} is not the key of an account.",
            "See 'chatterm accounts', or run 'chatterm login URL' again.",
        )
    ensure_folder(data_dir())
    accounts = data_dir() / "accounts"
    ensure_private_folder(accounts)
    ensure_private_folder(accounts / key)
    return AccountFiles(accounts / key)
