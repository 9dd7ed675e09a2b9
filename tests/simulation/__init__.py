"""The whole pipeline in a simulated world: one seed decides time, order, repeats, losses and crashes."""
