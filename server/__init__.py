"""The edges: HTTP, WebSocket, settings, command line."""
