"""Puts the parts of Web Push together."""

import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chatserver.clock import now_us
from chatserver.config import ConfigError
from chatserver.push.addresses import AddressPolicy, Resolver, resolve
from chatserver.push.client import PushClient
from chatserver.push.delivery import Delivery
from chatserver.push.pusher import Pusher
from chatserver.push.sealing import Signer
from chatserver.push.subscriptions import Subscriptions
from chatserver.settings import Settings
from chatserver.store.base import Store


@dataclass(frozen=True, slots=True)
class Push:
    """What the rest of the server sees of Web Push."""

    pusher: Pusher
    delivery: Delivery
    subscriptions: Subscriptions


@asynccontextmanager
async def open_push(
    store: Store,
    settings: Settings,
    *,
    is_there: Callable[[int], bool],
    backoff_s: float,
    resolver: Resolver = resolve,
) -> AsyncIterator[Push]:
    """Web Push within the block. Raises `ConfigError` for certificates that cannot be used."""
    policy = AddressPolicy(map(ipaddress.ip_network, settings.push_allowed_networks), resolver)
    signer = Signer(await store.secret("push"), settings.push_contact)
    delivery = Delivery(store, _client(policy, settings), signer, clock=now_us, backoff_s=backoff_s)
    pusher = Pusher(
        store,
        delivery,
        clock=now_us,
        is_there=is_there,
        delay_s=settings.push_delay_s,
        interval_s=settings.push_interval_s,
        previews=settings.push_previews,
    )
    delivery.start()
    pusher.start()
    try:
        yield Push(pusher, delivery, Subscriptions(store, policy, signer, delivery))
    finally:
        await pusher.close()
        await delivery.close()


def _client(policy: AddressPolicy, settings: Settings) -> PushClient:
    try:
        return PushClient(policy, settings.push_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The setting push_ca_file: {settings.push_ca_file} cannot be used ({error}). Name a PEM file."
        ) from error
