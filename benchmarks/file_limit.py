"""The limit on open files: 5,000 connections need more than most systems give at first."""

import resource

FILES_WANTED = 1 << 16


def raise_file_limit(wanted: int = FILES_WANTED) -> int:
    """Let this process, and those it starts, open as many files as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= limit:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit
