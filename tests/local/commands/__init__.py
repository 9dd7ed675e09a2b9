"""The commands, on a storage of their own with the app at work on it."""
