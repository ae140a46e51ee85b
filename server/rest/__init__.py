"""Generations over REST: jobs that survive a restart, and the routes to them."""
