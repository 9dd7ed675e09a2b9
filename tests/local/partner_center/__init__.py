"""The stand-in keeps to the documented contract. It is asked over HTTP with the standard library alone."""
