"""The decoder block and its six ways of sharing keys and values. Knows neither music nor sampling."""
