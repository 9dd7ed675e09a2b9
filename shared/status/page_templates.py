"""The templates of the page: every value is made visible and escaped, and a name that is missing is an error.

Imported when a page is asked for, not before: the triggers that move devices need no templates.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.status import page_bars, page_text, page_words
from shared.status.page_static import static_address

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> "Environment":
    """Jinja2 with what the templates use. Templates are read once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - when a page is asked for

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "by_outcome": page_bars.by_outcome,
        "counted": page_text.counted,
        "grouped": page_text.grouped,
        "machine_time": page_text.machine_time,
        "not_registered": page_bars.not_registered,
        "note_meaning": page_words.note_meaning,
        "outcome_label": page_words.outcome_label,
        "plain_time": page_text.plain_time,
        "segments": page_bars.segments,
        "size": page_text.size,
        "static": static_address,
    }
    made.globals |= {
        "file_states": page_words.FILE_STATES,
        "remedies": page_words.REMEDIES,
        "submission_states": page_words.SUBMISSION_STATES,
    }
    return made


def rendered(template: str, values: dict[str, Any]) -> str:
    """The page that `template` makes of `values`."""
    return environment().get_template(template).render(values)


def _visible(value: object) -> object:
    """Called with every value before it is escaped. What the templates themselves made is left alone."""
    return page_text.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
