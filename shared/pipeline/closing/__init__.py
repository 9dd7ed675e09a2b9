"""The end of a file: its results, its summary and its notifications."""
