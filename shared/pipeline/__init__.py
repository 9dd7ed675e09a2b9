"""The path of a device file, one module for each step: receive, advance, close, sweep."""
