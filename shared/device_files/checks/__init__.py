"""Columns to decisions: each row validated, its duplicates found, and what a spreadsheet did to it."""
