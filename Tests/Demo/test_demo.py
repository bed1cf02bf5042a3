"""The demo in a real browser. Screenshots of what is seen stay in .build/demo."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import Browser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from Tests.System.totp import Authenticator  # noqa: E402

SECONDS = 4
APPS = ["php", "python", "ruby"]


def free_ports():
    """The first of three in a row."""
    for port in range(18_100, 19_000, 3):
        probes = [socket.socket() for _ in APPS]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no free ports")


def command(port):
    return [ROOT / "demo/run", "--port", str(port), "--seconds", str(SECONDS)]


@contextmanager
def running():
    """A demo's process, and what it says when it is ready."""
    with subprocess.Popen(command(free_ports()), stdout=subprocess.PIPE, text=True) as process:
        said = ""
        try:
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            else:
                raise AssertionError(f"the demo ended: {said}")
            yield process, said
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


def parts(process):
    """The processes that a demo has started: the first is usherd. Each leads a session of its own."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def demo():
    """The addresses of the apps, the administrator's password, and the process."""
    with running() as (process, said):
        yield dict(re.findall(r"^ +(php|python|ruby) +(\S+)$", said, re.M)), re.search(r"admin, (\S+)", said)[1], process


@pytest.fixture(scope="module")
def browsers(demo):
    browsers = [Browser(demo[0]), Browser(demo[0])]
    yield browsers
    for browser in browsers:
        browser.driver.quit()


@pytest.fixture
def both(browsers, request):
    """Two browsers of strangers."""
    for browser, suffix in zip(browsers, ("", "-other")):
        browser.name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-") + suffix
        browser.go("php")
        browser.driver.delete_all_cookies()
    return browsers


@pytest.fixture
def browser(both):
    return both[0]


@pytest.mark.parametrize("app", APPS)
def test_register_in_one_and_be_logged_in_to_all(browser, app):
    name = f"ann-{app}"
    browser.go(app)
    browser.shoot("stranger")
    browser.go(app, "/register")
    browser.send(username=name, email=f"{name}@example.org", password="password")
    assert browser.text("[role=alert]")
    browser.shoot("weak-password")
    browser.send(password="correct horse")
    for each in APPS:
        browser.go(each)
        assert browser.text("h1") == f"Hello, {name}"
    browser.shoot("logged-in")
    # Out of reach of scripts.
    assert browser.driver.execute_script("return document.cookie") == ""
    cookies = browser.driver.get_cookies()
    assert {cookie["name"] for cookie in cookies} == {"usher_access", "usher_refresh"}
    assert all(cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax" for cookie in cookies)


@pytest.mark.parametrize("app", APPS)
def test_wrong_password_and_throttling(browser, demo, app):
    for _ in range(5):
        browser.go(app, "/login")
        browser.send(login=f"nobody-{app}", password="wrong horse")
        assert browser.text("[role=alert]") == "The name or the password is wrong."
    browser.shoot("wrong-password")
    browser.send(password="wrong horse")
    assert re.fullmatch(r"There were too many attempts\. Try again in \d+ minute\(s\)\.", browser.text("[role=alert]"))
    browser.shoot("throttled")


@pytest.mark.parametrize("app", APPS)
def test_an_expired_token_is_refreshed_unnoticed(browser, demo, app):
    browser.go(app, "/login")
    browser.send(login="admin", password=demo[1])
    issued = browser.text("#issued")
    browser.shoot("before")
    time.sleep(SECONDS + 1)
    browser.go(app)
    assert browser.text("h1") == "Hello, admin" and browser.text("#issued") != issued
    browser.shoot("after")


@pytest.mark.parametrize("app", APPS)
def test_ten_requests_at_once_with_an_expired_token(browser, demo, app):
    browser.go(app, "/login")
    browser.send(login="admin", password=demo[1])
    browser.driver.delete_cookie("usher_access")
    statuses = browser.driver.execute_async_script(
        "const done = arguments[0]; Promise.all(Array.from({length: 10}, () => fetch('/admin').then(r => r.redirected ? 0 : r.status))).then(done)")
    assert statuses == [200] * 10
    for each in APPS:
        browser.go(each)
        assert browser.text("h1") == "Hello, admin"


@pytest.mark.parametrize("app", APPS)
def test_the_admin_page(browser, demo, app):
    browser.go(app, "/admin")
    assert browser.driver.current_url.endswith("/login")
    browser.send(login="admin", password=demo[1])
    for each in APPS:
        browser.go(each, "/admin")
        assert browser.text("#role") == "admin"
    browser.shoot("admin")
    browser.go(app)
    browser.click("main form button")
    browser.go(app, "/register")
    browser.send(username=f"bob-{app}", email=f"bob-{app}@example.org", password="correct horse")
    browser.go(app, "/admin")
    assert browser.text("h1") == "Not for you"
    browser.shoot("refused")


@pytest.mark.parametrize("app", APPS)
def test_log_out_everywhere(both, demo, app):
    for browser in both:
        browser.go(app, "/login")
        browser.send(login="admin", password=demo[1])
        assert browser.text("h1") == "Hello, admin"
    both[0].click("#everywhere")
    both[0].shoot("here")
    for each in APPS:
        for browser in both:
            browser.go(each)
            assert browser.text("h1") == "Hello, stranger"
    both[1].shoot("elsewhere")


@pytest.mark.parametrize("app", APPS)
def test_another_sites_form_is_refused(browser, demo, app):
    browser.go(app, "/login")
    browser.send(login="admin", password=demo[1])
    # The other apps are the same site, and get the cookies: but they are other origins.
    elsewhere = APPS[APPS.index(app) - 1]
    browser.go(elsewhere)
    browser.driver.execute_script("document.querySelector('main form').action = arguments[0]", demo[0][app] + "/logout")
    browser.click("main form button")
    assert browser.text("h1") == "Not from here"
    browser.go(app)
    assert browser.text("h1") == "Hello, admin"


def test_a_second_factor(browser, demo):
    browser.go("php", "/register")
    browser.send(username="tess", email="tess@example.org", password="correct horse")
    browser.click("a[href$='/second-factor']")
    browser.shoot("off")
    browser.send(password="wrong horse")
    assert browser.text("[role=alert]") == "The password is wrong."
    browser.send(password="correct horse")
    browser.shoot("enrol")
    authenticator = Authenticator(browser.text("#secret"))
    browser.send(code=authenticator.wrong())
    assert browser.text("[role=alert]")
    browser.send(code=authenticator.next())
    codes = browser.text("#codes").split()
    assert len(codes) == 10
    browser.shoot("recovery-codes")
    for app in APPS:
        browser.go(app)
        browser.click("main form button")
        browser.go(app, "/login")
        browser.send(login="tess", password="correct horse")
        assert browser.text("h1") == "One more step"
        assert browser.driver.execute_script("return document.cookie") == ""
        browser.shoot(f"code-{app}")
        # Nobody is logged in by half.
        browser.go(app)
        assert browser.text("h1") == "Hello, stranger"
        browser.go(app, "/code")
        browser.send(code=codes[0] if app != APPS[0] else "no such code")
        assert browser.text("[role=alert]")
        browser.send(code=codes[APPS.index(app)])
        assert browser.text("h1") == "Hello, tess"
        assert {cookie["name"] for cookie in browser.driver.get_cookies()} == {"usher_access", "usher_refresh"}
    browser.go("ruby", "/second-factor")
    browser.shoot("on")
    browser.send(password="correct horse", code=authenticator.next())
    assert "It is off." in browser.text("main")


@pytest.mark.parametrize("app", APPS)
def test_back_after_logging_out(browser, demo, app):
    browser.go(app, "/login")
    browser.send(login="admin", password=demo[1])
    assert browser.text("h1") == "Hello, admin"
    browser.click("main form button")
    browser.driver.back()
    assert browser.text("h1") == "Hello, stranger"


def test_on_a_wide_screen(demo):
    browser = Browser(demo[0], width=1280)
    browser.name = "wide"
    try:
        for app in APPS:
            browser.go(app, "/register")
            # What is told stands below who tells it.
            left = "return document.querySelector(arguments[0]).getBoundingClientRect().left"
            assert browser.driver.execute_script(left, "header strong") == browser.driver.execute_script(left, "h1")
            browser.shoot(app)
    finally:
        browser.driver.quit()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["a closed terminal", "a stop"])
def test_nothing_is_left_running(number):
    with running() as (process, _):
        sessions = parts(process)
        assert len(sessions) == 4
        process.send_signal(number)
        process.wait(60)
    left = subprocess.run(["ps", "-o", "stat=,args=", "-s", ",".join(map(str, sessions))], capture_output=True, text=True)
    # (Whether init reaps what has ended is not ours.)
    assert [line for line in left.stdout.splitlines() if not line.startswith("Z")] == []


def test_a_port_in_use():
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + 1)):
        ended = subprocess.run(command(port), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and f"Port {port + 1} is in use." in ended.stderr


def test_without_the_daemon(browser, demo):
    """The last one: the daemon stays away."""
    browser.go("php", "/login")
    browser.send(login="admin", password=demo[1])
    refresh = browser.driver.get_cookie("usher_refresh")
    os.kill(parts(demo[2])[0], signal.SIGKILL)
    for app in APPS:
        browser.go(app)
        assert browser.text("h1") == "Not now"
        browser.go(app, "/login")
        browser.send(login="admin", password=demo[1])
        assert browser.text("h1") == "Not now"
    browser.shoot("away")
    # Nobody is logged out by that. (The cookie of the access token may have expired.)
    is_kept = browser.driver.get_cookie("usher_refresh") == refresh
    assert is_kept
