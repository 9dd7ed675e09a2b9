"""The deployment agrees with the code and the documents."""
