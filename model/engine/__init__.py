"""Token ids in, token ids out. Knows no clock, session or socket."""
