"""Which batch a folder of a drop path or a group tag names."""

from functools import lru_cache

from shared.device_files.placeholders import says_none


def batch_name(text: str) -> str | None:
    """The batch that a folder names; None when it is blank, or dots, which no address can hold."""
    return text.strip() if text.strip(". ") else None


@lru_cache(maxsize=4096)
def batch_of_tag(group_tag: str) -> str | None:
    """The batch that a group tag names; None also when it is a dash, or a word that says that there is none."""
    return None if says_none(group_tag) else batch_name(group_tag)
