"""The time by which memory is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.memory_clock import MemoryClock

steps = st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e7, 1e7)), max_size=20)


class Machine:
    """A machine whose clock can be set."""

    def __init__(self, wall: float) -> None:
        self.wall, self.steady = wall, 50.0

    def make_clock(self, least: int = 0) -> MemoryClock:
        return MemoryClock(least, lambda: self.wall, lambda: self.steady)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@given(steps)
def test_a_clock_that_is_set_neither_adds_nor_takes(moves):
    machine = Machine(1e9)
    clock = machine.make_clock()
    waited, before = 0.0, clock.read()
    for seconds, step in moves:
        machine.wait(seconds)
        machine.wall += step
        waited += seconds
        assert clock.read() >= before
        before = clock.read()
    assert clock.read() == pytest.approx(1e9 + waited, abs=1.1)


def test_the_next_hub_goes_on_where_the_last_one_was_though_its_clock_is_behind():
    assert Machine(1000).make_clock(least=5000).read() == 5000
    assert Machine(9000).make_clock(least=5000).read() == 9000


def test_a_time_is_shown_as_users_clocks_have_it():
    machine = Machine(1000)
    clock = machine.make_clock(least=5000)
    machine.wait(60)
    assert clock.show(clock.read() + 3600) == pytest.approx(1060 + 3600, abs=1)
