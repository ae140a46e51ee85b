"""Music as token ids and back: one vocabulary table, one grammar, one codec. Free of torch."""
