"""The TES server of the tests: what it refuses, shows in each view and puts on each page."""

from pathlib import PurePosixPath

import pytest

from tests.fixtures.tes.manifests import find_mounts, make_job
from tests.fixtures.tes.tasks import (
    BASIC,
    CANCELED,
    COMPLETE,
    FULL,
    MINIMAL,
    RUNNING,
    BadRequestError,
    Task,
    make_page,
)

EXECUTOR = {"image": "python", "command": ["python3", "-c", "print(1)"]}
INPUT = {"path": "/data/in.csv", "content": "1,2"}
OUTPUT = {"path": "/data/out.csv", "url": "ftp://host/out.csv"}


def make_task(**more: object) -> Task:
    return Task({"executors": [EXECUTOR], **more})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"executors": []}, "one at least"),
        ({"executors": [{"image": "python"}]}, "an image and a command"),
        ({"inputs": [{"path": "/a/b"}]}, "url or a content"),
        ({"inputs": [{**INPUT, "url": "ftp://host/a"}]}, "not both"),
        ({"inputs": [{"content": "a"}]}, "a path"),
        ({"inputs": [{**INPUT, "path": "in.csv"}]}, "absolute"),
        ({"inputs": [{**INPUT, "path": "/in.csv"}]}, "in a folder"),
        ({"inputs": [{**INPUT, "path": "/data/../etc/in.csv"}]}, "absolute"),
        ({"outputs": [{**OUTPUT, "url": "s3://bucket/a"}]}, "FTP alone"),
        ({"outputs": [{**OUTPUT, "type": "DIRECTORY"}]}, "no folders"),
        ({"volumes": ["data"]}, "absolute"),
    ],
)
def test_a_task_that_cannot_run_is_refused_with_the_reason(wrong, reason):
    with pytest.raises(BadRequestError, match=reason):
        make_task(**wrong)


def test_each_view_shows_what_the_description_says():
    task = make_task(inputs=[INPUT], outputs=[OUTPUT], tags={"run": "7"})
    task.add_executor_log({"exit_code": 0, "stdout": "1\n", "stderr": ""})
    task.add_output(OUTPUT["url"], OUTPUT["path"], 3)
    assert task.move_to(COMPLETE, "kept")

    assert task.make_view(MINIMAL) == {"id": task.id, "state": COMPLETE}
    full = task.make_view(FULL)
    assert full["inputs"] == [INPUT]
    assert full["logs"][0]["system_logs"] == ["kept"]
    assert full["logs"][0]["logs"] == [{"exit_code": 0, "stdout": "1\n", "stderr": ""}]
    assert full["logs"][0]["outputs"] == [{**OUTPUT, "size_bytes": "3"}]
    basic = task.make_view(BASIC)
    assert basic["inputs"] == [{"path": "/data/in.csv"}]
    assert "system_logs" not in basic["logs"][0]
    assert basic["logs"][0]["logs"] == [{"exit_code": 0}]
    assert basic["tags"] == {"run": "7"}
    # A view is a copy.
    full["logs"].clear()
    assert task.make_view(FULL)["logs"]


def test_what_has_ended_stays_so():
    task = make_task()
    assert task.move_to(CANCELED)
    assert not task.move_to(RUNNING)
    assert not task.move_to(COMPLETE, "too late")
    assert task.state == CANCELED
    assert task.make_view(FULL)["logs"][0]["system_logs"] == []


def test_pages_follow_each_other_to_the_last_and_go_by_name_state_and_tag():
    tasks = [make_task(name=f"run-{number}", tags={"kind": "a"}) for number in range(5)]
    tasks[0].move_to(COMPLETE)
    tasks.append(make_task(name="other"))

    def list_ids(tags=None, **query):
        page = make_page(tasks, query, tags or {})
        return [task["id"] for task in page["tasks"]], page.get("next_page_token")

    first, token = list_ids(page_size="4")
    second, end = list_ids(page_size="4", page_token=token)
    assert first + second == [task.id for task in reversed(tasks)]
    assert end is None
    assert list_ids(name_prefix="other")[0] == [tasks[-1].id]
    assert list_ids(state=COMPLETE)[0] == [tasks[0].id]
    assert len(list_ids({"kind": "a"})[0]) == 5
    assert len(list_ids({"kind": ""})[0]) == 5
    assert list_ids({"kind": "b"})[0] == []
    for wrong in ({"page_size": "0"}, {"page_size": "2048"}, {"page_token": "x"}, {"view": "ALL"}):
        with pytest.raises(BadRequestError):
            list_ids(**wrong)


def test_a_folder_in_another_is_mounted_with_it():
    paths = ("/data/in.csv", "/data/deep/out.csv", "/work/x", "/database/y")
    found = find_mounts(PurePosixPath(path) for path in paths)
    assert [str(folder) for folder in found] == ["/data", "/database", "/work"]


def test_memory_that_was_asked_for_is_the_limit():
    job = make_job("name", "id", EXECUTOR, 0, [], 0.5, "claim")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "500000000"}
    assert container["command"][3:] == ["sh", *EXECUTOR["command"]]
