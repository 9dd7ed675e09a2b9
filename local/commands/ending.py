"""How a command ends: an exit code for scripts, and one clear line or one JSON object if it cannot continue."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from enum import IntEnum

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from local.disk_faults import disk_fault
from local.following import harmless
from shared.errors import DeviceDropError
from shared.pipeline.corrections.closed_file import FileUnknown
from shared.status.queries import NotFound
from shared.storage.customers import CustomerNameUnknown

_BAD_REQUEST, _FORBIDDEN = 400, 403

_PIPE_CLOSED = (errno.EPIPE, errno.EINVAL)
"""The errors of a pipe whose reader has closed it; Windows has the second."""


class ExitCode(IntEnum):
    """The exit codes that scripts rely on; docs/commands.md lists them."""

    DONE = 0
    """Done, and nothing is wrong with the files or rows concerned."""
    NOT_ALL_WELL = 1
    """Done, but a device failed, or a row or file was rejected; or the command cannot be applied to this file."""
    WRONG_ARGUMENTS = 2
    NOT_FOUND = 3
    """No such file, device or customer."""
    NO_STORAGE = 4
    """Storage did not answer, or denied access."""
    TIMED_OUT = 5
    """The wait timed out; the work continues."""
    CUT_SHORT = 141
    """The reader of the output, such as `head`, stopped before its end; shells use the same code."""


class CommandEnded(DeviceDropError):
    """The command cannot continue; the message says why and what to do."""

    def __init__(self, code: ExitCode, message: str) -> None:
        """`code` is the exit code of the command."""
        super().__init__(message)
        self.code = code


def ended(arguments: argparse.Namespace, work: Callable[[], ExitCode]) -> int:
    """Do the `work` of a command and return its exit code. An error is reported once, as text or as JSON."""
    try:
        code = _worked(arguments, work)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _PIPE_CLOSED:
            raise
        # Otherwise Python would try to write the rest when it exits, and report an error.
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
    except OSError as error:
        fault = disk_fault(error)
        if fault is None:
            raise
        return _say(arguments, ExitCode.NOT_ALL_WELL, fault)


def _say(arguments: argparse.Namespace, code: ExitCode, message: str) -> int:
    if arguments.json:
        print(json.dumps({"error": {"code": code.name.lower(), "message": message}}))
    else:
        say_aside(message)
    return code


def say_aside(message: str) -> None:
    """Print a message beside the answer, which may contain the name of a file."""
    print("\n".join(harmless(line).plain for line in message.splitlines()), file=sys.stderr)


def _of_storage(error: AzureError) -> str:
    """The error of storage, or of the sign-in to it, and what to do."""
    if isinstance(error, ClientAuthenticationError):
        return (
            "Signing in to Azure failed: run 'az login' (or 'azd auth login') with an account of the right tenant. "
            f"{_first_line(error)}"
        )
    if isinstance(error, HttpResponseError) and error.status_code == _FORBIDDEN:
        return (
            "Storage denied access: this account lacks a role on it. docs/tenancy.md lists the roles; a new role takes "
            f"a few minutes to take effect. {_first_line(error)}"
        )
    if isinstance(error, HttpResponseError) and error.status_code == _BAD_REQUEST:
        return f"Storage refused the request: if it refuses the name of a file, rename the file. {_first_line(error)}"
    return (
        "Storage did not answer. Check its name, whether its firewall allows this machine, and, for storage on this "
        f"machine, whether 'python -m local run' is still running. {_first_line(error)}"
    )


def _first_line(error: AzureError) -> str:
    return str(error).partition("\n")[0][:300]
