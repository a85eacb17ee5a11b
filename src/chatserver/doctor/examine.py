"""All looks, one after the other, from the settings outward; each survives what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatproto.findings import Finding, bad
from chatserver import config
from chatserver.doctor import backups, certificates, database, exposure, files, folders, machine, network, running
from chatserver.settings import Settings


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: the settings, and the file they come from."""

    settings: Settings
    config_file: Path | None
    deep: bool = False


Look = Callable[[Subject], Iterator[Finding]]

_LOOKS: Final[tuple[tuple[str, Look], ...]] = (
    ("settings", lambda it: folders.check_config(it.settings, it.config_file)),
    ("settings", lambda it: exposure.check_policies(it.settings)),
    ("data", lambda it: folders.check_data(it.settings)),
    ("disk", lambda it: folders.check_disk(it.settings)),
    ("machine", lambda _: machine.check_machine()),
    ("database", lambda it: database.check_database(it.settings, deep=it.deep)),
    ("attachments", lambda it: files.check_contents(it.settings, deep=it.deep)),
    ("backups", lambda it: backups.check_backups(it.settings)),
    ("server", lambda it: running.check_server(it.settings)),
    ("service", lambda _: running.check_service()),
    ("name", lambda it: network.check_names(it.settings)),
    ("certificate", lambda it: certificates.check_certificates(it.settings)),
)


def examine(data: Path | None, config_file: Path | None, *, deep: bool) -> Iterator[Finding]:
    """Everything there is to find. `deep` reads all of the database and every attachment."""
    yield from machine.check_versions()
    try:
        file = config.file_of(config_file)
        settings = config.load({"data": data}, file=file)
    except config.ConfigError as error:
        yield bad("settings", str(error), "Correct it; 'chatserver doctor' then looks at the rest.")
        return
    subject = Subject(settings, file, deep)
    for name, look in _LOOKS:
        try:
            yield from look(subject)
        except OSError as error:
            reason = error.strerror or str(error)
            where = f" ({error.filename})" if error.filename else ""
            yield bad(name, f"It cannot be looked at: {reason}{where}.", "Run it as the server's user, or as root.")
