"""Runs Device Drop on a local machine, without Azure."""

import sys

OLDEST_PYTHON = (3, 11)

# The first lines that any Python runs, in syntax that all of them understand.
if sys.version_info < OLDEST_PYTHON:
    sys.stderr.write("python -m local: this is Python %s; 3.11 or newer is needed.\n" % sys.version.split()[0])  # noqa: UP031
    sys.exit(2)
