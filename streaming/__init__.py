"""When it sounds: session, plan, clock, playout, wire messages. No torch, no sockets."""
