"""One import from its beginning to its report: read everything, choose, find the accounts, then write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from chatserver.importing.apply import Applier, UploadService
from chatserver.importing.model import Conversation, ImportFailedError, Item, Person, Source
from chatserver.importing.people import People
from chatserver.importing.report import Report
from chatserver.importing.sorting import SortedItems
from chatserver.importing.texts import email_of
from chatserver.importing.tree import Tree
from chatserver.store.base import Store


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a source is wanted; titles may have `*` and `?`, times are in microseconds, `until` is exclusive."""

    only: Sequence[str] = ()
    exclude: Sequence[str] = ()
    since: int | None = None
    until: int | None = None

    def takes_time(self, at: int) -> bool:
        """Whether an event of this time is wanted."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def takes_chat(self, chat: Conversation) -> bool:
        """Whether a conversation is wanted."""
        names = {chat.title.casefold(), chat.key.casefold(), chat.title.casefold().lstrip("#")}

        def matches(pattern: str) -> bool:
            return any(fnmatchcase(name, wanted) for name in names for wanted in {pattern, pattern.lstrip("#")})

        only, exclude = ([pattern.casefold() for pattern in patterns] for patterns in (self.only, self.exclude))
        return (not only or any(map(matches, only))) and not any(map(matches, exclude))


@dataclass(frozen=True, slots=True)
class Plan:
    """How an import is to be done. `origin` replaces the source's own name; `scratch` is a folder with room."""

    choice: Choice = field(default_factory=Choice)
    mapped: dict[str, str] = field(default_factory=dict)
    readers: Sequence[str] = ()
    """Addresses of accounts that become members of every group."""
    origin: str = ""
    scratch: Path | None = None


async def run(  # noqa: PLR0917 - the parts of one import, each of another type
    store: Store, source: Source, files: Tree, uploads: UploadService | None, plan: Plan, report: Report
) -> None:
    """Import; what cannot be taken over as it is stands in the report. Raises `ImportFailedError` and `ChatError`.

    Nothing is written before everything was read. What ends early goes on with the next run: what is there stays.
    """
    readers = [await _reader(store, email) for email in plan.readers]
    items = SortedItems(plan.scratch)
    try:
        people, chats = _read(source, plan, items, report)
        people.source = f"{source.name} {plan.origin}".strip() if plan.origin else source.name
        if people.source == f"chatserver {store.epoch}":
            raise ImportFailedError(
                "This export is of this very server, and importing it would double every chat. To get back what was "
                "lost, restore a backup; to double it on purpose, give --origin NAME."
            )
        wanted = [chat for chat in chats.values() if plan.choice.takes_chat(chat)]
        if not wanted:
            report.warn("Nothing was chosen: no conversation has such a title.")
        if not readers:
            _check_readers(people, wanted, items, report)
        await people.settle(store, _needed(people, wanted, items, everybody=len(wanted) == len(chats)), report)
        await Applier(store, people, report, files, uploads, readers).apply(wanted, items)
    finally:
        items.close()


def _read(source: Source, plan: Plan, items: SortedItems, report: Report) -> tuple[People, dict[str, Conversation]]:
    people = People.of(plan.mapped)
    chats: dict[str, Conversation] = {}
    for read in source.read(report):
        if isinstance(read, Item):
            if plan.choice.takes_time(read.at):
                items.add(read)
            else:
                report.skip("events outside of --since and --until", read.place)
        elif isinstance(read, Person):
            people.add(read)
        else:
            chats.setdefault(read.key, read)
    return people, chats


def _needed(people: People, chats: Sequence[Conversation], items: SortedItems, *, everybody: bool) -> set[str]:
    """Keys of those whose accounts are needed: all, or those of the chosen conversations."""
    needed = set(people.persons) if everybody else set()
    for chat in chats:
        needed |= items.people.get(chat.key, set())
        needed.update(member.person for member in chat.members if member.person in people.persons)
        needed.update(chat.direct or ())
    return needed


def _check_readers(people: People, chats: Sequence[Conversation], items: SortedItems, report: Report) -> None:
    """Warn of what nobody could read. Raises `ImportFailedError` if that is all, before anything is written."""
    unread = []
    for chat in chats:
        named = [member.person for member in chat.members] or items.people.get(chat.key, set())
        if not any(key in people.persons and people.persons[key].is_member for key in named):
            unread.append(chat)
    if unread and len(unread) == len(chats):
        raise ImportFailedError(
            f"Nobody could read what would be imported, such as {unread[0].title}: none of its people has an account. "
            "Give --member EMAIL for who shall read all of it, or --map FILE for who is who."
        )
    for chat in unread:
        report.warn(f"{chat.title}: nobody can read it. Give --member EMAIL or --map FILE, and import again.")


async def _reader(store: Store, email: str) -> int:
    account = None
    address = email_of(email)
    if address:
        account = await store.account_by_email(address)
    if account is None:
        raise ImportFailedError(f"There is no account {email} for --member. Add it with 'chatserver user add' first.")
    return account.user.id
