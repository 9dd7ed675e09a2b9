"""Tests of local/."""
