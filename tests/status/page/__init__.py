"""The page: what it says, and its parts."""
