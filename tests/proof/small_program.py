"""A program for the tests of `lives`: says, ends, fails or waits, as its first argument tells."""

import os
import sys
import time


def main(arguments: list[str]) -> int:
    """Do what is told."""
    match arguments:
        case ["say"]:
            print(os.environ["SAID"])
            print(os.getcwd())
            return 0
        case ["end", status]:
            return int(status)
        case ["wait"]:
            print("waiting", flush=True)
            time.sleep(600)
        case _:
            raise ValueError("failed, as it was told")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
