"""Do not disturb, for a while or until a time of day."""

import time

from chatterm.client.errors import ClientError
from chatterm.tui.features.feature import Feature
from chatterm.tui.notices.disturbing import minute_of_day
from chatterm.tui.notices.rules import quiet_until


class Dnd(Feature):
    """Switches notifications off and on again."""

    def dnd(self, argument: str) -> None:
        """`30m`, `2h`, `1d`, `until 18:00`, `off`; without anything, until it is switched off, or off."""
        notifier = self.app.notifier
        if notifier is None:
            raise ClientError("tooEarly", "The window is still being opened.", "Try again in a moment.", temporary=True)
        disturbing, chosen = notifier.disturbing, self.app.settings.notifications
        wanted = argument.strip() or ("on" if not disturbing.is_chosen else "off")
        now = time.time()
        until = quiet_until(wanted, now, minute_of_day(now))
        if until is None:
            raise ClientError("usage", "That is no time.", "Write /dnd 30m, 2h, 1d, until 18:00, or off.")
        disturbing.quiet_until(until)
        notifier.show_quiet()
        self.tell(f"{disturbing.words(chosen)}. /dnd off ends it." if until else "You are told of news again.")
