"""The command support: one archive about a file, whose content names nobody and no device."""

import json
from pathlib import Path
from zipfile import ZipFile

from local.commands.ending import ExitCode
from tests.local.commands.conftest import CUSTOMER, App, Typed


def test_a_file_is_bundled_without_its_names_serials_and_hashes(
    app: App, typed: Typed, closed_file: str, tmp_path: Path
) -> None:
    output = tmp_path / "bundle.zip"
    code, written = typed("support", closed_file[:8], "--output", output)
    assert code == ExitCode.DONE
    assert "no hash, token, key, serial number or name" in written
    with ZipFile(output) as archive:
        documents = {name: archive.read(name).decode() for name in archive.namelist()}
    file = json.loads(documents["file.json"])
    assert (file["file_id"], file["customer_id"], file["state"]) == (closed_file, CUSTOMER, "closed")
    (submission,) = json.loads(documents["submissions.json"])
    assert (submission["state"], submission["devices"]) == ("finished", 2)
    (row,) = json.loads(documents["rows.json"])
    assert (row["row"], row["outcome"]) == (3, "rejected")
    assert len(json.loads(documents["health.json"])) == 13
    whole = " ".join(documents.values())
    assert not any(word in whole for word in (tmp_path.name, "SERIAL-ALONE", "devstoreaccount"))
    assert app.pipeline.journal.files.get(CUSTOMER, closed_file) is not None


def test_an_unknown_file_is_not_found(typed: Typed, tmp_path: Path) -> None:
    assert typed("support", "00000000-0000-4000-8000-000000000000", "--output", tmp_path / "x.zip")[0] == (
        ExitCode.NOT_FOUND
    )
    assert not (tmp_path / "x.zip").exists()
