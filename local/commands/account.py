"""The storage account that a command works on, opened with the product's own modules."""

import argparse
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from azure.core.credentials import TokenCredential
from azure.storage.blob import BlobServiceClient

from local.app_settings import LOCAL_TOKEN, app_settings
from local.commands.ending import CommandEnded, ExitCode
from local.services import DataFolder, running_here
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.health.finding import CheckedApp
from shared.settings import SIGN_IN_CHOICES, STORAGE_CONNECTION, Settings, SettingsError, settings_from
from shared.storage.connection import open_storage

STORAGE_SETTING = "DEVICE_DROP_STORAGE"

_ACCOUNT = re.compile(r"(?:https://)?(?P<name>[a-z0-9]{3,24})(?:\.(?:blob|queue|table)\.(?P<suffix>[a-z0-9.-]+?))?/?")
_PUBLIC_SUFFIX = "core.windows.net"

_NEVER_CALLED = {"PARTNER_CENTER_URL": "http://127.0.0.1:9", "PARTNER_CENTER_TOKEN": LOCAL_TOKEN}
"""Commands use storage only: the app, which can sign in, sends every request to Partner Center."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every such command has."""
    add_place_arguments(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON document")


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that name the account."""
    parser.add_argument(
        "--storage",
        default=os.environ.get(STORAGE_SETTING),
        metavar="ACCOUNT",
        help=f"storage account in Azure, opened with the account of 'az login' (default: {STORAGE_SETTING}, or else "
        "the storage of the 'python -m local run' on this machine)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the --data folder that 'python -m local run' uses (default: .local)"
    )


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account, opened."""

    pipeline: Pipeline
    """The product's own parts on it."""
    blobs: BlobServiceClient
    """For uploads that show their progress."""


def open_account(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Account:
    """The account that was named, or the one that runs on this machine.

    Raises:
        CommandEnded: no account was named and none runs here, or the name is not that of an account.
    """
    if logging.lastResort is not None:
        # The app's warnings are for its log: a command itself says what it did.
        logging.lastResort.setLevel(logging.ERROR)
    place = _place(arguments, environment)
    settings = _settings_of_storage(place)
    pipeline = compose(settings, place.person)
    if place.person is None:
        # In Azure the app has created its tables; on this machine it may not have done so yet.
        prepare(pipeline)
    return Account(pipeline, open_storage(settings.storage, place.person).blobs)


def app_to_check(arguments: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> CheckedApp:
    """The app on the account, as far as it can be checked from this machine. Nothing is created.

    The app of a `python -m local run` has the settings of this environment. Those of an app in Azure are known to it
    alone, unless the environment has a way to sign in.

    Raises:
        CommandEnded: as for `open_account`.
    """
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    place = _place(arguments, environment)
    of_storage = compose(_settings_of_storage(place), place.person)
    if not place.partner_center and not any(environment.get(name) for name in SIGN_IN_CHOICES):
        return CheckedApp(of_storage, knows_settings=False)
    settings = {**environment, **place.connection}
    if place.partner_center:
        storage = place.connection[STORAGE_CONNECTION]
        settings = app_settings(environment, storage=storage, partner_center_url=place.partner_center)
    try:
        return CheckedApp(compose(settings_from(settings), place.person))
    except SettingsError as error:
        return CheckedApp(of_storage, settings_fault=str(error), knows_settings=False)


def _settings_of_storage(place: "_Place") -> Settings:
    """Settings that open the account and nothing else."""
    try:
        return settings_from({**place.connection, **_NEVER_CALLED})
    except SettingsError as error:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, str(error)) from error


@dataclass(frozen=True, slots=True)
class _Place:
    """How an account is reached."""

    connection: dict[str, str]
    """The connection settings."""
    person: TokenCredential | None = None
    """Signs in where the settings contain no key."""
    partner_center: str = ""
    """The service of a run on this machine."""


def _place(arguments: argparse.Namespace, environment: Mapping[str, str]) -> _Place:
    if arguments.storage:
        return _Place(_addresses(arguments.storage), _person())
    if connection_string := environment.get(STORAGE_CONNECTION):
        return _Place({STORAGE_CONNECTION: connection_string})
    here = running_here(DataFolder(arguments.data.resolve()) if arguments.data else DataFolder())
    if here is None:
        raise CommandEnded(
            ExitCode.NO_STORAGE,
            "There is no storage account to use: start 'python -m local run' in another terminal, or name the storage "
            f"account in Azure with --storage or {STORAGE_SETTING}.",
        )
    return _Place({STORAGE_CONNECTION: here.storage}, partner_center=here.partner_center)


def _addresses(account: str) -> dict[str, str]:
    found = _ACCOUNT.fullmatch(account.strip().lower())
    if found is None:
        raise CommandEnded(
            ExitCode.WRONG_ARGUMENTS,
            f"{account!r} is not a storage account: give its name, or its address such as "
            f"https://NAME.blob.{_PUBLIC_SUFFIX}.",
        )
    suffix = found["suffix"] or _PUBLIC_SUFFIX
    return {
        f"{STORAGE_CONNECTION}__{kind}ServiceUri": f"https://{found['name']}.{kind}.{suffix}"
        for kind in ("blob", "queue", "table")
    }


def _person() -> TokenCredential:
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - half a second that this machine does not need

    # It logs each way of signing in that does not work here, in fifteen lines; `ending` says what to do in one.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    return DefaultAzureCredential()
