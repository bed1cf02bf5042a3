"""Apps of several processes: workers that Puma forks from one that has used the client already, and a Node cluster."""

import http.client
import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from conftest import ROOT
from sites import Browser, Server

WORKERS = 3


class Workers(Server):
    def __init__(self, language, daemon):
        super().__init__({
            "ruby": lambda socket: [
                "puma", "--quiet", "--workers", WORKERS, "--threads", "4:4", "--preload", "--environment", "production", "--bind", f"unix://{socket}",
                ROOT / "clients/ruby/test/workers.ru"],
            "node": lambda socket: ["node", ROOT / "clients/node/test/workers.mjs", daemon.socket, socket, WORKERS],
        }[language], daemon.socket)

    def seen(self, token):
        """The process ids of all workers, once as many as there are to be have answered."""
        pids, end = set(), time.monotonic() + 60
        with ThreadPoolExecutor(12) as pool:
            while len(pids) < WORKERS:
                assert time.monotonic() < end, self.output.read_text()
                pids |= set(filter(None, pool.map(lambda _: self.pid(token), range(24))))
        return pids

    def pid(self, token):
        try:
            return self.ask("GET", "/me", {"Authorization": f"Bearer {token}"}, b"", patience=5).json["worker"]
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)


@pytest.fixture(params=["ruby", "node"])
def workers(request, daemon):
    program = {"ruby": "puma", "node": "node"}[request.param]
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    workers = Workers(request.param, daemon)
    yield workers
    workers.close()


@pytest.fixture
def login(daemon, admin, request):
    """Makes an account of this name, and logs it in."""

    def login(name):
        name = f"{name}-{request.node.callspec.id}"
        admin("USER_ADD", username=name, email=f"{name}@example.org", password="correct horse")
        with daemon.connect() as connection:
            return connection.ask({"op": "LOGIN", "login": name, "password": "correct horse"})

    return login


def jti(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def test_ten_requests_at_once_go_on_with_one_session(workers, login, daemon):
    grant = login("ten")
    workers.seen(grant["access_token"])
    cookies = {"usher_refresh": grant["refresh_token"]}
    browsers = [Browser(workers) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda browser: browser.get("/me", cookies=cookies), browsers))
    assert {(answer.status, answer.json.get("username")) for answer in answers} == {(200, grant["user"]["username"])}
    assert len({jti(browser.cookies["usher_refresh"]) for browser in browsers}) == 1
    # Whichever of them the browser keeps is good for the next refresh.
    del browsers[-1].cookies["usher_access"]
    assert browsers[-1].get("/me").status == 200
    assert browsers[0].get("/me").status == 200


def test_everybody_stays_who_they_are_while_the_daemon_and_a_worker_crash(workers, login, daemon):
    grants = [login(f"n{number}") for number in range(8)]
    pids = workers.seen(grants[0]["access_token"])
    over = threading.Event()

    def visit(grant):
        told = set()
        while not over.is_set():
            try:
                answer = workers.ask("GET", "/me", {"Authorization": f"Bearer {grant['access_token']}"}, b"", patience=5)
            except (OSError, http.client.HTTPException):
                # The worker that had the request was killed, or was to have it.
                continue
            told.add(answer.json["username"] if answer.status == 200 else answer.status)
        return told

    with ThreadPoolExecutor(8) as pool:
        visits = [pool.submit(visit, grant) for grant in grants]
        try:
            time.sleep(0.3)
            daemon.crash_and_restart()
            time.sleep(0.3)
            os.kill(pids.pop(), signal.SIGKILL)
            time.sleep(0.5)
        finally:
            over.set()
    for grant, told in zip(grants, visits):
        assert told.result() - {503} == {grant["user"]["username"]}
    assert len(workers.seen(grants[0]["access_token"])) == WORKERS
