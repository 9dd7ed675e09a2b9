"""What is registered for a customer: its batches read back from Partner Center, kept with their time."""
