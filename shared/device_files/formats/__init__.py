"""Bytes to cells: encodings, delimiters, workbooks, JSON, XML and archives. Knows no header and no device."""
