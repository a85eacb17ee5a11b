"""The answer to `fetch`: a page of a chat's log, without gaps also for clients that know nothing of floors."""

from chatproto.frames import Fetch, Page
from chatproto.models import ChatChanged, LogEvent, event_id
from chatserver.clock import now_us
from chatserver.realtime.session import Session
from chatserver.services.messages import Messages
from chatserver.store.base import Store


async def page(store: Store, messages: Messages, session: Session, asked: Fetch) -> Page:
    """The page asked for. Raises `notMember`, or `invalidFrame` for two bounds."""
    events, more = await messages.events(
        session.user_id, asked.chat_id, before_seq=asked.before_seq, after_seq=asked.after_seq, limit=asked.limit
    )
    # Read after the events: then it is surely not below them.
    floor = await store.floor(asked.chat_id)
    if floor.floor and not session.hears_floors:
        events, more = await _with_stand_ins(store, session.user_id, asked, floor.floor, events, more=more)
    return Page(
        id=asked.id, chat_id=asked.chat_id, events=events, has_more=more, floor=floor.floor, floor_days=floor.days
    )


async def _with_stand_ins(
    store: Store, user_id: int, asked: Fetch, floor: int, events: list[LogEvent], *, more: bool
) -> tuple[list[LogEvent], bool]:
    """The page with an event that changes nothing in each place that was removed, and whether more lies that way.

    A client that does not know that logs lose their beginning waits for every seq of them.
    """
    places = _removed_places(asked, floor, events)
    if not places:  # a page may still end just above the floor
        return events, more or (asked.after_seq is None and bool(events) and events[0].seq > 1)
    chat = await store.chat_retention(asked.chat_id)
    # Times rise with seqs: those of what was removed lie before the oldest event that is left.
    end = (chat.oldest_at if chat is not None else 0) or now_us()
    stand_ins: list[LogEvent] = [
        ChatChanged(id=event_id(asked.chat_id, seq), seq=seq, at=max(0, end - (floor + 1 - seq)), sender_id=user_id)
        for seq in places
    ]
    if asked.after_seq is None:
        return stand_ins + events, places[0] > 1
    whole = stand_ins + events
    return whole[: asked.limit], more or len(whole) > asked.limit or places[-1] < floor


def _removed_places(asked: Fetch, floor: int, events: list[LogEvent]) -> range:
    """The removed seqs next to the bound of a page, at most as many as it has room for."""
    if asked.after_seq is not None:
        first = asked.after_seq + 1
        last = events[0].seq - 1 if events else floor
        return range(first, min(last, first + asked.limit - 1) + 1)
    end = floor if asked.before_seq is None else min(asked.before_seq - 1, floor)
    last = events[0].seq - 1 if events else end
    return range(max(1, last - (asked.limit - len(events)) + 1), last + 1)
