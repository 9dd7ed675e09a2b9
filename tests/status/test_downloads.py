"""Downloads: results.csv, to_fix.csv and report.html, whole or compressed, and when there are none."""

import csv
import gzip
import io

import pytest
from werkzeug.http import parse_options_header

from shared.device_files.reading import device_rows
from shared.pipeline.closing.workbook_output import XLSX
from shared.status import downloads
from tests.pipeline.world import CUSTOMER, World, tuples
from tests.status.client import FILE, Client, closed_file


def test_results_are_downloaded_plain_or_compressed(world: World, client: Client) -> None:
    identifier = closed_file(world, path=f'{CUSTOMER}/Test/Ü "x".csv')
    path = FILE.format(identifier) + "/results.csv"

    plain = client.get(path)
    packed = client.get(path, {"Accept-Encoding": "br, gzip"})

    assert plain.headers["content-type"] == "text/csv; charset=utf-8"
    assert plain.headers["content-disposition"] == (
        "attachment; filename=\"_ _x_.csv.results.csv\"; filename*=UTF-8''%C3%9C%20%22x%22.csv.results.csv"
    )
    assert parse_options_header(plain.headers["content-disposition"])[1] == {"filename": 'Ü "x".csv.results.csv'}
    assert len(list(csv.DictReader(io.StringIO(plain.body.decode("utf-8-sig"))))) == 3
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in client.get(path, {"Accept-Encoding": "gzip;q=0"}).headers


def test_results_that_are_too_large_are_refused_with_the_place_where_they_lie(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = closed_file(world)
    monkeypatch.setattr(downloads, "LARGEST_BODY", 100)
    answer = client.get(FILE.format(identifier) + "/results.csv")
    assert answer.status == 413
    assert f"{CUSTOMER}/Test/devices.csv/{identifier}/results.csv" in answer.json["message"]


def test_rows_to_fix_and_a_report_are_downloaded(world: World, client: Client) -> None:
    identifier = world.drop_file(tuples(["SN-1", ""]))
    paths = [f"{FILE.format(identifier)}/{name}" for name in ("to_fix.csv", "report.html")]
    so_far, too_early = (client.get(path) for path in paths)
    assert (so_far.status, too_early.status) == (200, 409)
    world.run()
    assert client.get(paths[0]).body == so_far.body

    to_fix, report = (client.get(path) for path in paths)
    packed = client.get(paths[0], {"Accept-Encoding": "gzip"})

    assert to_fix.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(list(csv.reader(io.StringIO(to_fix.body.decode("utf-8-sig"))))) == 2
    assert gzip.decompress(packed.body) == to_fix.body
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    for answer, name in ((to_fix, f"devices - fix of {identifier[:8]}.csv"), (report, "devices.csv.report.html")):
        assert parse_options_header(answer.headers["content-disposition"])[1] == {"filename": name}


def test_results_and_rows_to_fix_are_downloaded_as_workbooks(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = closed_file(world, tuples(["0042", ""]))
    paths = [f"{FILE.format(identifier)}/{name}" for name in ("results.xlsx", "to_fix.xlsx")]
    results, to_fix = (client.get(path) for path in paths)
    assert results.headers["content-type"].startswith(XLSX)
    assert to_fix.headers["etag"] == client.get(paths[1]).headers["etag"]
    names = ("devices.csv.results.xlsx", f"devices - fix of {identifier[:8]}.xlsx")
    for answer, name in zip((results, to_fix), names, strict=True):
        assert parse_options_header(answer.headers["content-disposition"])[1] == {"filename": name}
    found = [row.serial_number for _, row in device_rows(lambda: [results.body], name="results.xlsx")]
    assert found == ["0042", ""]
    for bound, least in (("MOST_ROWS", 1), ("MOST_CHARACTERS", 100)):
        with monkeypatch.context() as patch:
            patch.setattr(downloads, bound, least)
            assert [client.get(path).status for path in paths] == [413, 413]


def test_rows_to_fix_are_gone_with_the_private_copy(world: World, client: Client) -> None:
    identifier = closed_file(world, tuples(["SN-1", ""]))
    world.private.delete(f"{identifier}/device-file")
    for name in ("to_fix.csv", "to_fix.xlsx"):
        answer = client.get(f"{FILE.format(identifier)}/{name}")
        assert (answer.status, answer.json["code"]) == (410, "gone")


def test_results_of_an_open_file_are_those_so_far_and_deleted_ones_not_there_any_more(
    world: World, client: Client
) -> None:
    identifier = world.drop_file(tuples(["SN-1", "", "SN-2"]))
    path = FILE.format(identifier) + "/results.csv"
    so_far = client.get(path)
    assert [row["row"] for row in csv.DictReader(io.StringIO(so_far.body.decode("utf-8-sig")))] == ["2"]
    assert "so%20far" in so_far.headers["content-disposition"]
    world.run()
    assert client.get(path).status == 200
    world.results.delete(f"{world.folder(identifier, f'{CUSTOMER}/Test/devices.csv')}/results.csv")
    assert client.get(path).status == 410
