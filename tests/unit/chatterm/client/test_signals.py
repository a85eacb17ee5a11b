"""What is true only now: told once, forgotten when it is not watched, and typing not more often than it should be."""

from chatproto.frames import Away, Presence, TypingNow, Watch
from chatterm.client.model import Notice, PresenceChanged, PresenceState, TypingChanged
from chatterm.client.signals import TYPING_EVERY_S, OwnSignals, Signals


def test_changes_are_told_once_and_forgotten_with_the_connection() -> None:
    told: list[Notice] = []
    signals = Signals(told.append)
    frame = Presence(online=[2], away=[3], offline=[4], last_seen=[(3, 70), (4, 80)])
    signals.take_presence(frame)
    signals.take_presence(frame)
    assert told == [PresenceChanged(frozenset({2, 3, 4}))]
    assert signals.presence(3) == (PresenceState.AWAY, 70)
    assert signals.presence(4) == (PresenceState.OFFLINE, 80)
    signals.take_typing(9, [2, 3])
    signals.said(9, [2])
    signals.said(9, [5])
    assert signals.typing(9) == (3,)
    assert told[1:] == [TypingChanged(9), TypingChanged(9)]
    signals.keep([2], [])
    assert signals.presence(4).last_seen == 0
    signals.take_typing(9, [2])
    signals.clear()
    assert (signals.presence(2).state, signals.typing(9)) == (PresenceState.OFFLINE, ())
    assert told[-2:] == [PresenceChanged(frozenset({2})), TypingChanged(9)]


async def test_typing_is_said_every_few_seconds_and_its_end_once() -> None:
    now = 100.0
    own = OwnSignals(lambda: now)
    own.typing(9, on=True)
    assert await own.next_frames() == [TypingNow(chat_id=9)]
    own.typing(9, on=True)
    own.watch([2], [9])
    assert await own.next_frames() == [Watch(user_ids=[2], chat_ids=[9])]
    now += TYPING_EVERY_S
    own.typing(9, on=True)
    own.typing(8, on=False)
    assert await own.next_frames() == [TypingNow(chat_id=9)]
    own.typing(9, on=False)
    own.typing(9, on=False)
    assert await own.next_frames() == [TypingNow(chat_id=9, on=False)]


async def test_a_new_connection_is_told_what_is_watched_and_away_but_not_old_typing() -> None:
    own = OwnSignals()
    own.watch([2, 3], [])
    own.away(True)
    own.typing(9, on=True)
    own.connected()
    frames = [Watch(user_ids=[2, 3]), Away()]
    assert await own.next_frames() == frames
    own.away(False)
    own.watch([], [])
    assert await own.next_frames() == [Watch(user_ids=[]), Away(away=False)]
