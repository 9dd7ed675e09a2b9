"""The whole way on real parts: Azurite, real HTTP, functions hosts as processes; also while they are being killed."""
