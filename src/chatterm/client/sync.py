"""Carries out the plan over one connection, one page at a time, until nothing is missing."""

import asyncio

from chatproto.models import Floor
from chatterm.client.api import Api
from chatterm.client.backoff import Backoff
from chatterm.client.closing import ConnectionEndedError
from chatterm.client.connection import Connection
from chatterm.client.context import Context
from chatterm.client.errors import ClientError
from chatterm.client.model import EventsStored, ProblemMet
from chatterm.client.plan import ChatJob, ChatsJob, Job, PageJob, UsersJob
from chatterm.client.tokens import TokenSource


class Syncer:
    """Fetches users and chats over REST and events over the WebSocket, the most urgent first."""

    def __init__(self, context: Context, connection: Connection, api: Api, tokens: TokenSource) -> None:
        self._context = context
        self._connection = connection
        self._api = api
        self._tokens = tokens
        self._backoff = Backoff()

    async def run(self, idle: asyncio.Event) -> None:
        """Work until cancelled, or until the connection ends (raises `ConnectionEndedError`).

        `idle` is set whenever everything that should be fetched unasked is in the cache.
        """
        context = self._context
        while True:
            context.plan_changed.clear()
            job = context.plan.next_job(context.cache, context.cache.users_rev())
            self._tell_filled()
            if job is None:
                idle.set()
                await context.plan_changed.wait()
                idle.clear()
                continue
            try:
                await self._carry_out(job)
            except ConnectionEndedError:
                raise
            except ClientError as error:
                await self._failed(job, error)

    def _tell_filled(self) -> None:
        filled = self._context.plan.filled
        while filled:
            chat_id, first, last = filled.popleft()
            self._context.notify(EventsStored(chat_id, first, last, live=False))

    async def _failed(self, job: Job, error: ClientError) -> None:
        info = error.info()
        if info.temporary:
            await asyncio.sleep(self._backoff.next_delay(info.retry_after))
            return
        if error.code == "notMember" and isinstance(job, ChatJob | PageJob):
            self._context.plan.forget(job.chat_id)  # this person was removed from it meanwhile
            return
        self._context.plan.done(job, progress=False)
        self._context.notify(ProblemMet(info))

    async def _carry_out(self, job: Job) -> None:
        match job:
            case UsersJob():
                await self._fetch_users(job)
            case ChatJob():
                known_useq = self._context.cache.useq()
                chat = await self._tokens.call(lambda token: self._api.chat(token, job.chat_id))
                await self._context.store_chats([chat], known_useq=known_useq)
                self._context.plan.want_newest([(chat.id, chat.head)])
                self._context.plan.done(job, progress=True)
            case ChatsJob():
                await self._fetch_chats(job)
            case PageJob():
                await self._fetch_page(job)

    async def _fetch_users(self, job: UsersJob) -> None:
        page = await self._tokens.call(lambda token: self._api.users(token, job.since))
        refs = await self._context.storage.cache(lambda cache: cache.store_users(page.users))
        self._context.tell_entries(refs)
        self._context.plan.done(job, progress=bool(page.users))

    async def _fetch_chats(self, job: ChatsJob) -> None:
        known_useq = self._context.cache.useq()
        page = await self._tokens.call(lambda token: self._api.chats(token, job.after))
        await self._context.store_chats(page.chats, known_useq=known_useq)
        newest_first = sorted(page.chats, key=lambda chat: -chat.head_at)
        self._context.plan.want_newest((chat.id, chat.head) for chat in newest_first)
        more = page.has_more and bool(page.chats)
        self._context.plan.done(job, progress=True, more_after=page.chats[-1].id if more else None)

    async def _fetch_page(self, job: PageJob) -> None:
        page = await self._connection.fetch(job.chat_id, before_seq=job.before_seq, limit=job.limit)
        if page.floor > self._context.cache.floor(job.chat_id):
            floor = Floor(chat_id=job.chat_id, floor=page.floor, days=page.floor_days)
            await self._context.store_floors([floor])
        if page.events:
            await self._context.store_events(job.chat_id, page.events, live=False)
        wanted = job.before_seq - 1
        self._context.plan.done(job, progress=not self._context.cache.holes(job.chat_id, wanted, wanted))
