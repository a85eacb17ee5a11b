"""REST calls without a session: one account's API, with tokens that are refreshed when needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatterm.client.api import Api, tls_context
from chatterm.client.credentials import CredentialStore
from chatterm.client.model import Account
from chatterm.client.paths import account_files
from chatterm.client.tokens import TokenSource


@asynccontextmanager
async def asking(account: Account) -> AsyncIterator[tuple[Api, TokenSource]]:
    """The account's API and its tokens; both are closed at the end."""
    tls = tls_context() if account.server_url.startswith("https:") else None
    async with Api(account.server_url, tls=tls) as api:
        tokens = TokenSource(CredentialStore(account_files(account.key).credentials), api)
        try:
            yield api, tokens
        finally:
            await tokens.close()
