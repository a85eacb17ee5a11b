"""Declares `chatterm completion`."""

from chatterm.cli.arguments import Parser, describe

HELP = "print the completion script of a shell"
RUNS = "chatterm.cli.completion"
_EPILOG = """\
bash:  eval "$(chatterm completion bash)"            in ~/.bashrc
zsh:   eval "$(chatterm completion zsh)"             in ~/.zshrc, after compinit
fish:  chatterm completion fish > ~/.config/fish/completions/chatterm.fish
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Print the script that completes commands, options, and the people, groups and accounts this machine knows.",
        _EPILOG,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
