"""``python -m demo``: the hub on this machine; ``python -m demo --kubernetes``: its users in pods.

This file is read by Pythons that are too old for the rest, so that it can say so.
"""

import sys

OLDEST_PYTHON = (3, 11)


def main():
    """Run the demo until Ctrl-C; return the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        found = sys.version.split()[0]
        return fail(
            f"the demo needs Python 3.11 or later, and this is {found}: name a newer one, for "
            "example: make demo PYTHON=python3.11"
        )
    from demo.environment import enter_environment
    from demo.errors import DemoError
    from demo.ports import read_ports

    try:
        ports = read_ports()
        enter_environment()
        from demo.run import run

        run(ports, is_kubernetes="--kubernetes" in sys.argv[1:])
    except DemoError as error:
        return fail(error)
    except PermissionError as error:
        return fail(
            f"{error.filename} belongs to another account: start the demo as that account, or in "
            "a copy of the project that is yours."
        )
    except KeyboardInterrupt:
        return 130
    return 0


def fail(sentence):
    """Show why the demo can't go on; return the exit code for it."""
    sys.stdout.flush()
    sys.stderr.write(f"demo: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
