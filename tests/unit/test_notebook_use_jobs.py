"""Jobs that programs in a server tell of, by a call or by a file of their own."""

import json
import os
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jhub_gateway.notebook import job
from jhub_gateway.notebook.job_files import MOST_FILES, read_jobs
from jhub_gateway.notebook.jobs import NAME, find_job_directory


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return tmp_path / NAME


def write(jobs, name, note):
    jobs.mkdir(exist_ok=True)
    text = note if isinstance(note, bytes) else json.dumps(note).encode()
    (jobs / name).write_bytes(text)
    return jobs / name


def test_a_job_counts_until_its_block_ends(jobs):
    with job("simulation"):
        assert len(read_jobs(jobs)) == 1
        with job("another"):
            assert len(read_jobs(jobs)) == 2
    assert read_jobs(jobs) == {}


def test_a_job_ends_with_an_error_in_it(jobs):
    with pytest.raises(RuntimeError), job("simulation"):
        raise RuntimeError
    assert read_jobs(jobs) == {}


def test_a_job_counts_no_longer_than_its_process_lives(jobs):
    code = (
        "import os, sys; from jhub_gateway.notebook import job; one = job('simulation');"
        "print(flush=True); sys.stdin.read(); os._exit(9)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert len(read_jobs(jobs)) == 1
    assert read_jobs(jobs) == {}
    assert list(jobs.iterdir()) == []


def test_a_job_elsewhere_counts_for_its_hours_without_a_process(jobs):
    remote = job("wes run 12", hours=6)
    (file,) = jobs.iterdir()
    hour_ago = time.time() - 3600
    os.utime(file, (hour_ago, hour_ago))
    assert read_jobs(jobs)[file.name] == pytest.approx(3600, abs=5)
    os.utime(file, (hour_ago - 5 * 3600, hour_ago - 5 * 3600))
    assert read_jobs(jobs) == {}
    remote.end()
    job("wes run 13", hours=6).end()
    assert read_jobs(jobs) == {}


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), 24 * 367])
def test_what_is_no_length_of_time_is_refused(jobs, hours):
    with pytest.raises(ValueError, match="hours"):
        job("wes run 12", hours=hours)


def test_outside_a_server_a_job_is_just_its_work(monkeypatch):
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR", raising=False)
    assert find_job_directory() is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with job("simulation"):
            pass


def test_a_job_that_cannot_be_noted_warns_and_goes_on(jobs):
    jobs.write_text("in the way")
    with pytest.warns(UserWarning, match="told of the job"), job("simulation"):
        pass


def test_a_script_in_any_language_can_write_the_file(jobs):
    command = f'mkdir -p {jobs}; echo "{{\\"pid\\": $$}}" > {jobs}/run.json; echo; read x'
    with subprocess.Popen(
        ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        shell.stdout.readline()
        assert list(read_jobs(jobs)) == ["run.json"]
    assert read_jobs(jobs) == {}


def test_a_number_that_another_process_was_given_since_is_no_job(jobs):
    write(jobs, "old.json", {"pid": os.getpid(), "began": 1})
    assert read_jobs(jobs) == {}


def test_hostile_files_break_nothing_and_hide_no_job(jobs):
    jobs.mkdir()
    os.mkfifo(jobs / "pipe.json")
    (jobs / "link.json").symlink_to("/dev/zero")
    (jobs / "directory.json").mkdir()
    deep = b"[" * 4000
    for number, text in enumerate((b"", b"{", deep, b"\xff\xfe", b"[]", b"1", b"9" * 4096)):
        write(jobs, f"text-{number}.json", text)
    write(jobs, "long.json", b" " * 5000)
    write(jobs, "note.txt", {"pid": os.getpid()})
    with job("simulation"):
        assert len(read_jobs(jobs)) == 1
    assert read_jobs(jobs) == {}


def test_a_flood_of_files_ends_somewhere(jobs):
    jobs.mkdir()
    for number in range(MOST_FILES + 50):
        write(jobs, f"{number}.json", {"seconds": 60})
    assert len(read_jobs(jobs)) == MOST_FILES


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
notes = st.dictionaries(st.sampled_from(["name", "pid", "began", "seconds"]), json_values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(note=notes | json_values)
def test_no_note_breaks_the_answer(jobs, note):
    file = write(jobs, "some.json", note)
    for age in read_jobs(jobs).values():
        assert 0 <= age < 60
    file.unlink(missing_ok=True)
