"""The hardware hash of a Windows PC ("4K hash"): its layout, and how one is verified."""
