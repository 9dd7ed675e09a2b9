"""`python -m local doctor`: checks the app on this machine or in Azure, and says what to do about each finding."""

import argparse
import os
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

import msgspec
import requests
from rich.table import Table
from rich.text import Text

from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.showing import console, print_json
from local.following import harmless, say
from shared.settings import is_loopback
from shared.status.health import health
from shared.status.http import KEY_HEADER
from shared.status.page.labels import CHECK_STATES
from shared.status.schemas import HealthView
from shared.vocabulary import CheckState, counted

KEY_SETTING = "DEVICE_DROP_KEY"

ANSWER_SECONDS = 60
"""The checks take twelve, and an instance that has to start first some more."""

_STYLES = {
    CheckState.WELL: "green",
    CheckState.WARNING: "yellow",
    CheckState.BROKEN: "bold red",
    CheckState.CANNOT_BE_TOLD: "magenta",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--app",
        metavar="URL",
        help="have the app at this address check itself, as https://APP.azurewebsites.net; it takes a function key in "
        f"{KEY_SETTING} (default: check from this machine)",
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Check the app: 0 when nothing is broken and everything could be told."""
    return ended(arguments, lambda: _check(arguments))


def _check(arguments: argparse.Namespace) -> ExitCode:
    found = asked(arguments.app) if arguments.app else health(account.app_to_check(arguments))
    if arguments.json:
        print_json(found)
    else:
        _show(found)
    return code_of(found.state)


def code_of(state: CheckState) -> ExitCode:
    """The exit code for the worst state of the checks. Pure."""
    match state:
        case CheckState.BROKEN:
            return ExitCode.NOT_ALL_WELL
        case CheckState.CANNOT_BE_TOLD:
            return ExitCode.TIMED_OUT
        case _:
            return ExitCode.DONE


def asked(address: str, get: Callable[..., requests.Response] = requests.get) -> HealthView:
    """What the app at `address` finds when it checks itself.

    Raises:
        CommandEnded: it did not answer, or not with its health.
    """
    base = address.rstrip("/").removesuffix("/api")
    if not (base.startswith("https://") or is_loopback(base)):
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, f"{address!r} is not the https address of an app.")
    key = os.environ.get(KEY_SETTING, "")
    try:
        answer = get(f"{base}/api/health", headers={KEY_HEADER: key}, timeout=ANSWER_SECONDS, allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        raise CommandEnded(
            ExitCode.NOT_ALL_WELL,
            f"The app at {base} does not answer ({type(error).__name__}). Check the address and the network; in Azure, "
            "the log stream of the app says why it does not start.",
        ) from error
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise CommandEnded(
            ExitCode.NOT_ALL_WELL,
            f"The app at {base} does not take the function key: set {KEY_SETTING} to one (docs/deploy.md, The status "
            "page).",
        )
    try:
        return msgspec.json.decode(answer.content, type=HealthView)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandEnded(
            ExitCode.NOT_ALL_WELL,
            f"The app at {base} answered {answer.status_code}, and not with its health: an earlier version, or a "
            "setting that stops it at its start. Its log stream says which.",
        ) from error


def _show(found: HealthView) -> None:
    output = console()
    table = Table("check", "state", "found, and what to do", show_lines=True)
    for check in found.checks:
        cell = harmless(check.found)
        if check.cure:
            cell = Text.assemble(cell, "\n", (harmless(check.cure).plain, "bold"))
        table.add_row(check.title, Text(CHECK_STATES[check.state].text, _STYLES[check.state]), cell)
    output.print(table)
    states = Counter(check.state for check in found.checks)
    numbers = ", ".join(f"{states[state]} {CHECK_STATES[state].text}" for state in CheckState if states[state])
    say(output, f"{counted(len(found.checks), 'check')} in {found.seconds:.1f} s: {numbers}.", _STYLES[found.state])
