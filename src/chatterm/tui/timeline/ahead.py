"""Keys typed ahead of an action that gives the keys to something else: kept, and handed over in their order."""

from typing import Final

from textual import events
from textual.app import App
from textual.widget import Widget

GIVING: Final = frozenset(
    ("reply_to_message", "edit_message", "start_command", "to_writing", "message_menu", "react", "forward_message")
)
"""Actions after which people go on typing: what they type next is not meant for the messages."""
KEYS_MAX: Final = 256
WAIT_S: Final = 1.5
"""After this long without the keys going elsewhere, the messages take them again; what was kept is dropped."""


class Ahead:
    """Between such an action and its effect, letters must neither act on a message nor be lost."""

    def __init__(self) -> None:
        self._keys: list[events.Key] | None = None
        self._round = 0

    def begin(self, view: Widget) -> None:
        """From now on keys are kept."""
        self._keys = []
        self._round += 1
        begun = self._round
        view.set_timer(WAIT_S, lambda: self.drop() if begun == self._round else None)

    def keeps(self, event: events.Key) -> bool:
        """Whether this key is kept for later."""
        if self._keys is None:
            return False
        self._keys = [*self._keys, event][:KEYS_MAX]
        return True

    def drop(self) -> None:
        """The action came to nothing: what was meant for its effect must do nothing else."""
        self._keys = None

    def hand_over(self, app: "App[object]", view: Widget) -> None:
        """The keys went elsewhere: so do those that were kept."""
        kept, self._keys = self._keys, None
        target = app.screen.focused or app.screen
        for event in kept or ():
            if target is not view:
                target.post_message(events.Key(event.key, event.character))  # the event itself has been stopped
