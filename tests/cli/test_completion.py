"""Tab in a real shell: commands, options, and names from the cache of this machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Home, LiveServer

_DRIVER = """
eval "$({command} completion bash)"
words=({line})
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9; COMP_CWORD=$((${{#words[@]}} - 1))
function_name=$(complete -p chatterm | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function_name" "${{words[0]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which the commands are this tree's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("chatterm", "chatserver"):
        script = folder / name
        module = {"chatterm": "chatterm.cli.main", "chatserver": "chatserver.cli"}[name]
        script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
        script.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def tab(home: Home, path: str, line: str) -> list[str]:
    """What bash has to choose from at the end of a line, without the blank after a finished word."""
    done = subprocess.run(
        ["bash", "--norc", "-c", _DRIVER.format(command="chatterm", line=line)],
        env={**home.env, "PATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return [word.rstrip() for word in done.stdout.splitlines() if word.strip()]


def test_commands_options_people_groups_and_accounts_are_completed(
    live: LiveServer, anna: str, ben: str, home: Home, path: str
) -> None:
    """Also behind options and in group's actions; titles that a shell might misread are left out."""
    title, odd = f"Tab {anna.partition('@')[0]}", "$(touch oops) `x`; 'y'"
    assert home.run("group", title, ben).code == 0
    assert home.run("group", "new", odd, ben).code == 0
    assert home.run("users").code == 0
    assert tab(home, path, "chatterm se") == ["send", "search", "seen"]
    assert sorted(tab(home, path, "chatterm send --me")) == ["--me", "--mention", "--mention-all"]
    assert tab(home, path, f"chatterm send {ben[:6]}") == [
        *(word for word in tab(home, path, f"chatterm history {ben[:6]}")),
    ]
    assert ben in tab(home, path, f"chatterm send --wait {ben[:3]}")
    assert tab(home, path, f"chatterm members {title[:7].replace(' ', chr(92) + ' ')}")[0].replace("\\", "") == title
    assert tab(home, path, "chatterm group kick tab")[0].replace("\\", "").lower() == title.lower()
    assert all("touch" not in word for word in tab(home, path, "chatterm send "))
    assert home.run("accounts", "--json").out.count(tab(home, path, "chatterm send --account ")[0]) == 1
    assert tab(home, path, f"chatterm edit {ben} l") == ["last"]
    assert not list(home.folder.parent.rglob("oops"))


def test_completion_works_while_nobody_is_signed_in(home: Home, path: str) -> None:
    """Commands are there, names are none, and nothing is said."""
    assert "login" in tab(home, path, "chatterm ")
    assert tab(home, path, "chatterm send a") == []
    assert tab(home, path, "chatterm completion ") == ["bash", "zsh", "fish"]
    assert tab(home, path, "chatterm config set look.th") == ["look.theme"]
    assert "serve" in tab(home, path, "chatserver s")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_there_is_a_script_for_other_shells(home: Home, shell: str) -> None:
    """It names both programs, and needs no account."""
    result = home.run("completion", shell)
    assert result.code == 0
    assert "chatterm" in result.out
    assert "chatserver" in result.out
