"""Tests of hushpost_proof.way_out.calls, on lines as strace writes them."""

import pytest
from hushpost_proof.way_out.calls import sort_calls

SERVING = """\
71 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 19
71 bind(19, {sa_family=AF_INET, sin_port=htons(8440), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
71 listen(19, 1024)                        = 0
71 accept4(19, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK) = 20
71 getpeername(20, {sa_family=AF_INET, sin_port=htons(5), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
71 setsockopt(20, SOL_TCP, TCP_NODELAY, [1], 4) = 0
71 sendto(20, "HTTP/1.1 101", 12, 0, NULL, 0) = 12
72 <... accept4 resumed>NULL, NULL, SOCK_CLOEXEC) = 21
71 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [3, 4]) = 0
71 shutdown(20, SHUT_WR)                   = 0
71 io_uring_setup(256, {flags=0}) = -1 ENOSYS (Function not implemented) (INJECTED)
71 openat(AT_FDCWD, "/etc/ssl/openssl.cnf", O_RDONLY) = 5
71 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=70, si_uid=0} ---
71 +++ exited with 0 +++
"""
LEADING_OUT = (
    '71 connect(19, {sa_family=AF_INET, sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
    "71 connect(19, {sa_family=AF_INET6, sin6_port=htons(443)}, 28 <unfinished ...>",
    '71 connect(19, {sa_family=AF_UNIX, sun_path="/dev/log"}, 11) = 0',
    '71 sendto(19, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53)}, 16) = 1',
    "71 sendmsg(19, {msg_name={sa_family=AF_INET, sin_port=htons(53)}, msg_iovlen=1}, 0) = 1",
    "71 sendmsg(19, {msg_name=NULL, msg_iovlen=1}, MSG_FASTOPEN) = 1",
    "71 sendmmsg(19, [{msg_hdr={msg_name=NULL}}], 1, MSG_NOSIGNAL) = 1",
    "71 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 19",
    "71 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 19",
    "71 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 19",
    '71 openat(AT_FDCWD, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 19',
    '71 openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 19',
    "71 io_uring_setup(256, {flags=0}) = 4",
    "71 a_call_of_next_year(19) = 0",
)


def test_serving_leads_nowhere() -> None:
    """To listen, accept and answer is no way out, and each call is counted once."""
    calls = sort_calls(SERVING.splitlines())
    assert calls.attempts == ()
    assert calls.network_calls == 10
    assert calls.counts["sendto"] == 1


@pytest.mark.parametrize("line", LEADING_OUT)
def test_each_way_out_is_found(line: str) -> None:
    """One line among those of an honest relay is found, whatever its result was."""
    calls = sort_calls([*SERVING.splitlines(), line])
    assert [str(one).partition("(")[0] for one in calls.attempts] == [line[3:].partition("(")[0]]
