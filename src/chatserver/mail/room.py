"""Opens what mails reset codes, if the settings name an SMTP server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatserver.config import smtp_password
from chatserver.mail.courier import BACKOFF_S, ResetMails
from chatserver.mail.smtp import SmtpServer
from chatserver.services.passwords import PasswordPool
from chatserver.services.recovery import Recovery
from chatserver.settings import Settings
from chatserver.store.base import Store


@asynccontextmanager
async def open_recovery(
    store: Store, passwords: PasswordPool, settings: Settings, *, backoff_s: float = BACKOFF_S
) -> AsyncIterator[Recovery]:
    """Recovery of passwords, with mail within the block if there is a server for it."""
    ttl = settings.reset_code_s
    if not settings.smtp_host:
        yield Recovery(store, passwords, code_ttl_s=ttl)
        return
    server = SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        sender=settings.smtp_from,
        user=settings.smtp_user,
        password=smtp_password(settings),
        ca_file=settings.smtp_ca_file,
    )
    mails = ResetMails(store, server, code_ttl_s=ttl, backoff_s=backoff_s)
    recovery = Recovery(store, passwords, code_ttl_s=ttl, courier=mails)
    mails.start(recovery)
    try:
        yield recovery
    finally:
        await mails.close()
