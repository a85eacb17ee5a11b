"""The arguments of `chatserver doctor`; loads nothing that it needs."""

import argparse

from chatserver.cli.account_arguments import AddCommon, Commands

_EPILOG = """\
exit codes: 0 if all is good, 10 if something is worth knowing, 1 if something is bad, 2 for wrong arguments;
with --json, each line is one object: check (a stable name), state ("good", "notice" or "bad"), message, hint (what to
do, or empty) and account (null)
"""


def add_doctor(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="look for what is wrong, and say what to do; changes nothing",
        description="Look at settings, folders and rights, disk, memory, clock, database, attachments, backups, "
        "the running server, its service, its names and certificates. Nothing is changed. Run it as the server's user.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.set_defaults(module="doctor", function="doctor")
    doctor.add_argument("--deep", action="store_true", help="read all of the database and every byte of attachments")
    doctor.add_argument("--quiet", action="store_true", help="leave out what is good")
    doctor.add_argument("--json", action="store_true", help="one JSON object a line")
    add_common(doctor)
