"""Everything needed to run Device Drop on one own machine, without Azure."""
