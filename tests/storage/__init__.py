"""Fakes of storage and its tests: each contract suite runs on the fake and on a real Azurite."""
