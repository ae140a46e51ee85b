"""The CUDA engine: caches in one pool on the device, each step a replayed graph. Runs on a processor, to be checked."""
