"""What a person does in the browser at a hub whose provider is Keycloak."""

from playwright.sync_api import Locator, Page, expect

from tests.fixtures.hub import Hub
from tests.fixtures.identity_provider import Account


def sign_in(page: Page, hub: Hub, account: Account) -> None:
    """Go to the hub and sign in at Keycloak; ends wherever the hub leads."""
    go_to_keycloak(page, hub)
    fill_in(page, account)
    page.wait_for_url(f"{hub.url}/**")


def go_to_keycloak(page: Page, hub: Hub) -> None:
    """Go to the hub's first page and follow its one link to a login."""
    page.goto(f"{hub.url}/hub/login")
    page.get_by_role("link", name="Sign in").or_(page.get_by_role("button", name="Sign in")).click()


def find_form(page: Page) -> Locator:
    """Where Keycloak asks for a password."""
    return page.locator("#password")


def fill_in(page: Page, account: Account) -> None:
    """Fill in Keycloak's form, and send it."""
    page.locator("#username").fill(account.username)
    find_form(page).fill(account.password)
    page.locator("#kc-login").click()


def expect_login_wanted(page: Page, hub: Hub) -> None:
    """The hub no longer knows this browser."""
    page.goto(f"{hub.url}/hub/home")
    expect(page).to_have_url(f"{hub.url}/hub/login?next=%2Fhub%2Fhome")


def expect_logged_in(page: Page, hub: Hub) -> None:
    """The hub still knows this browser."""
    page.goto(f"{hub.url}/hub/home")
    expect(page).to_have_url(f"{hub.url}/hub/home")
