"""The whole path: sign in, choose a size, work, come back."""

from playwright.sync_api import expect

from jhub_gateway.policy.quantities import parse_memory
from tests.e2e.lab import open_notebook, read_profiles, run_cell, sign_in, start_server
from tests.e2e.sites import LARGE, READ_LIMIT, SMALL, Site

LIST_HOME = "import os; print(sorted(os.listdir(os.environ['HOME'])))"


def test_a_user_works_in_a_sized_server_and_finds_their_files_again(site: Site, make_page):
    grace, ada = site.provider.accounts["grace"], site.provider.accounts["ada"]

    page = make_page()
    sign_in(page, site.hub, grace)
    assert read_profiles(page) == ["Small", "Large"]
    start_server(page, "Small")
    open_notebook(page)
    assert int(run_cell(page, READ_LIMIT)) == parse_memory(SMALL)
    assert run_cell(page, "print(open('mine.txt', 'w').write('data'))") == "4"
    site.hub.stop_server("grace")

    page.goto(f"{site.hub.url}/hub/spawn")
    start_server(page, "Large")
    open_notebook(page)
    assert int(run_cell(page, READ_LIMIT)) == parse_memory(LARGE)
    assert run_cell(page, "print(open('mine.txt').read())") == "data"

    other = make_page()
    sign_in(other, site.hub, ada)
    assert read_profiles(other) == ["Small"]
    start_server(other, "Small")
    open_notebook(other)
    assert "mine.txt" not in run_cell(other, LIST_HOME)


def test_a_size_that_the_groups_do_not_allow_is_403_through_rest(site: Site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["ada"])
    assert read_profiles(page) == ["Small"]
    token = site.hub.api("POST", "/users/ada/tokens", json={"note": "own"}).json()["token"]
    answer = site.hub.api("POST", "/users/ada/server", token, json={"profile": "large"})
    assert answer.status_code == 403
    assert "is not open to you. Choose one of these: Small." in answer.json()["message"]


def test_somebody_outside_the_allowed_groups_is_told_so(site: Site, make_page):
    page = make_page()
    sign_in(page, site.hub, site.provider.accounts["mallory"])
    expect(page.locator("body")).to_contain_text("403")
    assert site.hub.api("GET", "/users/mallory").status_code == 404


def test_a_wrong_password_is_a_sentence(site: Site, make_page):
    page = make_page()
    ada = site.provider.accounts["ada"]
    sign_in(page, site.hub, type(ada)(**{**vars(ada), "password": "wrong"}))
    expect(page.locator("#failure")).to_contain_text("do not match")


def test_too_much_memory_stops_one_kernel_and_no_neighbour(site: Site, make_page):
    page, neighbour = make_page(), make_page()
    for person, name in ((page, "ada"), (neighbour, "grace")):
        sign_in(person, site.hub, site.provider.accounts[name])
        start_server(person, "Small")
        open_notebook(person)
    run_cell(neighbour, "kept = 'still here'; print(kept)")
    # Written to, as memory that is only asked for counts nowhere.
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").last.click()
    page.keyboard.insert_text("data = b'x' * (2 * 1024**3)")
    page.keyboard.press("Shift+Enter")
    died = page.get_by_text("Kernel Restarting").or_(page.get_by_text("MemoryError")).first
    expect(died).to_be_visible(timeout=90_000)
    assert run_cell(neighbour, "print(kept)") == "still here"
    assert site.hub.api("GET", "/users/ada").json()["servers"][""]["ready"]
