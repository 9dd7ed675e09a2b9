"""The style, script and icon of the page, and their names."""

import pytest

from shared.status.page import static_files


@pytest.mark.parametrize("name", ["status.css", "status.js", "mark.svg"])
def test_a_static_file_is_kept_for_ever_under_the_name_of_its_contents(name: str) -> None:
    address = static_files.static_address(name)
    served = static_files.static_file(address.rpartition("/")[2])
    assert served is not None
    assert served.cache_control == static_files.FOR_EVER
    assert served.etag.strip('"') in address
    plain = static_files.static_file(name)
    assert plain is not None
    assert plain.content == served.content
    assert plain.cache_control == static_files.REVALIDATE


def test_the_name_of_another_version_is_served_but_not_kept() -> None:
    served = static_files.static_file("status.0123456789abcdef.css")
    assert served is not None
    assert served.cache_control == static_files.REVALIDATE


@pytest.mark.parametrize(
    "name", ["", "status", ".css", "../page.py", "page.py", "status.css.map", "..%2fpage.py", "a.b.c.d"]
)
def test_nothing_else_is_served(name: str) -> None:
    assert static_files.static_file(name) is None


def test_the_style_and_the_script_need_nothing_from_elsewhere() -> None:
    for path in static_files.STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert "@import" not in text
        assert "url(" not in text
