"""What went wrong in this run, to be read again and copied."""

import time

from chatterm.tui.app import ChatApp
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog, ask
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row
from chatterm.tui.survival import Problem, Survival


class Problems(Feature):
    """A list of what was told, newest first."""

    @property
    def _survival(self) -> Survival:
        app = self.screen.app
        assert isinstance(app, ChatApp)
        return app.survival

    async def problems(self, _: str = "") -> None:
        """Show the list until it is left; Enter shows one problem whole."""
        while True:
            known = list(reversed(self._survival.problems))
            rows = [Row(each.text, index, _when(each)) for index, each in enumerate(known)]
            chosen = await Picker("What went wrong lately", rows, empty="Nothing went wrong.").pick(self.screen.app)
            if chosen is None:
                return
            await self._show(known[chosen])

    async def _show(self, problem: Problem) -> None:
        where = f"\n\nThe report is {problem.report}." if problem.report is not None else ""
        text = f"{problem.text}{where}"

        async def copy(_: Answers) -> bool:
            self.screen.app.copy_to_clipboard(f"{text}\n\n{problem.details}".strip())
            return True

        buttons = (Button("copy", "Copy"), Button(CANCEL, "Back"))
        shown = "\n\n".join(part for part in (text, problem.details) if part)
        if await ask(self.screen.app, Dialog("Problem", shown, buttons=buttons, submit=copy, start_at=1)):
            self.tell("Asked the terminal to copy it.")


def _when(problem: Problem) -> str:
    clock = time.strftime("%H:%M", time.localtime(problem.at))
    return f"{clock}, {problem.times} times" if problem.times > 1 else clock
