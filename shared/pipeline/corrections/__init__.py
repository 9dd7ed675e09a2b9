"""What people do about a closed file: send rows again, fix rows, withdraw devices."""
