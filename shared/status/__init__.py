"""How far everything is, for people (the page) and scripts (JSON): reads the journal, changes nothing by itself."""
