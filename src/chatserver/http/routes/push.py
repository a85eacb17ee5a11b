"""Operations on Web Push."""

from chatproto.rest import PushKey, PushRequest, PushRules, PushSubscription, PushSubscriptions
from chatserver.http.operations import Call, Nothing, Operation
from chatserver.push.subscriptions import Subscriptions


def operations(pushes: Subscriptions) -> list[Operation]:
    """Endpoints and rules of the caller."""
    return [*_registering(pushes), *_registered(pushes), *_rules(pushes)]


def _registering(pushes: Subscriptions) -> list[Operation]:
    async def get_push_key(_call: Call[Nothing, None]) -> PushKey:
        return pushes.key()

    async def add_push(call: Call[Nothing, PushRequest]) -> PushSubscription:
        return await pushes.add(call.user_id, call.body)

    async def list_pushes(call: Call[Nothing, None]) -> PushSubscriptions:
        return await pushes.list(call.user_id)

    return [
        Operation(
            method="GET",
            path="/push/key",
            tag="push",
            summary="The server's public key, which a browser needs to subscribe",
            handler=get_push_key,
            answer=PushKey,
        ),
        Operation(
            method="POST",
            path="/me/push",
            tag="push",
            summary="Register an endpoint, or replace the keys of one (idempotent)",
            handler=add_push,
            body=PushRequest,
            answer=PushSubscription,
            errors=("pushKeysInvalid", "pushEndpointRefused", "tooManyPushes"),
            rate="write",
        ),
        Operation(
            method="GET",
            path="/me/push",
            tag="push",
            summary="The caller's endpoints",
            handler=list_pushes,
            answer=PushSubscriptions,
        ),
    ]


def _registered(pushes: Subscriptions) -> list[Operation]:
    async def remove_push(call: Call[Nothing, None]) -> None:
        await pushes.remove(call.user_id, call.path["subscriptionId"])

    async def test_push(call: Call[Nothing, None]) -> None:
        await pushes.test(call.user_id, call.path["subscriptionId"])

    return [
        Operation(
            method="DELETE",
            path="/me/push/{subscriptionId}",
            tag="push",
            summary="Forget an endpoint",
            handler=remove_push,
            status=204,
            rate="write",
        ),
        Operation(
            method="POST",
            path="/me/push/{subscriptionId}/test",
            tag="push",
            summary="Send an empty push to an endpoint and say whether it was taken",
            handler=test_push,
            status=204,
            errors=("pushFailed",),
            rate="write",
        ),
    ]


def _rules(pushes: Subscriptions) -> list[Operation]:
    async def get_push_rules(call: Call[Nothing, None]) -> PushRules:
        return await pushes.rules(call.user_id)

    async def set_push_rules(call: Call[Nothing, PushRules]) -> PushRules:
        return await pushes.set_rules(call.user_id, call.body)

    return [
        Operation(
            method="GET",
            path="/me/push/rules",
            tag="push",
            summary="What the caller wants to be told of",
            handler=get_push_rules,
            answer=PushRules,
        ),
        Operation(
            method="PUT",
            path="/me/push/rules",
            tag="push",
            summary="Replace what the caller wants to be told of",
            handler=set_push_rules,
            body=PushRules,
            answer=PushRules,
            errors=("pushRulesInvalid",),
            rate="write",
        ),
    ]
