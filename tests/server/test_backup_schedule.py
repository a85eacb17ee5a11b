"""Scheduled backups: when they are due, what is kept, what happens when one fails, and how they are told."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from chatserver import measures
from chatserver.backup.catalog import Backup, list_backups
from chatserver.backup.errors import NoRoomError
from chatserver.backup.round import hold_round
from chatserver.backup.schedule import Schedule, scheduled_backups
from chatserver.backup.thinning import superfluous
from chatserver.measures import Gauge
from chatserver.settings import Settings
from tests.support.backups import furnish, restore, verify
from tests.support.server import WAIT_S

DAY = 86_400
START = 1_800_000_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "data"
    uvloop.run(furnish(folder))
    return folder


def backups(*created: int, verified: bool = True) -> list[Backup]:
    return [
        Backup(
            name=f"b{at}",
            place="folder",
            created_at=at,
            bytes=1,
            encrypted=False,
            verified_at=at if verified else None,
        )
        for at in sorted(created, reverse=True)
    ]


@given(
    st.lists(st.tuples(st.integers(0, 400 * DAY), st.booleans()), unique_by=lambda one: one[0], max_size=60),
    st.integers(1, 5),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_what_is_kept(found: list[tuple[int, bool]], last: int, daily: int, weekly: int, monthly: int) -> None:
    """The newest, the newest verified one, and as many days, weeks and months as are asked for, but not more."""
    all_of_them = sorted(
        (one for at, verified in found for one in backups(START + at, verified=verified)),
        key=lambda one: -one.created_at,
    )
    settings = Settings(
        data=Path("x"),
        backup_keep_last=last,
        backup_keep_daily=daily,
        backup_keep_weekly=weekly,
        backup_keep_monthly=monthly,
    )
    gone = superfluous(all_of_them, settings)
    kept = [one for one in all_of_them if one not in gone]
    assert kept[:last] == all_of_them[:last]
    assert len(kept) <= last + daily + weekly + monthly + 1
    good = [one for one in all_of_them if one.verified_at is not None]
    assert good[:1] == [one for one in kept if one.verified_at is not None][:1]
    days = list(dict.fromkeys(datetime.fromtimestamp(one.created_at, UTC).date() for one in all_of_them))
    kept_days = {datetime.fromtimestamp(one.created_at, UTC).date() for one in kept}
    assert set(days[:daily]) <= kept_days
    assert superfluous(kept, settings) == []


def test_a_year_of_daily_backups() -> None:
    """Seven days, four weeks and six months stay, which overlap."""
    begin = datetime(2027, 1, 1, 3, tzinfo=UTC)
    year = backups(*(int((begin + timedelta(days=number)).timestamp()) for number in range(365)))
    gone = superfluous(year, Settings(data=Path("x")))
    kept = [datetime.fromtimestamp(one.created_at, UTC).strftime("%m-%d") for one in year if one not in gone]
    assert kept == [
        *("12-31", "12-30", "12-29", "12-28", "12-27", "12-26", "12-25"),
        *("12-19", "12-12", "11-30", "10-31", "09-30", "08-31", "07-31"),
    ]


def test_a_backup_is_made_when_it_is_due_and_old_ones_go(data: Path, tmp_path: Path) -> None:
    """The newest one says when: nothing is made before. Each is verified; a stranger's file is left alone."""
    folder = tmp_path / "backups"
    settings = Settings(
        data=data,
        backup_dir=folder,
        backup_keep_last=2,
        backup_keep_daily=0,
        backup_keep_weekly=0,
        backup_keep_monthly=0,
    )
    for day in range(4):
        for hour in (0, 12):
            (state,) = hold_round(settings, None, now=lambda at=START + day * DAY + hour * 3600: at)  # type: ignore[misc] # mypy cannot tell a default's type
            assert state.error == ""
            assert (state.made_s is not None) == (hour == 0)
            assert state.due_at == START + (day + 1) * DAY
        (folder / "letters.txt").touch()
    found = list_backups(settings)
    assert [one.created_at for one in found] == [START + 3 * DAY, START + 2 * DAY]
    assert all(one.verified_at is not None and one.problems == 0 for one in found)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["letters.txt", *(one.name + suffix for one in found for suffix in ("", ".json"))]
    )
    assert verify((folder / found[0].name).read_bytes()).counts.users == 2


def test_a_backup_from_the_future_does_not_stop_them(data: Path, tmp_path: Path) -> None:
    """The clock was wrong once: the next backup comes no later than one interval from now."""
    settings = Settings(data=data, backup_dir=tmp_path / "backups", backup_verify=False)
    hold_round(settings, None, now=lambda: START + 400 * DAY)
    (state,) = hold_round(settings, None, now=lambda: START)
    assert (state.made_s, state.due_at) == (None, START + DAY)


def test_a_bucket_that_cannot_be_reached_is_said(data: Path) -> None:
    """Without any secret in the text."""
    settings = Settings(
        data=data,
        backup_s3_bucket="chat",
        backup_s3_endpoint="http://127.0.0.1:9",
        backup_s3_region="us-east-1",
        backup_s3_access_key_id="key",
        backup_s3_secret_access_key="secret",
    )
    (state,) = hold_round(settings, None)
    assert "The bucket chat cannot be" in state.error
    assert "secret" not in state.error


def test_a_verification_that_was_cut_short_is_made_up_for(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next round reads what the last one could not; if that is damaged, another backup is made at once."""
    settings = Settings(data=data, backup_dir=tmp_path / "backups")

    def no_room(*_: object) -> None:
        raise NoRoomError("There is no room.")

    for damaged in (False, True):
        at = START + damaged * DAY
        with monkeypatch.context() as patched:
            patched.setattr("chatserver.backup.round.restoring.verify", no_room)
            (state,) = hold_round(settings, None, now=lambda at=at: at)  # type: ignore[misc] # mypy cannot tell a default's type
        newest = list_backups(settings)[0]
        assert (state.error, newest.verified_at, newest.created_at) == ("There is no room.", None, at)
        if damaged:
            content = (tmp_path / "backups" / newest.name).read_bytes()
            (tmp_path / "backups" / newest.name).write_bytes(content[:-1] + b"?")
        (state,) = hold_round(settings, None, now=lambda at=at: at + 60)  # type: ignore[misc] # as above
        assert (state.error, state.made_s is not None) == ("", damaged)
        assert list_backups(settings)[0].verified_at == at + 60
    assert len(list_backups(settings)) == 3


async def test_a_server_has_its_backups_made(data: Path, tmp_path: Path) -> None:
    """By a process of its own, and says so in its metrics; a failure is counted and tried again."""
    (tmp_path / "backups").touch()
    settings = Settings(data=data, backup_dir=tmp_path / "backups")
    gauges: list[Gauge] = []
    failures = next(one for one in measures.everything() if one.name == "chatserver_backup_failures")
    assert isinstance(failures, measures.Counter)
    before = failures.value
    async with scheduled_backups(settings, None, gauges, first_s=0, retry_s=0.01) as schedule:
        assert schedule is not None
        await _ended(schedule)
        assert failures.value == before + 1
        (tmp_path / "backups").unlink()
        while not (tmp_path / "backups").exists() or not list_backups(settings)[:1]:
            await _ended(schedule)
    (made,) = list_backups(settings)
    told = {gauge.name: measures.read(gauge) for gauge in gauges}
    assert told["chatserver_backup_last_success_timestamp_seconds"] == {("folder",): made.created_at}
    assert told["chatserver_backup_bytes"] == {("folder",): made.bytes}
    assert made.verified_at is not None
    backup = (tmp_path / "backups" / made.name).read_bytes()
    assert restore(backup, Settings(data=tmp_path / "again")).content.problems == 0


async def _ended(schedule: Schedule) -> None:
    """Wait for the end of the next round."""
    schedule.round_ended.clear()
    async with asyncio.timeout(WAIT_S):
        await schedule.round_ended.wait()
