"""The `chatserver` command: arguments in, exit code out. What a command needs is imported when it runs."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from chatserver.cli.account_arguments import add_invite, add_user
from chatserver.cli.backup_arguments import add_backups
from chatserver.cli.data_arguments import add_export, add_import
from chatserver.cli.doctor_arguments import add_doctor
from chatserver.cli.exits import Exit
from chatserver.cli.retention_arguments import add_retention, add_vacuum
from chatserver.cli.watching_arguments import add_bench, add_top

_EXIT_CODES = """exit codes:
  0  done
  1  refused; the reason is on stderr
  2  wrong arguments
  3  a setting cannot be used: config file, environment or flag
  4  the address cannot be listened on
  5  the database cannot be used: folder, file, schema or disk
  6  the certificate for TLS cannot be used, or none could be had
  7  the backup cannot be used: damaged, foreign, made by a newer version, or another passphrase
  8  done, but stored files were missing or damaged already on the server that was backed up
 10  doctor: nothing is bad, and something is worth knowing
 14  no server answers, or it does not tell
 15  bench: a message was lost, doubled or out of order

settings come from flags, then CHATSERVER_* variables, then the TOML file of --config, then defaults.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions; see 'chatterm completion'
        import argcomplete  # noqa: PLC0415 - only then

        argcomplete.autocomplete(parser, always_complete_options=False)
    arguments = parser.parse_args(argv)
    try:
        return int(_run(arguments))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.REFUSED


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "serve":
        from chatserver.cli.serve import serve  # noqa: PLC0415 - the server's parts load only when they run

        return serve(arguments)
    module = import_module(f"chatserver.cli.{arguments.module}")
    return int(getattr(module, arguments.function)(arguments))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="chatserver",
        description="A light, self-hosted chat server.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    add_user(commands, _add_common)
    add_invite(commands, _add_common)
    add_doctor(commands, _add_common)
    add_top(commands, _add_common)
    add_bench(commands, _add_common)
    add_export(commands, _add_common)
    add_backups(commands, _add_common)
    add_retention(commands, _add_common)
    add_vacuum(commands, _add_common)
    add_import(commands, _add_common)
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser(
        "serve",
        help="run the server until SIGTERM or Ctrl-C",
        description="Run the server. Prints its URL on stdout, one line, once it accepts connections; logs on stderr.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(serve)
    serve.add_argument("--host", help="address to listen on (default: 127.0.0.1, with TLS *; * is all addresses)")
    serve.add_argument("--port", type=int, help="port to listen on (default: 8765, with TLS 443; 0 takes a free one)")
    _add_tls(serve)
    serve.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="default: info")
    serve.add_argument("--log-format", choices=["text", "json"], help="default: text")


def _add_tls(serve: argparse.ArgumentParser) -> None:
    tls = serve.add_argument_group("TLS", "HTTPS and WSS, either with a certificate of your own or with one by ACME")
    tls.add_argument("--tls-certificate", type=Path, metavar="FILE", help="certificate with its chain, PEM")
    tls.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key, if not in the same file")
    tls.add_argument(
        "--domain", action="append", metavar="NAME", help="get a certificate for this name; may be repeated"
    )
    tls.add_argument("--acme-email", metavar="ADDRESS", help="where the CA reaches you")
    tls.add_argument("--acme-agree-tos", action="store_true", default=None, help="agree to the CA's terms of service")
    tls.add_argument(
        "--acme-directory",
        metavar="CA",
        help="letsencrypt (default), letsencrypt-staging to try things out, or the URL of another CA's directory",
    )
    tls.add_argument(
        "--http-port",
        type=int,
        metavar="PORT",
        help="port for plain HTTP: the CA's questions, and a redirect to https (default: 80 with --domain, else none)",
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of the database, made if missing "
        "(default: /var/lib/chatserver if writable, else ~/.local/share/chatserver)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")


class _Version(argparse.Action):
    """Prints the version; looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - reading package data is slow

        sys.stdout.write(f"chatserver {version('chatterm')}\n")
        parser.exit()
