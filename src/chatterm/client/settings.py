"""What the user has set: one TOML file that people may write by hand, read whole, with a default for everything."""

from pathlib import Path
from typing import Final, Literal

import msgspec

from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.paths import config_dir

FILE_NAME: Final = "config.toml"


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table of the file; names are as they are written there."""


class Look(Part, frozen=True, kw_only=True):
    """How the window looks."""

    theme: str = "chatterm-dark"
    density: Literal["comfortable", "compact"] = "comfortable"
    images: Literal["auto", "kitty", "sixel", "cells", "off"] = "auto"
    """How pictures are drawn; `auto` asks the terminal."""
    markdown: bool = True
    list_width: int = 30


class Keys(Part, frozen=True, kw_only=True):
    """Which keys do what."""

    preset: Literal["default", "vim", "emacs"] = "default"
    bindings: dict[str, list[str]] = {}
    """Keys by name of action, in place of those of the preset; an empty list unbinds."""


class Composing(Part, frozen=True, kw_only=True):
    """Writing."""

    typing_notices: bool = True
    """Others see that one is writing."""
    emoji_shortcodes: bool = True


class Notifications(Part, frozen=True, kw_only=True):
    """How news of other chats is told."""

    direct: bool = True
    groups: Literal["all", "mentions", "none"] = "mentions"
    toast: bool = True
    bell: bool = False
    terminal: Literal["auto", "osc9", "osc99", "osc777", "off"] = "auto"
    desktop: bool = True
    show_text: bool = True
    """Notifications outside the window may quote the message."""


class Files(Part, frozen=True, kw_only=True):
    """Files and pictures."""

    downloads: str = ""
    """Where downloads go; empty: the user's download folder."""


class Settings(Part, frozen=True, kw_only=True):
    """The whole file."""

    look: Look = Look()
    keys: Keys = Keys()
    compose: Composing = Composing()
    notifications: Notifications = Notifications()
    files: Files = Files()


def settings_path() -> Path:
    """Where the file lies, whether there is one or not."""
    return config_dir() / FILE_NAME


def load_settings() -> Settings:
    """Read the file; without one, everything has its default. Raises `ClientError` with `configBroken`."""
    path = settings_path()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise from_os_error(error, path) from error
    try:
        return msgspec.toml.decode(data, type=Settings)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ClientError(
            "configBroken", f"The settings, {path}, cannot be used: {error}.", "Correct or remove what it names."
        ) from None
