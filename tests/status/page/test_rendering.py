"""The templates of the page."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from shared.status.page import rendering

ROOT = Path(__file__).parents[3]


def test_a_value_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        rendering.rendered("message.html", {})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<script>&\"'", "&lt;script&gt;&amp;&#34;&#39;"),
        ("a\u202eb\x1b", "a[U+202E]b\u241b"),
        (Markup("<b>\u202e</b>"), "<b>\u202e</b>"),
        (7, "7"),
    ],
)
def test_a_value_is_escaped_and_made_visible_and_markup_of_templates_stays(value: object, shown: str) -> None:
    assert rendering.environment().from_string("{{ value }}").render(value=value) == shown


@pytest.mark.parametrize("template", sorted(path.name for path in rendering.TEMPLATES.iterdir()))
def test_every_filter_that_a_template_names_exists(template: str) -> None:
    rendering.environment().get_template(template)
