"""How a server is used, counted by a clock that the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from jhub_gateway.notebook.stop_notice import LATE_SECONDS, Stop, StopNotice
from jhub_gateway.notebook.use import PAGE_SECONDS, ServerUse, UseWatch

IDLE = Stop(1500, "nobody has used it for 3 hours", 14400, "idle")
AGE = Stop(1500, "it runs for at most 7 days", 14400, "age")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_watch():
    clock = Clock()
    return UseWatch(clock=clock), clock


def test_a_server_that_nobody_used_is_idle_since_its_start():
    watch, clock = make_watch()
    clock.now += 30
    assert watch.measure() == ServerUse(30, 30, None, "")


def test_what_is_busy_for_the_shortest_time_says_for_how_long():
    watch, clock = make_watch()
    watch.note_busy("kernel", {"a": 0})
    clock.now += 100
    watch.note_busy("kernel", {"a": 0, "b": 0})
    watch.note_busy("job", {"c": 90})
    clock.now += 5
    use = watch.measure()
    assert (use.busy_for, use.busy) == (5, "2 kernels, 1 job")
    watch.note_busy("kernel", {"a": 0})
    assert watch.measure().busy_for == 95


def test_work_that_begins_or_ends_is_use_and_work_that_goes_on_is_none():
    watch, clock = make_watch()
    for busy, idle_for in (({"a": 0}, 0), ({"a": 0}, 10), ({"a": 0}, 20), ({}, 0), ({}, 10)):
        clock.now += 10
        watch.note_busy("terminal", busy)
        assert watch.measure().idle_for == idle_for


def test_a_page_that_is_open_is_no_use():
    watch, clock = make_watch()
    watch.note_connections("kernel", 2)
    for _ in range(3):
        clock.now += 1000
        watch.note_page()
    assert (watch.measure().idle_for, watch.measure().disconnected_for) == (3000, 0)


def test_it_is_disconnected_since_the_last_connection_was_gone():
    watch, clock = make_watch()
    watch.note_connections("kernel", 1)
    watch.note_connections("terminal", 1)
    clock.now += 100
    watch.note_connections("kernel", 0)
    clock.now += 100
    assert watch.measure().disconnected_for == 0
    watch.note_connections("terminal", 0)
    clock.now += 7
    assert watch.measure().disconnected_for == 7


def test_a_page_without_connections_is_gone_some_time_after_it_asked_last():
    watch, clock = make_watch()
    clock.now += 500
    watch.note_page()
    clock.now += PAGE_SECONDS - 1
    assert watch.measure().disconnected_for == 0
    clock.now += 1
    assert watch.measure().disconnected_for == PAGE_SECONDS


steps = st.lists(
    st.tuples(
        st.sampled_from(["use", "page", "wait", "busy", "done", "open", "close"]),
        st.floats(0, 1e6),
    )
)


@given(steps)
def test_whatever_happens_no_length_of_time_is_below_0_or_longer_than_the_server_runs(happened):
    watch, clock = make_watch()
    acts = {
        "use": watch.note_use,
        "page": watch.note_page,
        "wait": lambda: None,
        "busy": lambda: watch.note_busy("kernel", {"a": 0}),
        "done": lambda: watch.note_busy("kernel", {}),
        "open": lambda: watch.note_connections("kernel", 1),
        "close": lambda: watch.note_connections("kernel", 0),
    }
    for act, seconds in happened:
        clock.now += seconds
        acts[act]()
        use = watch.measure()
        assert 0 <= use.idle_for <= clock.now - 1000
        assert 0 <= use.disconnected_for <= clock.now - 1000
        assert use.busy_for is None or 0 <= use.busy_for <= clock.now - 1000
        assert (use.busy_for is None) == (use.busy == "")
        if act == "use":
            assert use.idle_for == 0


def make_notice(stop: Stop):
    clock = Clock()
    notice = StopNotice(clock)
    notice.tell(stop)
    return notice, clock


def test_a_notice_counts_down_and_goes_when_the_stop_never_came():
    notice, clock = make_notice(IDLE)
    clock.now += 100
    shown = {"why": "nobody has used it for 3 hours", "keep_seconds": 14400}
    assert notice.read() == {"seconds": 1400, **shown}
    clock.now += 1401
    assert notice.read() == {"seconds": 0, **shown}
    clock.now += LATE_SECONDS
    assert notice.read() == {}


def test_a_notice_goes_when_it_is_taken_back():
    notice, _ = make_notice(AGE)
    notice.tell(None)
    assert notice.read() == {}


def test_use_takes_back_a_stop_for_want_of_use_and_no_other():
    notice, clock = make_notice(IDLE)
    notice.note_use()
    assert notice.read() == {}
    # Who announces it has not asked since.
    clock.now += 100
    notice.tell(Stop(1400, IDLE.why, 14400, "idle"))
    assert notice.read() == {}
    # This is the next one.
    notice.tell(Stop(9000, IDLE.why, 14400, "idle"))
    assert notice.read()["seconds"] == 9000
    for stop in (AGE, Stop(60, "it is so", 0)):
        notice, _ = make_notice(stop)
        notice.note_use()
        assert notice.read()["why"] == stop.why


def test_a_server_that_was_kept_has_no_notice_whatever_its_cause():
    notice, _ = make_notice(AGE)
    notice.note_kept()
    notice.tell(AGE)
    assert notice.read() == {}
    notice.tell(None)
    notice.tell(AGE)
    assert notice.read()["seconds"] == 1500
