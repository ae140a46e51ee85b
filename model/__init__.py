"""What comes next: tokens, networks, engine, weights, training. Knows no clock, session or socket."""
