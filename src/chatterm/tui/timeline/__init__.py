"""The message view: one widget that draws only the lines on screen, whatever the length of the history."""

from chatterm.tui.timeline.messages import ChatView, HolesWanted, MessagesLeft, NewBelow, SeenReached, Selected
from chatterm.tui.timeline.widget import Timeline

__all__ = ["ChatView", "HolesWanted", "MessagesLeft", "NewBelow", "SeenReached", "Selected", "Timeline"]
