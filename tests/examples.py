"""How many examples the properties are tried with: all of them in a campaign, a part in every ordinary run."""

_is_campaign = False
_PART = 10
"""An ordinary run tries one in so many."""
USUAL = 300
"""The examples of a property that names no number."""


def decide(*, is_campaign: bool) -> None:
    """To be said before the modules with the properties are imported."""
    global _is_campaign  # noqa: PLW0603 - decorators run at import, and take no fixture
    _is_campaign = is_campaign


def examples(number: int) -> int:
    """Of the `number` of examples in a campaign, those of this run."""
    return number if _is_campaign else -(-number // _PART)
