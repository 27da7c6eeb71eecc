"""Asking a web process, over TCP and unix sockets, and judging what it says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.base.probe import Response, ask, response_problem, usable_host


class Server:
    """Answers one connection with fixed bytes, and keeps the request."""

    def __init__(self, sock: socket.socket, reply: bytes) -> None:
        self.request = b""
        self._sock, self._reply = sock, reply
        sock.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._sock.accept()
        with connection:
            self.request = connection.recv(65536)
            connection.sendall(self._reply)

    def join(self) -> None:
        self._thread.join(10)


@pytest.fixture(params=["unix", "tcp"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    family = socket.AF_UNIX if request.param == "unix" else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind(str(tmp_path / "web.sock") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        yield sock


def address(sock: socket.socket) -> str:
    name = sock.getsockname()
    return name if isinstance(name, str) else f"{name[0]}:{name[1]}"


def test_asks_with_the_right_host_as_a_proxy_would(listening: socket.socket) -> None:
    server = Server(listening, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup")
    answer = ask(address(listening), "/up", "shop.example.com")
    server.join()
    assert answer.status == 200
    lines = server.request.decode().split("\r\n")
    assert lines[0] == "GET /up HTTP/1.1"
    assert "Host: shop.example.com" in lines
    assert "X-Forwarded-Proto: https" in lines
    assert sum(line.startswith("Host:") for line in lines) == 1


def test_says_nothing_of_a_proxy_where_there_is_none(listening: socket.socket) -> None:
    server = Server(listening, b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
    answer = ask(address(listening), "/", "localhost", proxied=False)
    server.join()
    assert (answer.status, answer.location) == (301, "/x")
    assert b"X-Forwarded-Proto" not in server.request


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_what_is_no_answer_is_a_problem(listening: socket.socket, reply: bytes) -> None:
    Server(listening, reply)
    answer = ask(address(listening), "/", "localhost", timeout=5)
    assert answer.status in (0, 200)
    if not answer.status:
        assert answer.problem


def test_nobody_there_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    assert ask(str(tmp_path / "nobody.sock"), "/", "localhost").status == 0
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        where = address(sock)
    assert "refused" in ask(where, "/", "localhost").problem


def test_one_who_does_not_answer_is_given_up(listening: socket.socket) -> None:
    listening.listen()
    answer = ask(address(listening), "/", "localhost", timeout=0.1)
    assert answer.status == 0
    assert "timed out" in answer.problem


@pytest.mark.parametrize("status", [200, 204, 301, 302])
def test_good_answers_and_redirects_elsewhere_pass(status: int) -> None:
    assert response_problem(Response(status, location="/login/"), "/", "shop.example.com") == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(0, problem="refused"), "got no response: refused"),
        (Response(301, "https://shop.example.com/up"), "SECURE_PROXY_SSL_HEADER"),
        (Response(302, "/up"), "redirects to itself"),
        (Response(400), "is 'shop.example.com' in ALLOWED_HOSTS?"),
        (Response(404), "GET /up answered 404"),
        (Response(500), "GET /up answered 500"),
    ],
)
def test_bad_answers_say_what_is_wrong(answer: Response, words: str) -> None:
    assert words in response_problem(answer, "/up", "shop.example.com")


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ([], "localhost"),
        (["*"], "localhost"),
        (["", "a.example.com", "b"], "a.example.com"),
        (["*", ".example.com"], "www.example.com"),
    ],
)
def test_finds_a_host_that_is_allowed(allowed: list[str], host: str) -> None:
    assert usable_host(allowed) == host
