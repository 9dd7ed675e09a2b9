"""A plain script as a competent admin would write it: it sends a file of devices and records the outcome of each.

The bench compares the product with it: `python peer.py FILE --service URL --storage CONNECTION --customer GUID
--batch NAME --token TOKEN`. It works as long as nothing goes wrong, and must start over otherwise.
"""

import argparse
import csv
import json
import sys
import time
from typing import Any

import requests
from azure.data.tables import TableServiceClient

DEVICES_PER_REQUEST = 500
POLL_SECONDS = 5
_FINAL = ("finished", "finished_with_errors")
_SECONDS = 60


def main() -> None:
    """Send every device of the file, 500 at a time."""
    options = _options()
    csv.field_size_limit(sys.maxsize)
    with open(options.file, encoding="utf-16", newline="") as file:  # noqa: PTH123 - as such scripts do
        rows = list(csv.DictReader(file))
    table = TableServiceClient.from_connection_string(options.storage).create_table_if_not_exists("PeerOutcomes")
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {options.token}"
    base = f"{options.service}/v1/customers/{options.customer}"
    known = {batch["id"] for batch in _json(session.get(f"{base}/deviceBatches", timeout=_SECONDS))["items"]}
    for start in range(0, len(rows), DEVICES_PER_REQUEST):
        part = rows[start : start + DEVICES_PER_REQUEST]
        devices = [{"serialNumber": row["Device Serial Number"], "hardwareHash": row["Hardware Hash"]} for row in part]
        if options.batch in known:
            answer = session.post(f"{base}/deviceBatches/{options.batch}/devices", json=devices, timeout=_SECONDS)
        else:
            creation = {"batchId": options.batch, "devices": devices}
            answer = session.post(f"{base}/deviceBatches", json=creation, timeout=_SECONDS)
            known.add(options.batch)
        answer.raise_for_status()
        status = _wait(session, base, answer.headers["Location"].rpartition("/")[2])
        for device in status["devicesStatus"]:
            table.upsert_entity(
                {
                    "PartitionKey": options.batch,
                    "RowKey": device["serialNumber"],
                    "status": device["status"],
                    "errorCode": device.get("errorCode") or "",
                    "errorDescription": device.get("errorDescription") or "",
                }
            )
        print(f"{start + len(part)} of {len(rows)} devices", flush=True)


def _wait(session: requests.Session, base: str, tracking_id: str) -> dict[str, Any]:
    while True:
        time.sleep(POLL_SECONDS)
        status = _json(session.get(f"{base}/batchJobStatus/{tracking_id}", timeout=_SECONDS))
        if status["status"] in _FINAL:
            return status


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    content: dict[str, Any] = json.loads(answer.content.decode("utf-8-sig"))
    return content


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Send a file of devices to Partner Center.")
    parser.add_argument("file")
    for name in ("service", "storage", "customer", "batch", "token"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
