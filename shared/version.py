"""The version of the product, for the app's own records and people who ask for help."""

VERSION = "0.2.0"
