"""`tradefours study`: the papers' experiments, on networks that are trained for it and measured side by side."""
