"""`chatserver invite`: invitations of the server's owner, on the database itself."""

import argparse
import sys
from datetime import UTC, datetime

from chatproto import codec
from chatproto.rest import Invite
from chatserver.cli.exits import say
from chatserver.cli.storing import with_store
from chatserver.services.invites import Invites
from chatserver.settings import Settings
from chatserver.store.base import Store
from chatserver.store.interfaces.invites import OWNER


def invite(arguments: argparse.Namespace) -> int:
    """Make an invitation, list those that are open, or withdraw one."""

    async def work(store: Store, settings: Settings) -> None:
        invites = Invites(store)
        if arguments.list:
            for one in (await invites.open(OWNER)).invites:
                sys.stdout.write((codec.encode_text(one) if arguments.json else _line(one)) + "\n")
        elif arguments.withdraw is not None:
            await invites.withdraw(OWNER, arguments.withdraw)
            say("The invitation is withdrawn.")
        else:
            made = await invites.create_for_owner(arguments.uses, arguments.days)
            people = "one person" if made.uses_left == 1 else f"{made.uses_left} people"
            say(f"An invitation for {people} until {_time(made.expires_at)}; it is shown only this once:")
            sys.stdout.write((codec.encode_text(made) if arguments.json else made.code) + "\n")
            if settings.registration == "closed":
                say("Nobody can use it while the setting 'registration' is 'closed'.")
        sys.stdout.flush()

    return with_store(arguments, work)


def _line(one: Invite) -> str:
    return f"{one.id}\t{one.uses_left}\t{_time(one.expires_at)}"


def _time(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()
