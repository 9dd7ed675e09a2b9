"""`python -m local`: the product on one's own machine. Needs Python 3.11 or newer, and nothing else.

Standard library only up to the moment it goes on inside `.venv`, which it makes itself, and in words that older Pythons
understand too, so that they can be told what is needed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn
from uuid import UUID

SAMPLE_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
"""The customer of files dropped without `--customer`; the stand-in knows every GUID."""
SAMPLE_BATCH = "Sample"
MOST_INSTANCES = 16
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
        print("Stopped.")
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
    module = import_module(f"local.{command.replace('-', '_')}")
    parser = _Parser(prog=f"python -m local {command}", description=_OF_VENV[command])
    module.add_arguments(parser)
    code: int = module.main(parser.parse_args(arguments))
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


_OF_VENV = {
    "check": "Check device files without sending anything.",
    "sign-in": "Sign in to Partner Center as a person, for an app that goes on in their name.",
}
"""Commands that may need packages of .venv to know their arguments, and what each is for."""


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
    for command, words in _OF_VENV.items():
        commands.add_parser(command, help=words[0].lower() + words[1:-1], add_help=False)
    return parser


def _add_run(commands: argparse._SubParsersAction[_Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="drop device files and see every device registered",
        description="Start storage (Azurite), a Partner Center stand-in and the app on this machine, drop the device "
        "files, and show how every device ended. Nothing leaves this machine unless PARTNER_CENTER_URL says so.",
    )
    run.add_argument("files", nargs="*", type=_file, metavar="FILE", help="device files (default: bundled samples)")
    run.add_argument(
        "--customer",
        type=_guid,
        default=SAMPLE_CUSTOMER,
        metavar="GUID",
        help="the customer's tenant id (default: %(default)s)",
    )
    run.add_argument(
        "--batch", type=_batch, default=SAMPLE_BATCH, metavar="NAME", help="device batch (default: %(default)s)"
    )
    run.add_argument("--once", action="store_true", help="end when all files are done, instead of watching drop/")
    run.add_argument("--results", type=_folder, metavar="DIR", help="copy the result files to this folder")
    run.add_argument(
        "--timeout",
        type=_positive,
        default=300,
        metavar="SECONDS",
        help="with --once, how long to wait for the files (default: %(default)s)",
    )
    run.add_argument(
        "--instances", type=_instances, default=1, metavar="N", help="functions hosts that share the work (default: 1)"
    )
    run.add_argument(
        "--host",
        choices=("auto", "core-tools", "local"),
        default="auto",
        help="program that runs the app: Azure Functions Core Tools, the project's own host, or the first that works",
    )
    run.add_argument(
        "--data",
        type=_folder,
        metavar="DIR",
        help="where storage and the stand-in keep what they hold between runs (default: .local)",
    )


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"the file {text!r} cannot be read: {error.strerror}") from None
    return path


def _folder(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path


def _guid(text: str) -> str:
    with contextlib.suppress(ValueError):
        if str(UUID(text)) == text.lower():
            return text.lower()
    raise argparse.ArgumentTypeError(f"{text!r} is not a GUID such as {SAMPLE_CUSTOMER}")


def _batch(text: str) -> str:
    if not text.strip() or "/" in text or "\\" in text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not a batch name; it must be text without slashes")
    return text


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def _instances(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_INSTANCES:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_INSTANCES}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
