"""`python -m local conformance`: asks a partner's integration sandbox what Microsoft's pages leave open.

It reads configuration policies and audit records; then it sends ten throw-away devices, asks before each change, and
deletes the devices at the end. The answers stand in conformance.json, without ids, hashes or tokens; the stand-in and
the simulation can do the same (`--as`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from msgspec.structs import replace

from local.arguments import existing_file, guid
from local.conformance.asking import over_http
from local.conformance.cases import DEVICES, ask_everything
from local.conformance.run import Run
from local.partner_center.profile import FILE, Profile, ProfileUnreadable, read, table, write
from shared.device_files.reading import device_rows
from shared.errors import DeviceDropError
from shared.partner_center.sign_in import sign_in_from
from shared.reasons import UnreadableDeviceFile
from shared.settings import AppUserSettings, SettingsError, settings_from

_SIGN_IN_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--customer", type=guid, metavar="GUID", help="a customer of the integration sandbox")
    parser.add_argument(
        "--devices", type=existing_file, metavar="FILE", help=f"a device file of {DEVICES} throw-away devices"
    )
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help="where to write (default: %(default)s)")
    parser.add_argument("--yes", action="store_true", help="change everything without asking")
    parser.add_argument(
        "--remember",
        type=float,
        action="append",
        default=[],
        metavar="SECONDS",
        help="repeat a request after this time, to see whether its id is remembered; may be repeated",
    )
    parser.add_argument(
        "--rate", type=int, default=0, metavar="N", help="read a status up to N times without a pause, until throttled"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="ask nothing; show what a file confirms")


def main(arguments: argparse.Namespace) -> int:
    """0 when the answers are written, or shown."""
    try:
        if arguments.report:
            print(table(read(arguments.report)))
            return 0
        if not arguments.customer or not arguments.devices:
            print("python -m local conformance: --customer and --devices are needed", file=sys.stderr)
            return 2
        profile = _asked(arguments)
    except (SettingsError, ProfileUnreadable) as error:
        print(error, file=sys.stderr)
        return 2
    except (DeviceDropError, requests.RequestException) as error:
        print(f"Partner Center could not be asked: {error}", file=sys.stderr)
        return 1
    write(profile, arguments.out)
    print(f"{table(profile)}\n\nWritten to {arguments.out}. Use it with --as {arguments.out}.")
    return 0


def _asked(arguments: argparse.Namespace) -> Profile:
    settings = settings_from({"DeviceStorage": "UseDevelopmentStorage=true", **os.environ})
    try:
        devices = list(_devices(arguments.devices))
    except UnreadableDeviceFile as error:
        raise ProfileUnreadable(f"{arguments.devices} cannot be read: {error}") from error
    if len(devices) != DEVICES:
        raise ProfileUnreadable(f"{arguments.devices} has {len(devices)} devices; exactly {DEVICES} are needed.")
    now = datetime.now(UTC)
    run = Run(
        ask=over_http(settings.partner_center_url, sign_in_from(settings.sign_in, _SIGN_IN_SECONDS)),
        confirm=(lambda _: True) if arguments.yes else _confirm,
        wait=time.sleep,
        clock=time.monotonic,
        today=now.date(),
        customer=arguments.customer,
        devices=devices,
        prefix=f"conformance-{now:%Y%m%d%H%M%S}-",
    )
    found = ask_everything(run, waits=arguments.remember, most_reads=arguments.rate)
    kind = "app_user" if isinstance(settings.sign_in, AppUserSettings) else "app"
    return replace(found, made_at=f"{now:%Y-%m-%d}", sign_in=kind)


def _confirm(what: str) -> bool:
    return input(f"May this {what}? [y/N] ").strip().lower() in ("y", "yes")


def _devices(file: Path) -> Iterator[dict[str, Any]]:
    """The devices of a file, as the service takes them."""
    for _, row in device_rows(lambda: file.open("rb"), name=file.name):
        named = {
            "SerialNumber": row.serial_number,
            "ProductKey": row.product_key,
            "HardwareHash": row.hardware_hash,
            "OemManufacturerName": row.manufacturer,
            "ModelName": row.model,
        }
        yield json.loads(json.dumps({name: value for name, value in named.items() if value}))
