"""Corrections of a closed file: send rows again, fix rows, withdraw devices."""
