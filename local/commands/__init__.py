"""The commands that work on a storage account: this machine's, while `python -m local run` runs, or one in Azure."""
