"""The root of the one error tree: whatever Device Drop raises on purpose is a `DeviceDropError`."""


class DeviceDropError(Exception):
    """Something Device Drop understands went wrong; the message says what happened, to what, and what to do."""
