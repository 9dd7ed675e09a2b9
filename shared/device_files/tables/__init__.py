"""Cells to columns: headers, rows under them, and cells that do not stand below their headers."""
