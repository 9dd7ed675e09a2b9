# noqa: INP001 - a script of its own
"""The cost of a month of Device Drop: `python infra/cost.py [devices ...]`. The prices are those of infra/prices.json.

Every amount is a conservative estimate, as if nothing overlapped and every row of a table transaction were charged.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PRICES = Path(__file__).parent / "prices.json"
SIZES = (1_000, 100_000, 10_000_000)
"""Devices per month in the table of docs/deploy.md."""

MONTH_SECONDS = 730 * 3600
SWEEPS = MONTH_SECONDS // 300
EXPORT_SECONDS = 300
"""OTEL_METRIC_EXPORT_INTERVAL of infra/app.bicep."""
METRICS_PER_EXPORT = 40
"""Performance counters and the runtimes' own metrics of one host and one worker."""
KILOBYTE = 1 / 1_000_000
"""In GB."""


@dataclass(frozen=True, slots=True)
class Use:
    """One month of use."""

    devices: int
    devices_per_file: int = 500
    devices_per_submission: int = 500
    polls: int = 6
    """Polls of an upload until Partner Center is done with it."""
    seconds_per_call: float = 3.0
    """For a POST or a poll, with everything around it."""
    seconds_per_sweep: float = 5.0
    instance_gb: float = 2.0
    months_kept: float = 3.0
    """RETENTION_DAYS, in months."""
    private_endpoints: int = 0

    @property
    def files(self) -> float:
        """Device files."""
        return max(self.devices / self.devices_per_file, 1)

    @property
    def calls(self) -> float:
        """Requests to Partner Center."""
        return max(self.devices / self.devices_per_submission, 1) * (1 + self.polls)


def amounts(use: Use) -> dict[str, float]:
    """The amount of every item that has a price, in its unit."""
    table_rows = use.devices * 4 + use.calls * 6 + use.files * 40 + SWEEPS * 40
    seconds = use.calls * use.seconds_per_call + use.files * 5 + SWEEPS * use.seconds_per_sweep
    # Log lines; spans (one per call, and one each time outcomes are written); metrics.
    log_records = use.calls * (4 + 2) + use.files * (10 + 3) + SWEEPS * (6 + 2)
    # Host and worker each export their own metrics, read by nobody, with ours, as long as an instance runs.
    log_records += METRICS_PER_EXPORT * (MONTH_SECONDS + seconds) / EXPORT_SECONDS
    return {
        # One instance waits for blobs all month long.
        "always_ready_gb_second": MONTH_SECONDS * use.instance_gb,
        "on_demand_gb_second": seconds * use.instance_gb,
        "million_executions": (use.calls + use.files + SWEEPS) / 1e6,
        # A file, its private copy and its results: 4.3 + 4.3 + 0.4 kB per device.
        "blob_gb_month": use.devices * 9.0 * KILOBYTE * use.months_kept,
        # Payload, rows, copy, results and the host's own leases.
        "ten_thousand_blob_writes": (use.files * 25 + use.calls * 2 + SWEEPS * 10) / 1e4,
        # An outcome and its entry in the index of serial numbers: 1.5 kB per device.
        "table_gb_month": use.devices * 1.5 * KILOBYTE * use.months_kept,
        # Both are written, and deleted after the retention period.
        "ten_thousand_table_operations": table_rows / 1e4,
        # Sent, taken, deleted, renewed; and the host polls an idle queue every ten seconds.
        "ten_thousand_queue_operations": (use.calls * 4 + MONTH_SECONDS / 10 * 2) / 1e4,
        "million_events": use.files / 1e6,
        "log_gb": log_records * 1.5 * KILOBYTE,
        # The refresh token is read at every renewal: hourly, by up to two instances.
        "ten_thousand_vault_operations": 730 * 2 * 2 / 1e4,
        "log_alert_rule_month": 14,
        "metric_alert_rule_month": 2,
        "private_endpoint_month": use.private_endpoints,
    }


def table(prices: Mapping[str, float], sizes: tuple[int, ...] = SIZES) -> str:
    """Amount and cost of each item for each size, as a Markdown table."""
    columns = [amounts(Use(devices=size)) for size in sizes]
    costs = [{item: amount * prices[item] for item, amount in column.items()} for column in columns]
    lines = [
        "| item | " + " | ".join(f"{size:,} devices" for size in sizes) + " |",
        "|---|" + "---:|" * len(sizes),
    ]
    for item in columns[0]:
        cells = [
            f"{column[item]:,.2f} x {prices[item]:g} = {cost[item]:,.2f}"
            for column, cost in zip(columns, costs, strict=True)
        ]
        lines.append(f"| {item.replace('_', ' ')} | " + " | ".join(cells) + " |")
    lines.append("| **a month** | " + " | ".join(f"**{sum(cost.values()):,.2f}**" for cost in costs) + " |")
    each = [sum(cost.values()) / size for cost, size in zip(costs, sizes, strict=True)]
    lines.append("| a device | " + " | ".join(f"{cost:.5f}" for cost in each) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    sizes = tuple(int(size.replace("_", "").replace(",", "")) for size in sys.argv[1:]) or SIZES
    sys.stdout.write(table(json.loads(PRICES.read_text()), sizes) + "\n")


if __name__ == "__main__":
    main()
