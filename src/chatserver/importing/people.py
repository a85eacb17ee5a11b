"""From people of a source to accounts here: by address, by the owner's map, or made up and disabled."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final

from chatserver.importing.model import ImportFailedError, Person
from chatserver.importing.report import Report
from chatserver.importing.texts import email_of, invented_email, name_of
from chatserver.importing.turns import in_turn
from chatserver.store.base import Store
from chatserver.store.interfaces.imports import AccountPlace, NewAccount

_AT_ONCE: Final = 100
_NOWHERE: Final = -1


def digest(*parts: str) -> bytes:
    """16 bytes that stand for an id of a source."""
    content = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(content, digest_size=16, person=b"chatserver").digest()


def read_map(path: Path) -> dict[str, str]:
    """A file with lines `name = email`: whose account somebody of the source has. Raises `ImportFailedError`."""
    found: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFailedError(f"The map {path} cannot be read: {error}. Make it a text file in UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        name, _, email = line.rpartition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        address = email_of(email)
        if not name.strip() or not address:
            raise ImportFailedError(f"{path}:{number}: write 'name = email', such as 'anna_ = anna@example.org'.")
        found[name.strip().casefold()] = address
    return found


@dataclass(slots=True)
class People:
    """Everybody of a source, and their accounts once `settle` has found or made them."""

    source: str
    mapped: Mapping[str, str]
    persons: dict[str, Person]
    ids: dict[str, int]
    """Ids of accounts by the keys of people; of a dry run, negative numbers for accounts it would make."""
    gone: set[str]
    """Keys of people whose accounts were deleted here after an earlier import: what they wrote stays away."""

    @classmethod
    def of(cls, mapped: Mapping[str, str]) -> "People":
        return cls("", mapped, {}, {}, set())

    def add(self, person: Person) -> None:
        """Take somebody in; the first to have a key keeps it."""
        names = (person.key.casefold(), person.name.casefold(), person.key.casefold().partition("@")[0])
        email = next((self.mapped[name] for name in names if name in self.mapped), "")
        if email:
            person = replace(person, email=email, disabled=False, is_member=True)
        self.persons.setdefault(person.key, person)

    async def settle(self, store: Store, keys: Collection[str], report: Report) -> None:
        """Find or make the accounts of these people."""
        for key in keys:
            if key not in self.persons:  # written by somebody whom nothing describes
                self.add(Person(key, key, disabled=True, is_member=False))
        accounts = [(key, self._account(self.persons[key], report)) for key in sorted(keys)]
        report.totals.people_read += len(accounts)
        for start in range(0, len(accounts), _AT_ONCE):
            part = accounts[start : start + _AT_ONCE]
            if report.dry_run:
                await self._look(store, part, report)
                continue
            places = await in_turn(store.import_users(self.source, [each for _, each in part]))
            for (key, _), place in zip(part, places, strict=True):
                self._note(key, place, report)
        await self._check_map(store, report)

    async def _look(self, store: Store, part: list[tuple[str, NewAccount]], report: Report) -> None:
        found = await store.find_users(self.source, [account for _, account in part])
        for (key, _), place in zip(part, found, strict=True):
            self._note(key, place or AccountPlace(_NOWHERE - len(self.ids), made=True), report)

    async def _check_map(self, store: Store, report: Report) -> None:
        """Warn of people who had another account before the map named one."""
        for key, user_id in self.ids.items():
            person = self.persons[key]
            if person.email and person.email in self.mapped.values():
                account = await store.account_by_email(person.email)
                if account is not None and account.user.id != user_id:
                    report.warn(
                        f"{person.name or key} has another account since an earlier import, and keeps it. "
                        f"To let {person.email} read, give --member {person.email}."
                    )

    def _note(self, key: str, place: AccountPlace, report: Report) -> None:
        self.ids[key] = place.user_id
        report.totals.accounts_made += place.made
        report.totals.accounts_found += not place.made
        if place.gone:
            self.gone.add(key)

    def _account(self, person: Person, report: Report) -> NewAccount:
        email = email_of(person.email)
        if person.email and not email:
            report.skip("addresses that are none; accounts with made up ones instead", person.email[:80])
        return NewAccount(
            key=digest(self.source, "person", person.key),
            email=email or invented_email(person.key, self.source),
            display_name=name_of(person.name, person.email.partition("@")[0] or person.key),
            status=person.status,
            disabled=person.disabled or not (email or person.deleted),
            deleted=person.deleted,
        )

    def known(self, keys: Collection[str]) -> tuple[int, ...]:
        """The ids of those of them who have accounts, each once, in order."""
        return tuple(dict.fromkeys(self.ids[key] for key in keys if key in self.ids))
