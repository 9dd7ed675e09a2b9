"""What is deployed, held to what the code and the documents say."""
