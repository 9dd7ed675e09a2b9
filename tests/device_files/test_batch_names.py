"""Which folders and group tags name a batch, and which say that there is none."""

import pytest

from shared.device_files.batch_names import batch_name, batch_of_tag


@pytest.mark.parametrize(
    ("text", "batch"),
    [
        ("Sales", "Sales"),
        ("  Sales 7 ", "Sales 7"),
        ("a.b", "a.b"),
        ("Default", "Default"),
        ("NA", "NA"),
        ("KA", "KA"),
        ("SIN", "SIN"),
        ("", None),
        (" ", None),
        (".", None),
        ("...", None),
    ],
)
def test_a_folder_of_dots_names_no_batch(text: str, batch: str | None) -> None:
    assert batch_name(text) == batch
    assert batch_of_tag(text) == batch


@pytest.mark.parametrize(
    "tag",
    [
        "-",
        "--",
        "/",
        "(?)",
        "none",
        "N/A",
        "nan",
        "(blank)",
        "(leer)",
        "TBD",
        "k.A.",
        "Group Tag",
        "nicht zugeordnet",
        "ohne Tag",
        "\\N",
    ],
)
def test_a_tag_that_says_that_there_is_none_names_no_batch(tag: str) -> None:
    assert batch_of_tag(tag) is None
