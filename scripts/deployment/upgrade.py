"""An upgrade that changes the schema, which the version before cannot follow, and the way back."""

from typing import Final

from scripts.deployment.client import Client
from scripts.deployment.machine import Machine
from scripts.deployment.source import Source

_MIGRATIONS: Final = "src/chatserver/store/migrations/sqlite"
_MARK: Final = " of the new version"
_TABLE: Final = "CREATE TABLE proofs (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;\n"
_CHANGE: Final = f"UPDATE users SET display_name = display_name || '{_MARK}';\n"
_USE: Final = '/opt/chatserver/source/deploy/use-version "$(basename "$(readlink /opt/chatserver/previous)")"'


class Upgrade:
    """Made known to the machine, used there, refused by the old version, undone."""

    def __init__(self, guest: Machine, source: Source, client: Client) -> None:
        self._guest = guest
        self._source = source
        self._client = client
        self._count = 0
        self.older = len([name for name in source.names(f"{_MIGRATIONS}/") if name.endswith(".sql")])
        self.newer = self.older + 2

    def prepare(self, path: str) -> None:
        """Offer a version with two migrations: one makes a table, one changes what is there; and another unit."""
        one = f"{_MIGRATIONS}/{self.older + 1:04}_proof_table.sql"
        two = f"{_MIGRATIONS}/{self.newer:04}_proof_change.sql"
        unit = "[Unit]\nDescription=Only the new version has it\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
        files = {one: _TABLE, two: _CHANGE, "deploy/systemd/chatserver-proof.service": unit}
        self._source.commit("A version with another schema", files)
        self._guest.copy_in(self._source.bundle(), path)
        self._client.exchange()
        self._count = self._client.count

    def used_then_refused(self) -> None:
        """The new version has changed everything, kept a copy, and serves; the old one says what is wrong."""
        assert _MARK in self._users()
        self._client.exchange()
        copies = self._guest.run("ls /var/lib/chatserver/before-upgrade").stdout
        assert f"schema-{self.older}-" in copies, copies
        told = self._guest.run(f"{_USE}\nsystemctl restart chatserver", check=False)
        assert told.returncode, "the old version runs with the new schema"
        journal = self._guest.run("journalctl --no-pager -u chatserver -n 20").stdout
        assert f"has schema {self.newer}" in journal, journal
        assert "chatserver rollback" in journal, journal
        self._client.forget(self._count, self._client.count)
        self._client.queue()

    def undone(self) -> None:
        """All is as before the upgrade but for what was kept aside, and what waited with the clients."""
        self._client.until_answered()
        self._client.exchange()
        assert _MARK not in self._users()
        self._guest.run('test -n "$(ls /var/lib/chatserver/before-upgrade/aside-*)"')
        self._guest.run("! test -e /etc/systemd/system/chatserver-proof.service")

    def _users(self) -> str:
        return self._guest.run("chatserver user list").stdout
