"""What is read to learn the memory's speed is there, and of the asked size."""

import pytest

from benchmarks.memory import PAGE, read, readable


@pytest.mark.parametrize("size", [4096, 3 * PAGE, 5_000_000])
def test_all_of_it_is_read(size: int) -> None:
    numbers = readable(size)
    assert numbers.nbytes == size
    assert numbers.data_ptr() % PAGE == 0
    assert read(numbers) == size / 4
