"""The steps of the way, on fakes and on real parts."""
