"""The root of the error tree: every error that Device Drop raises on purpose is a `DeviceDropError`."""


class DeviceDropError(Exception):
    """An expected failure; the message says what happened, to what, and what to do."""
