"""Partner Center's device deployment REST API as its reference pages describe it. Knows no storage and no pipeline."""
