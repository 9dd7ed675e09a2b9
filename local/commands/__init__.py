"""The commands that work on a storage account: one in Azure, or the local one while `python -m local run` runs."""
