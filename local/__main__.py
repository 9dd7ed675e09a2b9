"""`python -m local`: the product on one's own machine. Needs Python 3.11 or newer, and nothing else.

Standard library only up to the moment it goes on inside `.venv`, which it makes itself, and in words that older Pythons
understand too, so that they can be told what is needed.
"""

from __future__ import annotations

import argparse
import io
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from local.arguments import SAMPLE_CUSTOMER, batch, existing_file, folder, guid, instances, positive

SAMPLE_BATCH = "Sample"
OLDEST_PYTHON = (3, 11)

STOPPED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


def main(arguments: Sequence[str]) -> int:
    """Check the arguments, enter `.venv`, run the command; its exit code."""
    if sys.version_info < OLDEST_PYTHON:
        print(f"python -m local: this is Python {sys.version.split()[0]}; 3.11 or newer is needed.", file=sys.stderr)
        return 2
    # Its module may need packages of .venv, so that its arguments can only be known in there.
    options, rest = (None, []) if set(arguments[:1]) & _OF_VENV.keys() else _parser().parse_known_args(arguments)
    if rest and options is not None and options.command != "test":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    for stream in (sys.stdout, sys.stderr):
        # A name in a file may have characters that the terminal's code page lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, _stop)
    # Imported late: these lines must not be in the way of a clear word about a wrong argument.
    from local.set_up import SetUpError, enter_environment  # noqa: PLC0415

    try:
        enter_environment(arguments)
        return _of_venv(*arguments) if options is None else _command(options, rest)
    except SetUpError as error:
        print(error, file=sys.stderr)
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
    from local.azurite import AzuriteError  # noqa: PLC0415 - inside .venv only
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
                data=DataFolder(options.data.resolve()) if options.data else DataFolder(),
            )
        )
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (AzuriteError, HostsError, ServiceError) as error:
        print(error, file=sys.stderr)
        return 1


def _of_venv(command: str, *arguments: str) -> int:
    """Run a command whose module knows its own arguments."""
    module_name, words = _OF_VENV[command]
    module = import_module(module_name)
    parser = _Parser(prog=f"python -m local {command}", description=words)
    module.add_arguments(parser)
    code: int = module.main(parser.parse_args(arguments))
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


_OF_VENV = {
    "drop": ("local.commands.drop", "Drop device files into storage, and follow them to their end."),
    "status": ("local.commands.status", "Show the newest files and how far they are, or one file."),
    "outcomes": ("local.commands.outcomes", "Show how every row of a file ended, and what to do."),
    "retry": ("local.commands.retry", "Send again what of a closed file can simply be sent again."),
    "withdraw": ("local.commands.withdraw", "Delete the devices that a file newly registered."),
    "report": ("local.commands.report", "Write what became of a month's devices, by customer and batch."),
    "customers": ("local.commands.customers", "Keep names for customers, which drop folders may bear."),
    "bench": ("local.bench", "Measure speed, memory and cost against their goals, in some ten minutes."),
    "check": ("local.check", "Check device files without sending anything."),
    "sign-in": ("local.sign_in", "Sign in to Partner Center as a person, for an app that goes on in their name."),
}
"""Commands that need packages of .venv to know their arguments: the module of each, and what it is for."""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m local",
        description="Device Drop on this machine. The first command makes everything ready and takes a minute or two.",
        epilog="'python -m local COMMAND --help' explains a command.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_run(commands)
    commands.add_parser(
        "test",
        help="check format, style and types, then run every test",
        description="Check format, style and types, then run every test. Further arguments go to pytest.",
    )
    commands.add_parser(
        "services",
        help="run Azurite and the Partner Center stand-in alone, for 'func start'",
        description="Run Azurite (ports 10000 to 10002) and the Partner Center stand-in until Ctrl-C, and write "
        "local.settings.json if there is none, so that 'func start' runs the app beside them.",
    )
    for command, (_, words) in _OF_VENV.items():
        commands.add_parser(command, help=words[0].lower() + words[1:-1], add_help=False)
    return parser


def _add_run(commands: argparse._SubParsersAction[_Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="drop device files and see every device registered",
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
    run.add_argument("--once", action="store_true", help="end when all files are done, instead of watching drop/")
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
        "--data",
        type=folder,
        metavar="DIR",
        help="where storage and the stand-in keep what they hold between runs (default: .local)",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
