"""How a command ends: its exit code for scripts, and one clear line, or one JSON object, when it could not go on."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from enum import IntEnum

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from local.following import harmless
from shared.errors import DeviceDropError
from shared.pipeline.corrections.closed_file import FileUnknown
from shared.status.queries import NotFound
from shared.storage.customers import CustomerNameUnknown

_FORBIDDEN = 403

_NOBODY_READS = (errno.EPIPE, errno.EINVAL)
"""Of a pipe whose other end was closed; Windows has the second."""


class ExitCode(IntEnum):
    """What a script can tell from the exit code; docs/commands.md lists them."""

    DONE = 0
    """Done, and all is well with what was asked about."""
    NOT_ALL_WELL = 1
    """Done, but a device failed, a row was rejected, or a file was; or what was asked for cannot be done with it."""
    WRONG_ARGUMENTS = 2
    NOT_FOUND = 3
    """There is no such file, device or customer."""
    NO_STORAGE = 4
    """Storage did not answer, or did not let this person in."""
    TIMED_OUT = 5
    """What was waited for had not ended in time. It goes on all the same."""
    CUT_SHORT = 141
    """Whoever read the answer, as `head` does, stopped before its end; the code is that of shells."""


class CommandEnded(DeviceDropError):
    """The command cannot go on; the message says why and what to do."""

    def __init__(self, code: ExitCode, message: str) -> None:
        """`code` is what the command exits with."""
        super().__init__(message)
        self.code = code


def ended(arguments: argparse.Namespace, work: Callable[[], ExitCode]) -> int:
    """Do the `work` of a command; its exit code. What went wrong is said once, in the form that was asked for."""
    try:
        code = _worked(arguments, work)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _NOBODY_READS:
            raise
        # Else Python would try to write the rest when it exits, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.CUT_SHORT
    return code


def _worked(arguments: argparse.Namespace, work: Callable[[], ExitCode]) -> int:
    try:
        return work()
    except CommandEnded as end:
        return _say(arguments, end.code, str(end))
    except (NotFound, FileUnknown, CustomerNameUnknown) as error:
        return _say(arguments, ExitCode.NOT_FOUND, str(error))
    except DeviceDropError as error:
        return _say(arguments, ExitCode.NOT_ALL_WELL, str(error))
    except AzureError as error:
        return _say(arguments, ExitCode.NO_STORAGE, _of_storage(error))


def _say(arguments: argparse.Namespace, code: ExitCode, message: str) -> int:
    if arguments.json:
        print(json.dumps({"error": {"code": code.name.lower(), "message": message}}))
    else:
        say_aside(message)
    return code


def say_aside(message: str) -> None:
    """Say something that is no part of the answer; it may bear the name of a file."""
    print("\n".join(harmless(line).plain for line in message.splitlines()), file=sys.stderr)


def _of_storage(error: AzureError) -> str:
    """What storage, or the sign-in to it, said, and what to do."""
    if isinstance(error, ClientAuthenticationError):
        return (
            "Signing in to Azure did not work: run 'az login' (or 'azd auth login') with an account of the right "
            f"tenant. {_first_line(error)}"
        )
    if isinstance(error, HttpResponseError) and error.status_code == _FORBIDDEN:
        return (
            "Storage refused: this account lacks a role on it. docs/tenancy.md says which roles there are, and a new "
            f"one takes some minutes to hold. {_first_line(error)}"
        )
    return (
        "Storage did not answer. Is its name right, is this machine's network allowed in, and, for storage of this "
        f"machine, does 'python -m local run' still run? {_first_line(error)}"
    )


def _first_line(error: AzureError) -> str:
    return str(error).partition("\n")[0][:300]
