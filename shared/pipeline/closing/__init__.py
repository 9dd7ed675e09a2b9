"""The end of a file: results, summary, and who is told."""
