"""From a dropped blob to journaled rows and held submissions."""
