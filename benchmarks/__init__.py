"""What this machine does, as times and ratios of one run."""
