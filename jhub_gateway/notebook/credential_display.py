"""How the credentials are, as a notebook shows it: a text table, and a panel of HTML."""

from datetime import datetime, timedelta
from html import escape

from jhub_gateway.notebook.credential_list import Credential, Credentials
from jhub_gateway.notebook.credential_tokens import make_login_address

WORDS = {
    "valid": "valid",
    "late": "renewal is late",
    "expired": "expired, being renewed",
    "ended": "ended",
}

_ENDLESS = timedelta(days=36500)
"""Further away than any login: the year 9999, which other time zones can't have, means no end."""

# JupyterLab's own colours follow its theme; the others keep their contrast on white and on black.
# Two classes in a row have precedence over JupyterLab's own rules for tables.
_STYLE = """
.jhub-gateway-credentials { max-width: 60em; }
.jhub-gateway-credentials .list { border-collapse: collapse; margin: 0 0 .4em; }
.jhub-gateway-credentials caption { text-align: left; padding: 0 0 .4em; font-weight: 600; }
.jhub-gateway-credentials .list :is(th, td) {
  text-align: left; vertical-align: top; padding: .3em 1.2em .3em 0; white-space: normal;
  border-top: 1px solid var(--jp-border-color2, #8888); overflow-wrap: break-word;
}
.jhub-gateway-credentials .list td:nth-child(2) { overflow-wrap: anywhere; }
.jhub-gateway-credentials a { color: var(--jp-content-link-color, currentColor); }
.jhub-gateway-credentials .state { white-space: nowrap; font-weight: 600; }
.jhub-gateway-credentials .state::before {
  content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .5em;
  border-radius: 50%; background: #2e9d4f;
}
.jhub-gateway-credentials .late::before { background: #e08a00; border-radius: 0; }
.jhub-gateway-credentials .expired::before { background: #e08a00; border-radius: 0; }
.jhub-gateway-credentials .ended::before { background: #e04343; border-radius: 0; rotate: 45deg; }
.jhub-gateway-credentials .next { border-left: .25em solid #888; padding: .2em .8em; }
"""


def make_text(entries: Credentials) -> str:
    """Return the credentials as a table of plain text, with what to do below it."""
    rows = [("NAME", "FOR", "STATE", "VALID UNTIL"), *(_make_row(entries, e) for e in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines += [f"{name}: {sentence}" for name, sentence in _find_sentences(entries)]
    if url := _find_login(entries):
        lines.append(f"Log in again: {url}")
    return "\n".join(lines)


def make_html(entries: Credentials) -> str:
    """Return the same as HTML that reads well in JupyterLab's light and dark themes."""
    rows = "".join(_make_html_row(entries, entry) for entry in entries)
    heads = "".join(f'<th scope="col">{e}</th>' for e in ("Name", "For", "State", "Valid until"))
    return (
        f'<style>{_STYLE}</style><div class="jhub-gateway-credentials"><table class="list">'
        f"<caption>Gateway credentials at {_format_clock(entries.read_at)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"{_make_html_sentences(entries)}</div>"
    )


def _make_html_row(entries: Credentials, entry: Credential) -> str:
    name, audience, state, end = map(escape, _make_row(entries, entry))
    if entry.expires_at:
        end = f'<time datetime="{entry.expires_at.isoformat()}">{end}</time>'
    return (
        f'<tr><th scope="row">{name}</th><td>{audience}</td>'
        f'<td class="state {entry.state}">{state}</td><td>{end}</td></tr>'
    )


def _make_html_sentences(entries: Credentials) -> str:
    lines = [f"<b>{escape(n)}</b>: {escape(text)}" for n, text in _find_sentences(entries)]
    if url := _find_login(entries):
        lines.append(
            f'<a href="{escape(url)}" target="_blank" rel="noopener">Log in again</a> '
            "(in a new tab)"
        )
    return f'<div class="next">{"<br>".join(lines)}</div>' if lines else ""


def _make_row(entries: Credentials, entry: Credential) -> tuple[str, str, str, str]:
    return (
        _make_line(entry.name),
        _make_line(entry.audience),
        WORDS[entry.state],
        _format_end(entry, entries.read_at),
    )


def _find_sentences(entries: Credentials) -> list[tuple[str, str]]:
    """Return whom a sentence is about, and the sentence; each sentence once."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        if entry.state != "valid" and entry.sentence:
            names.setdefault(_make_line(entry.sentence), []).append(_make_line(entry.name))
    return [(", ".join(who), sentence) for sentence, who in names.items()]


def _find_login(entries: Credentials) -> str:
    return make_login_address(entries.login_url) if entries.state == "ended" else ""


def _format_end(entry: Credential, now: datetime) -> str:
    """Return such as "14:32 UTC (in 4 min)"; nothing where there is no end or it is past all."""
    if entry.expires_at is None or entry.state == "ended":
        return ""
    if (left := entry.expires_at - now) > _ENDLESS:
        return "no end"
    return f"{_format_time(entry.expires_at, now)} ({_format_left(left)})"


def _format_time(time: datetime, now: datetime) -> str:
    """Return the time of the server's own clock, with its zone; with the day if that is another."""
    local = time.astimezone()
    is_today = local.date() == now.astimezone().date()
    return f"{local:%H:%M %Z}" if is_today else f"{local:%d %b %Y %H:%M %Z}"


def _format_clock(now: datetime) -> str:
    return f"{now.astimezone():%H:%M:%S %Z}"


def _format_left(left: timedelta) -> str:
    seconds = int(abs(left).total_seconds())
    amount = f"{seconds // 86400} days"
    if seconds < 60:
        amount = f"{seconds} s"
    elif seconds < 2 * 3600:
        amount = f"{seconds // 60} min"
    elif seconds < 48 * 3600:
        amount = f"{seconds // 3600} h"
    return f"in {amount}" if left > timedelta(0) else f"{amount} ago"


def _make_line(text: str) -> str:
    """Return the text without what would start another line or drive a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
