"""Runs Device Drop on a local machine, without Azure."""
