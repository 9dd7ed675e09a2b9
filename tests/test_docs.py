"""What the documents name exists."""

import re
from pathlib import Path

import pytest

from shared.pipeline.device_file import PathFault
from shared.pipeline.intake import TOO_MANY_BATCHES
from shared.pipeline.outcomes import FIRST_ANSWER_LOST, NO_VERDICT, READ_BACK
from shared.pipeline.receive import GONE, READING_FAILED
from shared.pipeline.results import NEVER_WRITTEN
from shared.pipeline.withdrawals import DEVICE_NOT_IDENTIFIED
from shared.vocabulary import Remedy, WithdrawalResult

ROOT = Path(__file__).parent.parent
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)\)")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED_TEST.findall(document.read_text(encoding="utf-8"))
        if not (ROOT / path).exists() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_exists(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_faults_are_documented_with_their_tests() -> None:
    assert len(NAMED_TEST.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8"))) > 25


@pytest.mark.parametrize(
    "value",
    [
        *PathFault,
        TOO_MANY_BATCHES,
        GONE,
        READING_FAILED,
        NO_VERDICT,
        NEVER_WRITTEN,
        FIRST_ANSWER_LOST,
        READ_BACK,
        DEVICE_NOT_IDENTIFIED,
        *WithdrawalResult,
        *Remedy,
    ],
)
def test_what_the_pipeline_says_of_files_and_rows_is_documented(value: str) -> None:
    assert f"| `{value}` |" in (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")
