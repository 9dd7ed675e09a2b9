"""The templates of the page: every value is escaped, invisible characters are shown, and a missing name is an error."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared import vocabulary
from shared.reasons import REASONS
from shared.status.page import bars, labels, summary, text
from shared.status.page.static_files import static_address

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> "Environment":
    """Jinja2 with the filters and globals of the templates. Each template is read once."""
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
        "act_label": labels.ACTS.__getitem__,
        "by_outcome": bars.by_outcome,
        "check_label": labels.CHECK_STATES.__getitem__,
        "counted": vocabulary.counted,
        "done_word": labels.DONE.__getitem__,
        "file_label": labels.file_label,
        "grouped": vocabulary.grouped,
        "machine_time": text.machine_time,
        "note_meaning": labels.note_meaning,
        "order_words": labels.ORDERS.__getitem__,
        "outcome_label": labels.outcome_label,
        "plain_time": text.plain_time,
        "segments": bars.segments,
        "size": text.size,
        "static": static_address,
        "withdrawn": summary.withdrawn,
    }
    made.globals |= {
        "file_states": labels.FILE_STATES,
        "reasons_of_rows": REASONS,
        "remedies": labels.REMEDIES,
        "submission_states": labels.SUBMISSION_STATES,
        "standstill_titles": labels.STANDSTILLS,
        "removing_does_not": summary.REMOVING_DOES_NOT,
        "withdrawals": labels.WITHDRAWALS,
        "withdrawing_does_not": summary.WITHDRAWING_DOES_NOT,
        "moved_go_nowhere": summary.MOVED_GO_NOWHERE,
    }
    return made


def rendered(template: str, values: dict[str, Any]) -> str:
    """`template` rendered with `values`."""
    return environment().get_template(template).render(values)


def _visible(value: object) -> object:
    """`value` with its invisible characters shown. Jinja2 calls this before escaping; markup of templates stays."""
    return text.visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
