"""The arguments of the commands about backups; loads nothing that the commands need."""

import argparse
from pathlib import Path

from chatserver.cli.account_arguments import AddCommon, Commands

_FILE = "the backup: a file, '-' for stdin, or s3:NAME, s3:newest, folder:newest for the places of the settings"


def add_backups(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver backup`, `verify`, `restore`, `backups`, `rollback` and `new-epoch`."""
    _add_backup(commands, add_common)
    _add_verify(commands, add_common)
    _add_restore(commands, add_common)
    listing = _command(commands, "backups", "list_backups", "list the backups that are kept, newest first")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    add_common(listing)
    rollback = _command(
        commands,
        "rollback",
        "rollback",
        "undo an upgrade: put the database from before the schema changed in place",
        "Put the copy of the database that the last change of its schema has left in its place, with a new epoch. The "
        "server must be stopped. What was stored since is kept aside, not in the database. Start the older chatserver "
        "afterwards.",
    )
    rollback.add_argument(
        "--schema",
        type=int,
        metavar="N",
        help="the copy of schema N; without it, none of more than 7 days ago is taken",
    )
    rollback.add_argument("--json", action="store_true", help="one JSON object")
    add_common(rollback)
    renew = _command(
        commands,
        "new-epoch",
        "new_epoch",
        "say that the database was put in place by other means, and may be older than what clients have seen",
        "Check a database that was put in place by other means than 'chatserver restore', such as Litestream, and give "
        "it a new epoch: clients drop what they have cached and keep what they have not sent. The server must be "
        "stopped.",
    )
    _add_sign_out(renew)
    renew.add_argument("--json", action="store_true", help="one JSON object")
    add_common(renew)


def _add_backup(commands: Commands, add_common: AddCommon) -> None:
    backup = _command(
        commands,
        "backup",
        "backup",
        "write everything a server needs to one file; works while the server runs",
        "Write database, files, keys and configuration as they are now to one file, and print its path on stdout. "
        "The file appears whole or not at all. 'zstd' and 'tar', and 'age' if it is encrypted, open it too.",
    )
    backup.add_argument(
        "file", metavar="FILE", help="where to; a folder takes it under a name of its own, '-' is stdout"
    )
    backup.add_argument("--encrypt", action="store_true", help="ask for a passphrase on the terminal and encrypt")
    _add_passphrase(backup, "encrypt with the first line of FILE (default: the setting 'backup_passphrase_file')")
    backup.add_argument("--verify", action="store_true", help="read it again afterwards, as 'chatserver verify' does")
    _add_scratch(backup, "beside FILE; in the data folder for '-'")
    backup.add_argument("--json", action="store_true", help="one JSON object in place of the path")
    add_common(backup)


def _add_verify(commands: Commands, add_common: AddCommon) -> None:
    verify = _command(
        commands,
        "verify",
        "verify",
        "check that a backup can be restored, and holds what it says",
        "Read a backup as restoring it would: every checksum, the database and its logs, every file that it names. "
        "Prints what was found.",
    )
    verify.add_argument("file", metavar="FILE", help=_FILE)
    _add_passphrase(verify, "the passphrase is the first line of FILE (default: 'backup_passphrase_file')")
    _add_scratch(verify, "beside FILE; in the system's folder for '-' and s3")
    verify.add_argument("--json", action="store_true", help="one JSON object")
    add_common(verify)


def _add_restore(commands: Commands, add_common: AddCommon) -> None:
    restore = _command(
        commands,
        "restore",
        "restore",
        "put a backup into an empty data folder",
        "Check a backup and put it into the data folder, which must be empty or missing: whole or not at all. Clients "
        "notice, drop what they have cached, and send what they have not sent yet.",
    )
    restore.add_argument("file", metavar="FILE", help=_FILE)
    _add_passphrase(restore, "the passphrase is the first line of FILE (default: 'backup_passphrase_file')")
    _add_sign_out(restore)
    restore.add_argument("--json", action="store_true", help="one JSON object in place of the folder")
    add_common(restore)


def _command(commands: Commands, name: str, function: str, text: str, description: str = "") -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=description or f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(module="backups", function=function)
    return parser


def _add_passphrase(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help=f"{text}; CHATSERVER_BACKUP_PASSPHRASE may hold it too"
    )


def _add_scratch(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="DIR",
        help=f"folder for a copy of the database meanwhile (default: 'backup_scratch_dir', else {default})",
    )


def _add_sign_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sign-out", action="store_true", help="end every session: for a backup that others may have seen"
    )
