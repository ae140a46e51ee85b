"""What music is: events, integer time, MIDI bytes and files. Knows no network, session or socket."""
