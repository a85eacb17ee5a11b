"""Walking through the texts that were sent before, without losing what stands in the composer."""

from collections.abc import Sequence


class History:
    """A list of texts whose last one is being written; changes of older ones last until something is sent."""

    def __init__(self, sent: Sequence[str]) -> None:
        """`sent`: the texts that were sent, oldest first."""
        self._sent = list(sent)
        self._changed: dict[int, str] = {}
        self._at = len(self._sent)

    def older(self, current: str) -> str | None:
        """The text before the one shown, which is now `current`; None at the oldest."""
        return self._go(-1, current)

    def newer(self, current: str) -> str | None:
        """The text after the one shown, which is now `current`; None at the one being written."""
        return self._go(1, current)

    def _go(self, step: int, current: str) -> str | None:
        wanted = self._at + step
        if not 0 <= wanted <= len(self._sent):
            return None
        self._changed[self._at] = current
        self._at = wanted
        return self._changed.get(wanted, self._sent[wanted] if wanted < len(self._sent) else "")
