"""Application Insights can run every Kusto query, and each asks for fields that the code logs."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.set_up import WORK, ready_npm_packages
from shared.pipeline.sweep import SweepReport
from shared.telemetry import Metric
from shared.vocabulary import Outcome
from tests.infra.bicep import INFRA, ROOT, bicep_files

SOURCE = Path(__file__).parent / "kusto"
PACKAGES = WORK / "kusto"

_COMMON = (
    "timestamp:datetime, itemType:string, customDimensions:dynamic, customMeasurements:dynamic, operation_Name:string, "
    "operation_Id:string, operation_ParentId:string, cloud_RoleName:string, cloud_RoleInstance:string, appId:string, "
    "itemId:string, itemCount:int"
)
TABLES = {
    "traces": f"{_COMMON}, message:string, severityLevel:int",
    "customMetrics": f"{_COMMON}, name:string, value:real, valueCount:int, valueSum:real, valueMin:real, valueMax:real",
    "dependencies": f"{_COMMON}, id:string, target:string, type:string, name:string, data:string, success:string, "
    "resultCode:string, duration:real",
    "exceptions": f"{_COMMON}, problemId:string, type:string, message:string, outerType:string, outerMessage:string, "
    "innermostMessage:string, severityLevel:int, details:dynamic",
    "Usage": "TimeGenerated:datetime, DataType:string, IsBillable:bool, Quantity:real, QuantityUnit:string",
    "_LogOperation": "TimeGenerated:datetime, Category:string, Operation:string, Level:string, Detail:string",
}
"""The tables and columns of Application Insights and Log Analytics that queries may use."""


def alert_queries() -> Iterator[str]:
    alerts = bicep_files()["alerts.bicep"]
    for rule in [*alerts.variable("rules"), alerts.variable("fullLog")]:
        yield rule["query"]


def workbook_queries() -> Iterator[str]:
    for item in json.loads((INFRA / "workbook.json").read_text())["items"]:
        if "query" in item["content"]:
            yield item["content"]["query"]


def documented_queries() -> Iterator[str]:
    for document in sorted((ROOT / "docs").glob("*.md")):
        yield from re.findall(r"```kusto\n(.*?)```", document.read_text(), re.DOTALL)


DEPLOYED = [*alert_queries(), *workbook_queries()]
QUERIES = [*DEPLOYED, *documented_queries()]


def faults(queries: list[str]) -> list[list[str]]:
    """What Kusto's language service says of each query."""
    node = ready_npm_packages("Kusto's language service", SOURCE, PACKAGES)
    run = subprocess.run(
        [node, SOURCE / "check.js", PACKAGES],
        input=json.dumps({"tables": TABLES, "queries": queries}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[list[str]] = json.loads(run.stdout)
    return answer


FAULTY = [
    *[query.replace("where", "were", 1) for query in QUERIES if "where" in query],
    *[
        query.replace(column, f"{column}X", 1)
        for query in QUERIES
        for column in ("message", "timestamp")
        if column in query
    ],
    "traces | summarize count() by bin(timestamp 1h)",
    "requests",
]


def test_every_query_of_alerts_workbook_and_documents_is_valid_and_a_faulty_one_would_be_noticed() -> None:
    assert len(DEPLOYED) >= 19
    assert len(QUERIES) > len(DEPLOYED)
    # At once: reading the language service takes longer than all queries.
    found = faults([*QUERIES, *FAULTY])
    assert dict(zip(QUERIES, found, strict=False)) == {query: [] for query in QUERIES}
    assert all(found[len(QUERIES) :])


@pytest.mark.parametrize("query", DEPLOYED, ids=lambda query: query.strip()[:60])
def test_a_query_looks_for_sentences_and_fields_that_the_code_logs(query: str) -> None:
    source = "\n".join(file.read_text() for file in (ROOT / "shared").rglob("*.py"))
    searched = re.sub(r'" *\n *f?"', "", source)
    sentences = re.findall(r'(?i)message (?:==|startswith) "([^"]+)"', query)
    sentences += [
        text for group in re.findall(r"(?i)message in \(([^)]*)\)", query) for text in re.findall('"([^"]+)"', group)
    ]
    metrics = re.findall(r'name == "([^"]+)"', query)
    assert set(metrics) <= set(Metric)
    assert sentences or metrics or re.search(r"customDimensions\.(scope|file_id)|^\s*_LogOperation", query)
    for sentence in sentences:
        assert sentence in searched, sentence
    for name in re.findall(r"customDimensions\.(\w+)", query):
        assert f'"{name}"' in source or name in {*SweepReport.__dataclass_fields__, *Outcome}, name
