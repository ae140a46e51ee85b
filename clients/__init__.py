"""The player's side: bridge to MIDI ports, Python client. Needs no torch."""
