"""Device Drop: from a dropped device file to one outcome for every row."""
