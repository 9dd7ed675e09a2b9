"""`python -m local`: the product on a local machine. It needs Python 3.11 or newer, and nothing else.

This module uses only the standard library until it continues inside `.venv`, which it creates itself. Users of an older
Python were told which version is needed when the package was imported.
"""

from __future__ import annotations

import argparse
import io
import re
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from local.arguments import SAMPLE_CUSTOMER, batch, existing_file, folder, guid, instances, port, positive

SAMPLE_BATCH = "Sample"

STOPPED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


def main(arguments: Sequence[str]) -> int:
    """Check the arguments, enter `.venv`, run the command; its exit code."""
    # The module of the command may need packages of .venv, so its arguments are only known in there.
    options, rest = (None, []) if set(arguments[:1]) & _OF_VENV.keys() else _parser().parse_known_args(arguments)
    if rest and options is not None and options.command != "test":
        parser = _parser()
        parser.given = arguments
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    for stream in (sys.stdout, sys.stderr):
        # A name in a file may have characters that the code page of the terminal lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, _stop)
    # Imported late: an error in these modules must not hide the message about a wrong argument.
    from local.disk_faults import disk_fault  # noqa: PLC0415
    from local.set_up import SetUpError, enter_environment  # noqa: PLC0415

    try:
        enter_environment(arguments)
        return _of_venv(*arguments) if options is None else _command(options, rest)
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        fault = disk_fault(error)
        if fault is None:
            raise
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED


def _stop(_signal: int, _frame: object) -> NoReturn:
    """Unwind, which ends everything that was started; a second signal must not cut that short."""
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, signal.SIG_IGN)
    raise KeyboardInterrupt


def _command(options: argparse.Namespace, pytest_arguments: Sequence[str]) -> int:
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - inside .venv only

    from local.azurite import AzuriteError  # noqa: PLC0415
    from local.dropping import NameRefused, RecordUnreadable  # noqa: PLC0415
    from local.functions_host.pace import Pace  # noqa: PLC0415
    from local.hosts import HostKind, HostsError  # noqa: PLC0415
    from local.services import DataFolder, ServiceError, serve  # noqa: PLC0415
    from shared.settings import SettingsError  # noqa: PLC0415

    try:
        if options.command == "test":
            from local.quality import test  # noqa: PLC0415

            return test(pytest_arguments)
        if options.command == "services":
            return serve()
        from local.run import RunOptions, run  # noqa: PLC0415

        return run(
            RunOptions(
                files=options.files,
                customer_id=options.customer,
                batch_id=options.batch,
                once=options.once,
                results=options.results,
                timeout_seconds=options.timeout,
                instances=options.instances,
                host=HostKind(options.host),
                port=options.port,
                pace=Pace(options.pace),
                data=DataFolder(options.data.resolve()) if options.data else DataFolder(),
            )
        )
    except (SettingsError, NameRefused) as error:
        print(error, file=sys.stderr)
        return 2
    except (AzuriteError, HostsError, ServiceError, RecordUnreadable) as error:
        print(error, file=sys.stderr)
        return 1
    except AzureError as error:
        print(f"Storage on this machine failed: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return 1


def _of_venv(command: str, *arguments: str) -> int:
    """Run a command whose module knows its own arguments."""
    module_name, words = _OF_VENV[command]
    module = import_module(module_name)
    parser = _Parser(prog=f"python -m local {command}", description=words)
    module.add_arguments(parser)
    parser.given = arguments
    code: int = module.main(parser.parse_args(arguments))
    return code


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, with the word that a misspelt one probably stands for."""

    given: Sequence[str] = ()
    """The arguments that are parsed."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}{_meant_choice(message) or _meant_option(self.given, _options(self))}\n")


def _meant_choice(message: str) -> str:
    """The choice that a misspelt word in an error stands for."""
    found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
    close = get_close_matches(found[1], re.findall(r"[\w-]+", found[2]), n=1) if found else []
    return f"; did you mean '{close[0]}'?" if close else ""


def _meant_option(given: Sequence[str], options: Sequence[str]) -> str:
    """The option that the first misspelt one stands for: the error may be that this option is missing."""
    for word in given:
        name = word.partition("=")[0]
        is_known = not name.startswith("--") or any(option.startswith(name) for option in options)
        if not is_known and (close := get_close_matches(name, options, n=1)):
            return f"; there is no option '{name}', did you mean '{close[0]}'?"
    return ""


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a command and of what it divides into."""
    options: list[str] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of them
        options += action.option_strings
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            options += [option for divided in action.choices.values() for option in _options(divided)]
    return options


_OF_VENV = {
    "drop": ("local.commands.drop", "Drop device files into storage, and follow them until they are closed."),
    "status": ("local.commands.status", "Show the newest files and their progress, or one file and its history."),
    "find": ("local.commands.find", "Find the rows with a serial number, and what became of the device."),
    "devices": ("local.commands.devices", "Show the registered devices of a customer, or write them to a file."),
    "plan": ("local.commands.plan", "Say of each row of a file whether its device is registered already, and where."),
    "profiles": (
        "local.commands.profiles",
        "Show the profiles of a customer, and set the default of a batch or of all.",
    ),
    "assign-profile": (
        "local.commands.assign_profile",
        "Assign a profile to the registered devices of a closed file.",
    ),
    "outcomes": ("local.commands.outcomes", "Show how every row of a file ended, and what to do."),
    "retry": ("local.commands.retry", "Resend the rows of a closed file that can be sent again unchanged."),
    "withdraw": (
        "local.commands.withdraw",
        "Delete the devices that a file newly registered, or those that a file names.",
    ),
    "move": ("local.commands.move", "Move the devices that a file names to another batch of their customer."),
    "hold": ("local.commands.hold", "Send nothing of a file, of a customer, or nothing at all, until it goes on."),
    "go-on": ("local.commands.go_on", "End the hold of a file, of a customer, or of everything."),
    "stop": ("local.commands.stop", "Send nothing more of a file, for good."),
    "report": ("local.commands.report", "Write the outcomes of a month's devices, by customer and batch."),
    "doctor": ("local.commands.doctor", "Check the app: settings, storage, sign-in, Partner Center and its own work."),
    "support": ("local.commands.support", "Write what is known about a file for people who help, without secrets."),
    "customers": (
        "local.commands.customers",
        "Manage names for customers, and list those of Partner Center.",
    ),
    "bench": ("local.bench", "Measure speed, memory and cost against their goals, in about ten minutes."),
    "check": ("local.check", "Check device files without sending anything."),
    "conformance": ("local.conformance", "Ask an integration sandbox what Microsoft's pages leave open."),
    "sign-in": ("local.sign_in", "Sign a user in to Partner Center for the app, which then acts in their name."),
}
"""Commands that need packages of .venv to know their arguments: the module and the purpose of each."""


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m local",
        description="Device Drop on this machine. The first command sets everything up, in about half a minute.",
        epilog="'python -m local COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"Device Drop {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_run(commands)
    commands.add_parser(
        "test",
        help="check format, style and types, then run every test",
        description="Check format, style and types, then run every test. Further arguments go to pytest.",
    )
    commands.add_parser(
        "services",
        help="run only Azurite and the Partner Center stand-in, for 'func start'",
        description="Run Azurite (ports 10000 to 10002) and the Partner Center stand-in until Ctrl-C, and write "
        "local.settings.json if there is none, so that 'func start' can run the app with them.",
    )
    for command, (_, words) in _OF_VENV.items():
        commands.add_parser(command, help=words[0].lower() + words[1:-1], add_help=False)
    return parser


def _version() -> str:
    """The version in pyproject.toml."""
    content = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.*)"$', content, re.MULTILINE)
    return found[1] if found else "of unknown version"


def _add_run(commands: argparse._SubParsersAction[_Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="drop device files and follow every device until it is registered",
        description="Start storage (Azurite), a Partner Center stand-in and the app on this machine, drop the device "
        "files, and show how every device ended. Nothing leaves this machine unless PARTNER_CENTER_URL says so.",
    )
    run.add_argument(
        "files", nargs="*", type=existing_file, metavar="FILE", help="device files (default: bundled samples)"
    )
    run.add_argument(
        "--customer",
        type=guid,
        default=SAMPLE_CUSTOMER,
        metavar="GUID",
        help="the customer's tenant id (default: %(default)s)",
    )
    run.add_argument(
        "--batch", type=batch, default=SAMPLE_BATCH, metavar="NAME", help="device batch (default: %(default)s)"
    )
    run.add_argument("--once", action="store_true", help="exit when all files are done, instead of watching drop/")
    run.add_argument("--results", type=folder, metavar="DIR", help="copy the result files to this folder")
    run.add_argument(
        "--timeout",
        type=positive,
        default=300,
        metavar="SECONDS",
        help="with --once, how long to wait for the files (default: %(default)s)",
    )
    run.add_argument(
        "--instances", type=instances, default=1, metavar="N", help="functions hosts that share the work (default: 1)"
    )
    run.add_argument(
        "--host",
        choices=("auto", "core-tools", "local"),
        default="auto",
        help="program that runs the app: Azure Functions Core Tools, the project's own host, or the first that works",
    )
    run.add_argument(
        "--pace",
        choices=("quick", "real"),
        default="quick",
        help="of the project's own host: real notices files and messages as late as the host in Azure (default: quick)",
    )
    run.add_argument(
        "--port",
        type=port,
        metavar="N",
        help="port of the status page, so that it can be bookmarked (default: 7071, or the next one that is free)",
    )
    run.add_argument(
        "--data",
        type=folder,
        metavar="DIR",
        help="folder where storage and the stand-in keep their data between runs (default: .local)",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
