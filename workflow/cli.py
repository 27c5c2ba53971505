"""`onward`: the one command line. Processes are started by becoming them; administration is done here.

Imports neither the web nor the workers, and loads a command only when it is called, so that `--help` is at once.
"""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from pathlib import Path
from typing import Final

import click

from workflow.errors import OnwardError

_PROCESSES: Final = {
    "up": ("workers", "up", "Run everything on this machine and restart what dies."),
    "web": ("web", None, "Serve the panel, the API and the webhooks."),
    "worker": ("workers", "worker", "Send mail on the hints of a clock."),
    "clock": ("workers", "clock", "Claim what is due; two or more are safe."),
    "deliveries": ("web.desk", None, "List, rehearse and replay what senders brought."),
}
_COMMANDS: Final = {
    "db": ("installation", "Make or upgrade the database."),
    "source": ("senders", "Add senders of webhooks, or rotate their secrets."),
    "endpoint": ("endpoints", "Send webhooks: add receivers, test, rotate, pause, replay."),
    "rep": ("installation", "Add people, or give them a link to sign in."),
    "key": ("installation", "Add or revoke keys of the API."),
    "mailbox": ("mailboxes", "Add mailboxes, try them out, let them wait."),
    "away": ("mailboxes", "Mark a rep as away, or as back."),
    "suppress": ("suppressing", "Write to an address or a domain no more."),
    "playbook": ("playbooks", "Check or draw a playbook."),
    "simulate": ("simulation", "Live a prospect's life in advance."),
    "import": ("importing", "Write prospects from a CSV or XLSX file."),
    "export": ("importing", "Write prospects, touches or history to a CSV or XLSX file."),
    "merge": ("merging", "Make one prospect of two."),
    "erase": ("erasing", "Take a person out of everything that is kept, for good."),
    "history": ("history", "Export the history so that it proves itself, or check such a file."),
    "audit": ("auditing", "Say who changed which setting, and when."),
    "explain": ("inspection", "Say why an email or task is as it is, or why one does not exist."),
    "doctor": ("inspection", "Check every invariant on the live database."),
}
_USAGE_ERROR: Final = 2


class _Commands(click.Group):
    """A group whose commands live in `workflow.commands` and are loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Processes first, then administration."""
        return [*super().list_commands(ctx), *_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        if ctx.resilient_parsing:
            return click.Group(cmd_name)
        module, _ = _COMMANDS[cmd_name]
        # `import` is a word of Python.
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(importlib.import_module(f"workflow.commands.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, written without loading any."""
        rows = [(name, words) for name, (_, _, words) in _PROCESSES.items()]
        with formatter.section("Processes"):
            formatter.write_dl(rows)
        with formatter.section("Administration"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.group(cls=_Commands)
@click.version_option(package_name="onward")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the installation is kept (ONWARD_DATA_DIR).")
def cli(data_dir: Path | None) -> None:
    """Move every prospect from first plan to closed deal, and send each follow-up at its hour, once."""
    if data_dir is not None:
        os.environ.pop("ONWARD_DATA_DIR_FILE", None)
        os.environ["ONWARD_DATA_DIR"] = str(data_dir)


def main() -> None:
    """The entry point. An error Onward can name is one sentence on stderr and exit code 2."""
    try:
        code = cli.main(standalone_mode=False, prog_name="onward")
    except OnwardError as error:
        _stop(error.message)
    except click.exceptions.Abort:
        _stop("Stopped.")
    except click.ClickException as error:
        _stop(error.format_message())
    sys.exit(code if isinstance(code, int) else 0)


def _stop(sentence: str) -> None:
    click.echo(sentence, err=True)
    sys.exit(_USAGE_ERROR)


def _process(name: str, package: str, part: str | None, words: str) -> click.Command:
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

    @click.command(name, context_settings=settings, help=words, add_help_option=False)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def become(arguments: tuple[str, ...]) -> None:
        # -P: a folder named web or workers where the command is typed must not stand in for ours.
        argv = [sys.executable, "-P", "-m", package, *([part] if part else []), *arguments]
        os.execv(sys.executable, argv)

    return become


for _name, (_package, _part, _words) in _PROCESSES.items():
    cli.add_command(_process(_name, _package, _part, _words))
