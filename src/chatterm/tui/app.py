"""The app: one chat screen on one engine, started after the first paint; themes, title, crash reports."""

import asyncio
import contextlib
import logging
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.driver import Driver
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget

from chatproto.errors import ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.client.ports import Engine
from chatterm.client.settings import Keys, Settings, settings_path
from chatterm.client.uistate import UiState
from chatterm.tui import crash, theme
from chatterm.tui.actions import Keymap, install, named
from chatterm.tui.actions import current as keymap
from chatterm.tui.attendance import LOOK_EVERY_S, Attendance
from chatterm.tui.guard import DrawingFailed
from chatterm.tui.idle import INTERVAL_S, IdleCollector
from chatterm.tui.screen import ChatScreen
from chatterm.tui.survival import Survival, protect
from chatterm.tui.window import Window

if TYPE_CHECKING:
    from chatterm.tui.notices.notifier import Notifier
    from chatterm.tui.preferences import Preferences

_log = logging.getLogger("chatterm.tui")


class ChatApp(App[None]):
    """Paints the conversation last read from the cache, then starts the engine."""

    TITLE = "chatterm"
    ENABLE_COMMAND_PALETTE = False
    # Toasts stand below the header and news: at the bottom they would cover the newest messages and what is written.
    CSS = """
    ToastRack { dock: top; align: right top; margin: 3 0 0 0; }
    Toast { max-width: 90%; padding: 0 1; }
    """

    def __init__(
        self,
        engine: Engine | None,
        state: UiState | None,
        folder: Path,
        *,
        settings: Settings | None = None,
        problems: Sequence[ErrorInfo] = (),
        collector: IdleCollector | None = None,
    ) -> None:
        """Without an engine and its state, the user signs in first. `folder` takes crash reports.

        `problems` with the settings are told after the first paint. With a `collector`, garbage is collected at quiet
        moments only.
        """
        super().__init__()
        self.settings = settings or Settings()
        self._settings_path = settings_path()
        self.engine = engine
        self._state = state
        self.folder = folder
        self._collector = collector
        self._problems = list(problems)
        self._preferences: Preferences | None = None
        self.attendance = Attendance(self._be_away)
        self._window = Window(self)
        self.survival = Survival(folder, self._tell_problem)
        self.notifier: Notifier | None = None
        self._begun = False
        self._protect(self)
        for each in theme.THEMES:
            self.register_theme(self._in_its_colours(each))
        self._set_up()

    def _set_up(self) -> None:
        """The colours and keys of the first paint; what few people set is loaded for them only."""
        wanted = self.settings.look.theme
        built_in = {theme.AUTO: theme.of_terminal(), **{each.name: each for each in theme.THEMES}}
        self.theme = built_in.get(wanted, theme.DARK).name
        if wanted not in built_in:
            from chatterm.tui import themes  # noqa: PLC0415 - for those who have themes of their own

            try:
                self.use_theme(themes.theme_of(wanted))
            except ClientError as error:
                self._problems.append(error.info())
        install(Keymap())
        if self.settings.keys != Keys():
            from chatterm.tui.preferences import install_keys  # noqa: PLC0415 - for those who set keys

            self._problems += install_keys(self.settings.keys)
        self.bind_keys()

    def bind_keys(self) -> None:
        """Bind what the current keymap says of keys that work also in dialogs: only that for leaving."""
        keys = keymap().keys(named("leave"))
        self._bindings = BindingsMap(
            [Binding(",".join(keys), "leave", "Quit", show=False, priority=True)] if keys else []
        )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.DEFAULTS

    def get_default_screen(self) -> Screen[Any]:
        if self.engine is None or self._state is None:
            from chatterm.tui.welcome import WelcomeScreen  # noqa: PLC0415 - for the first start only

            return WelcomeScreen()
        screen = ChatScreen(self.engine, self._state, shutil.get_terminal_size())
        screen.sidebar.set_width(self.settings.look.list_width)
        return screen

    def get_driver_class(self) -> type[Driver]:
        from chatterm.tui.driver import ChatDriver  # noqa: PLC0415 - needs a terminal of the POSIX kind

        return ChatDriver

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        if not self.is_headless:
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.exit, None, 128 + number)
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """The first frame is out: now the network, and everything else that could wait."""
        self._begun = True
        if self._collector is not None:
            self._collector.start()
            self.set_interval(INTERVAL_S, self._collector.tick)
        self.set_interval(LOOK_EVERY_S, self.attendance.look)
        await self._start_engine()
        self.preferences.begin(self._problems)

    async def _start_engine(self) -> None:
        if self._state is not None and self._state.problem is not None:
            problem = terminal_safe(f"{self._state.problem.message} {self._state.problem.hint}")
            self.notify(problem, severity="error", markup=False, timeout=20)
        if self.engine is not None:
            self._watch_for_news()
            await self.engine.start()

    def _watch_for_news(self) -> None:
        from chatterm.tui.notices.notifier import Notifier  # noqa: PLC0415 - not needed before the first paint

        screen = self.screen_stack[0]
        if not isinstance(screen, ChatScreen) or self._state is None:
            return
        try:
            self.notifier = Notifier(self, screen, self._state)
        except ClientError as error:
            self.notify(terminal_safe(f"{error.message} {error.hint}"), severity="error", markup=False)
        else:
            self.notifier.start()

    def _be_away(self, away: bool) -> None:
        if self.engine is not None:
            self.engine.be_away(away)

    # --- accounts ---

    async def open_account(self, account: Account) -> None:
        """Close the open account and work on this one. Raises `ClientError`, and then nothing changed."""
        from chatterm.tui.main import open_workplace  # noqa: PLC0415 - not needed while one account is open

        workplace = open_workplace(account)
        before = self.engine, self._state
        self.engine, self._state, self.folder = workplace
        self.survival.report_to(self.folder)
        await self.show_base()
        await self._close(*before)
        await self._start_engine()

    async def close_account(self) -> None:
        """Close what is open, for the next one or for good; what is unsent stays on disk. Idempotent."""
        before = self.engine, self._state
        self.engine = self._state = None
        self.folder = self.folder.parent  # its own may be removed next
        if self.is_running and any(before):
            await self.show_base()
        await self._close(*before)

    async def show_base(self) -> None:
        """Show the screen of the account that is open, or the login, in place of everything."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        # Textual expects of a screen that is replaced that it was once pushed; the first one was not.
        self.screen_stack[0]._push_result_callback(self, None)
        await self.switch_screen(self.get_default_screen())

    @staticmethod
    async def _close(engine: Engine | None, state: UiState | None) -> None:
        if engine is not None:
            await engine.stop()
        if state is not None:
            state.close()

    @property
    def state(self) -> UiState | None:
        """What the interface remembers of this account; None while nobody is signed in."""
        return self._state

    # --- settings ---

    @property
    def preferences(self) -> "Preferences":
        """What changes settings; loaded when it is first needed."""
        if self._preferences is None:
            from chatterm.tui.preferences import Preferences  # noqa: PLC0415 - not needed before the first paint

            self._preferences = Preferences(self, self._settings_path)
        return self._preferences

    def change_settings(self, settings: Settings) -> None:
        """Put other settings in force at once, and write them to the settings file."""
        self.preferences.change(settings)

    def _in_its_colours(self, wanted: Theme) -> Theme:
        """A theme as this terminal can show it."""
        return theme.of_sixteen(wanted) if self.console.color_system == "standard" else wanted

    def use_theme(self, wanted: Theme) -> None:
        """Show these colours, also if they differ from earlier ones of the same name."""
        self.register_theme(self._in_its_colours(wanted))
        if self.theme == wanted.name and self.is_running:
            self.theme = (theme.DAY if wanted.dark else theme.DARK).name
        self.theme = wanted.name

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent | events.Paste):
            self.attendance.touched()
        if self._collector is not None and isinstance(event, events.Key):
            self._collector.key_pressed()
        if isinstance(event, events.Resize):
            getattr(self._driver, "window_changed", int)()  # also where only the font is another one
        await super().on_event(event)

    @on(ChatScreen.Named)
    def _name_window(self, message: ChatScreen.Named) -> None:
        self._window.set_title(message.title)

    @on(ChatScreen.ProblemTold)
    def _note_problem(self, message: ChatScreen.ProblemTold) -> None:
        self.survival.note(message.text)

    @on(ChatScreen.RedrawWanted)
    @on(Driver.SignalResume)
    def _redraw(self) -> None:
        self._window.clear()
        self.screen.refresh(layout=True)

    def action_switch_theme(self) -> None:
        self.preferences.next_theme()

    def action_suspend(self) -> None:
        self.action_suspend_process()

    def action_leave(self) -> None:
        self.exit(None, 0)

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """Give the window its title back, then leave the message loop."""
        self._window.restore_title()
        super().exit(result, return_code, message)

    def _protect(self, pump: MessagePump) -> None:
        """Have a widget, or the app, live on after its own errors."""
        protect(pump, self._met, alive=lambda: self._begun and self._exception is None)

    @on(DrawingFailed)
    def _note_failed_drawing(self, message: DrawingFailed) -> None:
        self.survival.card_shown(message.error, message.where)

    def _register_child(self, parent: DOMNode, child: Widget, before: int | None, after: int | None) -> None:
        self._protect(child)
        super()._register_child(parent, child, before, after)

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        self._protect(widget)
        super()._start_widget(parent, widget)

    def _met(self, error: Exception, where: str) -> None:
        if not self.survival.met(error, where):
            super()._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """What timers, callbacks, workers and repaints raise; only while the app begins is that its end."""
        if self._begun and self._exception is None and self.is_running:
            self._met(error, "chatterm")
        else:
            super()._handle_exception(error)

    def _tell_problem(self, text: str) -> None:
        self.notify(text, severity="error", markup=False, timeout=10)

    def _keep_drafts(self) -> None:
        """The last thing before the end, however it comes: what is written stays."""
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                screen.conversation.keep_draft()

    def _fatal_error(self) -> None:
        """Replaces Textual's traceback, whose local variables may hold anybody's text and the user's secrets."""
        error = self._exception or RuntimeError("an error without a description")
        _log.critical("the app stops", exc_info=error)
        with contextlib.suppress(Exception):  # the report of the crash itself must not be lost to this
            self._keep_drafts()
        self._window.restore_title()
        report = crash.write_report(self.folder, error)
        self._exit_renderables.append(Text(crash.told(error, report)))
        self._close_messages_no_wait()
