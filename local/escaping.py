"""Text from a file, a name or a service as a terminal may show it."""


def escaped(text: str) -> str:
    """`text` in one line, with escapes in place of what a terminal would obey or cannot show."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
