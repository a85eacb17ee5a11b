"""Operations on the caller's own account, and those that make one."""

from litestar import Response

from chatproto.models import User
from chatproto.rest import (
    DeleteAccountRequest,
    Invite,
    InviteRequest,
    InvitesList,
    PasswordRequest,
    ProfileRequest,
    RegisterRequest,
    ResetMailRequest,
    ResetRequest,
    Tokens,
)
from chatserver.http.operations import Call, Nothing, Operation
from chatserver.services.accounts import Accounts, Registrations
from chatserver.services.invites import Invites
from chatserver.services.recovery import Recovery


def operations(
    accounts: Accounts, registrations: Registrations, recovery: Recovery, invites: Invites
) -> list[Operation]:
    """Registering, changing and leaving; inviting."""
    return [*_registering(registrations), *_recovering(recovery), *_own(accounts), *_inviting(invites)]


def _registering(registrations: Registrations) -> list[Operation]:
    async def register(call: Call[Nothing, RegisterRequest]) -> Tokens:
        return await registrations.register(call.body)

    return [
        Operation(
            method="POST",
            path="/auth/register",
            tag="accounts",
            summary="Make an account and start its first session",
            handler=register,
            body=RegisterRequest,
            answer=Tokens,
            status=201,
            errors=(
                "registrationClosed",
                "inviteInvalid",
                "emailInvalid",
                "nameInvalid",
                "passwordInvalid",
                "emailTaken",
                "overloaded",
            ),
            public=True,
            rate="sign-in",
        )
    ]


def _recovering(recovery: Recovery) -> list[Operation]:
    async def request_reset(call: Call[Nothing, ResetMailRequest]) -> Response[None]:
        recovery.request_mail(call.body.email)
        return Response(None, status_code=202)

    async def reset_password(call: Call[Nothing, ResetRequest]) -> None:
        await recovery.reset(call.body.email, call.body.code, call.body.new_password)

    return [
        Operation(
            method="POST",
            path="/auth/reset/request",
            tag="accounts",
            summary="Have a code mailed that resets a password; the answer is the same for every address",
            handler=request_reset,
            body=ResetMailRequest,
            status=202,
            errors=("mailUnavailable", "overloaded"),
            public=True,
            rate="sign-in",
            account=lambda body: body.email,
        ),
        Operation(
            method="POST",
            path="/auth/reset",
            tag="accounts",
            summary="Replace a forgotten password with a code; every session of the user ends",
            handler=reset_password,
            body=ResetRequest,
            status=204,
            errors=("resetCodeWrong", "passwordInvalid", "overloaded"),
            public=True,
            rate="sign-in",
            account=lambda body: body.email,
        ),
    ]


def _own(accounts: Accounts) -> list[Operation]:
    async def update_me(call: Call[Nothing, ProfileRequest]) -> User:
        return await accounts.update_profile(call.user_id, call.body)

    async def delete_me(call: Call[Nothing, DeleteAccountRequest]) -> None:
        await accounts.delete_own(call.user_id, call.body.password, messages=call.body.messages)

    async def change_password(call: Call[Nothing, PasswordRequest]) -> None:
        await accounts.change_password(call.identity, call.body.current, call.body.new)

    return [
        Operation(
            method="PATCH",
            path="/me",
            tag="accounts",
            summary="Change the caller's name, status or picture; what is absent stays",
            handler=update_me,
            body=ProfileRequest,
            answer=User,
            errors=("nameInvalid", "statusInvalid", "avatarInvalid"),
            rate="write",
        ),
        Operation(
            method="DELETE",
            path="/me",
            tag="accounts",
            summary="Delete the caller's account for good; messages stay, by a deleted account, or are erased, too",
            handler=delete_me,
            body=DeleteAccountRequest,
            status=204,
            errors=("passwordWrong", "overloaded"),
            rate="sign-in",
        ),
        Operation(
            method="POST",
            path="/me/password",
            tag="accounts",
            summary="Replace the caller's password; every other session of theirs ends",
            handler=change_password,
            body=PasswordRequest,
            status=204,
            errors=("passwordWrong", "passwordInvalid", "overloaded"),
            rate="sign-in",
        ),
    ]


def _inviting(invites: Invites) -> list[Operation]:
    async def create_invite(call: Call[Nothing, InviteRequest]) -> Invite:
        return await invites.create(call.user_id, call.body)

    async def list_invites(call: Call[Nothing, None]) -> InvitesList:
        return await invites.open(call.user_id)

    async def delete_invite(call: Call[Nothing, None]) -> None:
        await invites.withdraw(call.user_id, call.path["inviteId"])

    return [
        Operation(
            method="POST",
            path="/invites",
            tag="accounts",
            summary="Make an invitation; its code is shown only in this answer",
            handler=create_invite,
            body=InviteRequest,
            answer=Invite,
            status=201,
            errors=("invitesDisabled", "tooManyInvites"),
            rate="write",
        ),
        Operation(
            method="GET",
            path="/invites",
            tag="accounts",
            summary="The caller's invitations that can still be used, newest first",
            handler=list_invites,
            answer=InvitesList,
        ),
        Operation(
            method="DELETE",
            path="/invites/{inviteId}",
            tag="accounts",
            summary="Withdraw an invitation of the caller",
            handler=delete_invite,
            status=204,
            errors=("inviteNotFound",),
            rate="write",
        ),
    ]
