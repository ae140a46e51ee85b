"""Other people's engines, each given the weights of our network of the same shape."""
