"""The engine in C++: whole decode steps on packed weights, in one call without the interpreter's lock."""
