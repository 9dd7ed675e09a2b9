"""The way of a device file, one module a step: receive, advance, sweep, results."""
