"""Which old backups go: the newest few stay, then one for each day, week and month."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from chatserver.backup.catalog import Backup
from chatserver.settings import Settings


def superfluous(backups: Sequence[Backup], settings: Settings) -> list[Backup]:
    """Those of one place, given newest first, that the settings `backup_keep_...` do not ask for.

    A day, week or month without a backup does not count, so nothing goes merely because time passes. The newest
    verified one always stays.
    """
    kept = {backup.name for backup in backups[: settings.backup_keep_last]}
    kept |= _newest_of_each(backups, settings.backup_keep_daily, lambda day: day.toordinal())
    kept |= _newest_of_each(backups, settings.backup_keep_weekly, lambda day: tuple(day.isocalendar())[:2])
    kept |= _newest_of_each(backups, settings.backup_keep_monthly, lambda day: (day.year, day.month))
    kept |= {backup.name for backup in [one for one in backups if one.verified_at is not None][:1]}
    return [backup for backup in backups if backup.name not in kept]


def _newest_of_each(backups: Sequence[Backup], count: int, period: Callable[[date], object]) -> set[str]:
    """The newest backup of each of the last `count` periods that have one."""
    newest: dict[object, str] = {}
    for backup in backups:
        newest.setdefault(period(datetime.fromtimestamp(backup.created_at, UTC).date()), backup.name)
    return set(list(newest.values())[:count])
