"""The bench: at sizes at which no speed is measured, only that what it measures is right."""
