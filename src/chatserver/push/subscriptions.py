"""What users may do about pushes: register endpoints, try them, and say what they want to be told of."""

import msgspec

from chatproto import codec, limits
from chatproto.errors import ChatError
from chatproto.rest import (
    PushKey,
    PushMessage,
    PushRequest,
    PushRules,
    PushSubscription,
    PushSubscriptions,
)
from chatserver.push.addresses import AddressPolicy
from chatserver.push.delivery import Delivery
from chatserver.push.rules import check_rules, read_rules
from chatserver.push.sealing import Signer, read_keys
from chatserver.store.base import Store
from chatserver.store.interfaces.push import PushRecord


class Subscriptions:
    """A user's own endpoints; those of others look as if they did not exist."""

    def __init__(self, store: Store, policy: AddressPolicy, signer: Signer, delivery: Delivery) -> None:
        self._store = store
        self._policy = policy
        self._signer = signer
        self._delivery = delivery

    def key(self) -> PushKey:
        """The server's public key."""
        return PushKey(application_server_key=self._signer.public_key)

    async def add(self, user_id: int, request: PushRequest) -> PushSubscription:
        """Register an endpoint; idempotent. Raises `pushKeysInvalid`, `pushEndpointRefused` or `tooManyPushes`."""
        p256dh, auth = read_keys(request.keys.p256dh, request.keys.auth)
        await self._policy.check_endpoint(request.endpoint)
        name = " ".join(request.name.split())
        record = await self._store.add_push(
            user_id, request.endpoint, p256dh, auth, name, most=limits.PUSH_SUBSCRIPTIONS_MAX
        )
        return _shown(record)

    async def list(self, user_id: int) -> PushSubscriptions:
        """All of the user's endpoints."""
        return PushSubscriptions(subscriptions=[_shown(record) for record in await self._store.pushes(user_id)])

    async def remove(self, user_id: int, push_id: int) -> None:
        """Forget an endpoint. Raises `pushNotFound`."""
        await self._store.remove_push((await self._own(user_id, push_id)).id)

    async def test(self, user_id: int, push_id: int) -> None:
        """Send an empty push and wait for the answer. Raises `pushNotFound` or `pushFailed`."""
        record = await self._own(user_id, push_id)
        try:
            answer = await self._delivery.deliver_now(record, codec.encode(PushMessage(kind="test")))
        except OSError:
            raise ChatError("pushFailed", "It could not be reached.") from None
        if not 200 <= answer.status < 300:
            raise ChatError("pushFailed", f"It answered {answer.status}.")

    async def rules(self, user_id: int) -> PushRules:
        """What the user wants to be told of."""
        return read_rules(await self._store.push_rules(user_id))

    async def set_rules(self, user_id: int, rules: PushRules) -> PushRules:
        """Replace the rules. Raises `pushRulesInvalid`."""
        check_rules(rules)
        await self._store.set_push_rules(user_id, msgspec.json.encode(rules).decode())
        return rules

    async def _own(self, user_id: int, push_id: int) -> PushRecord:
        record = await self._store.push(push_id)
        if record is None or record.user_id != user_id:
            raise ChatError("pushNotFound")
        return record


def _shown(record: PushRecord) -> PushSubscription:
    return PushSubscription(
        id=record.id,
        endpoint=record.endpoint,
        name=record.name,
        created_at=record.created_at,
        failing_since=record.failing_since or 0,
    )
