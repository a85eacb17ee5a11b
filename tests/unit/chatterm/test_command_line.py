"""The command line: every command declares itself, and the parser that knows one of them reads it as the whole does."""

import pkgutil

import pytest

from chatterm.cli import commands
from chatterm.cli.main import build_parser, main


def test_every_declaration_is_in_the_list_and_every_command_in_the_list_is_declared() -> None:
    """So a command that is added is there, and each has its line in the help."""
    found = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    assert found == set(commands.NAMES)
    assert len(set(commands.NAMES)) == len(commands.NAMES)
    text = build_parser().format_help()
    assert all(f"\n    {name} " in text and commands.load(name).HELP in text for name in commands.NAMES)


@pytest.mark.parametrize("name", commands.NAMES)
def test_the_parser_of_one_command_says_what_the_parser_of_all_says(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help and usage errors are the same, wherever `--account` stands."""
    said = []
    for words in ([name, "--help"], ["--account", "x", name, "--help"], ["--account=x", name, "--help"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
        said.append(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        build_parser().parse_args([name, "--help"])
    assert {*said, capsys.readouterr().out} == {said[0]}
    with pytest.raises(SystemExit) as end:
        main([name, "--no-such-option"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("chatterm: ")


def test_an_unknown_command_is_answered_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and no traceback."""
    with pytest.raises(SystemExit) as end:
        main(["sned", "x"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert all(f"'{name}'" in said for name in commands.NAMES)
