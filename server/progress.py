"""A bar on the terminal for what takes a while. Knows nothing of what is done."""

from collections.abc import Callable


def bar(name: str, count: int) -> Callable[[], object]:
    """To be called after each of `count` pieces of work."""
    from tqdm import tqdm

    return tqdm(total=count, desc=name).update
