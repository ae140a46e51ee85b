"""From corpus archives to weights. Never imported by serving."""
