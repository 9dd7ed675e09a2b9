"""Files of our own making, row by row: what a careful person would decide."""

import pytest

from tests.device_files.cases import CASES, Case
from tests.device_files.expected import assert_rows
from tests.device_files.given import read


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_row_ends_as_a_careful_person_would_decide(case: Case) -> None:
    assert_rows(read(case.data, name=case.file, rules=case.rules), case.rows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_size_of_the_chunks_changes_nothing(case: Case) -> None:
    chunks = [case.data[at : at + 7] for at in range(0, len(case.data), 7)]
    assert read(chunks, name=case.file, rules=case.rules) == read(case.data, name=case.file, rules=case.rules)
