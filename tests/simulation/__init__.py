"""The whole pipeline in a world of its own: one seed decides time, order, repeats, losses and deaths."""
