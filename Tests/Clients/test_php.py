"""What is PHP's alone."""

import json
import shutil
import subprocess

import pytest
from conftest import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("php"), reason="there is no php")
FILES = sorted([*(ROOT / "clients/php").rglob("*.php"), *(ROOT / "demo").rglob("*.php")])
EXPIRED = {"send": '{"id":<id>,"ok":false,"error":"token_expired","message":"…","status":401}\n'}
GRANTED = '{"id":<id>,"ok":true,"access_token":"new","refresh_token":"next","expires_in":900,"refresh_expires_in":604800}\n'


def run(code, faulty, program="php"):
    """What a script prints, as JSON, with `$client` ready; what PHP complains of is none."""
    script = faulty.path + ".php"
    with open(script, "w") as file:
        file.write(f"<?php\nrequire '{ROOT}/clients/php/src/autoload.php';\nuse Usher\\{{Client, Denied, Misuse, RetryLater, Visitor}};\n"
                   f"$client = new Client('{faulty.path}', 5.0);\n{code}")
    done = subprocess.run(
        [program, "-d", "display_errors=stderr", "-d", "error_reporting=-1", *(["-q"] if program == "php-cgi" else []), script],
        capture_output=True, text=True, timeout=60)
    assert not done.stderr and "Warning" not in done.stdout, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_syntax(file):
    done = subprocess.run(["php", "-d", "error_reporting=-1", "-l", str(file)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("No syntax errors") and not done.stderr, done.stdout + done.stderr


def test_every_class_loads_and_is_typed(faulty):
    """All parameters and results of what an app calls have types."""
    found = run("""
        $missing = $names = [];
        foreach (glob('%s/clients/php/src/[A-Z]*.php') as $file) {
            $names[] = $name = str_replace('Client', basename($file, '.php'), Client::class);
            if (str_ends_with($name, 'Psr15')) {
                continue;
            }
            foreach ((new ReflectionClass($name))->getMethods() as $method) {
                if (!str_starts_with($method->class, 'Usher') || $method->isConstructor()) {
                    continue;
                }
                $typed = $method->hasReturnType() && array_filter($method->getParameters(), fn ($parameter) => !$parameter->hasType()) === [];
                $missing = [...$missing, ...($typed ? [] : ["$method->class::$method->name"])];
            }
        }
        echo json_encode([count($names), $missing]);""" % ROOT, faulty)
    assert found[0] >= 9 and found[1] == []


def test_a_handler_of_a_signal_that_asks_meanwhile_has_a_connection_of_its_own(faulty):
    faulty.play([["read", "answer", "read", {"wait": 2}, "answer"]])
    found = run("""
        $client->ping();
        $bob = null;
        pcntl_async_signals(true);
        pcntl_signal(SIGALRM, function () use ($client, &$bob) { $bob = $client->verify('token-of-bob')['sub']; });
        pcntl_alarm(1);
        $ada = $client->verify('token-of-ada')['sub'];
        echo json_encode([$ada, $bob, $client->ping()['protocol']]);""", faulty)
    assert found == ["token-of-ada", "token-of-bob", 1]


def test_a_handler_of_a_signal_that_closes_the_client_leaves_a_request_its_reply(faulty):
    faulty.play([["read", {"wait": 2}, "answer"]])
    found = run("""
        pcntl_async_signals(true);
        pcntl_signal(SIGALRM, fn () => $client->close());
        pcntl_alarm(1);
        echo json_encode([$client->verify('token-of-ada')['sub'], $client->verify('token-of-bob')['sub']]);""", faulty)
    assert found == ["token-of-ada", "token-of-bob"] and faulty.seen()["connections"] == 2


@pytest.mark.parametrize("argument", ["NAN", "\"\\xff\"", "fopen('php://memory', 'r')", "[\"\\xff\" => 1]"])
def test_what_is_no_json_is_misuse_and_is_not_sent(argument, faulty):
    found = run(f"""
        $client->ping();
        try {{
            $client->call('PROFILE', ['token' => 'secret', 'claims' => {argument}]);
        }} catch (Misuse $misuse) {{
            $client->ping();
            echo json_encode([$misuse->getCode(), $misuse->status, str_contains(print_r($misuse, true), 'secret')]);
        }}""", faulty)
    assert found == ["bad_request", 400, False]
    assert faulty.seen()["ops"] == ["PING", "PING"] and faulty.seen()["connections"] == 1


def test_a_refresh_whose_reply_was_lost_is_asked_for_again_at_once(faulty):
    faulty.play([["read", "close"], ["read", {"send": GRANTED}]])
    found = run("""
        $visitor = new Visitor($client, ['usher_refresh' => 'old']);
        $visitor->require();
        echo json_encode([$visitor->accessToken(), count($visitor->headers()['Set-Cookie'])]);""", faulty)
    assert found == ["new", 2] and faulty.seen()["ops"] == ["REFRESH", "REFRESH", "VERIFY"]


def test_a_new_token_that_is_over_as_well_is_refreshed_once_more(faulty):
    granted = {"send": GRANTED}
    faulty.play([["read", EXPIRED, "read", granted, "read", EXPIRED, "read", granted, "read", "answer"]])
    found = run("""
        $visitor = new Visitor($client, ['usher_access' => 'old', 'usher_refresh' => 'old']);
        echo json_encode($visitor->require()['sub']);""", faulty)
    assert found == "new" and faulty.seen()["ops"] == ["VERIFY", "REFRESH", "VERIFY", "REFRESH", "VERIFY"]


def test_a_grant_without_tokens_changes_no_cookies(faulty):
    found = run("""
        $visitor = new Visitor($client, []);
        $answered = $visitor->remember(['user' => ['username' => 'ada'], 'confirmation_token' => '…']);
        echo json_encode([$answered['user']['username'], $visitor->headers(), $visitor->accessToken()]);""", faulty)
    assert found == ["ada", [], None]


def test_the_second_step_of_a_login(faulty):
    faulty.play([["read", {"send": GRANTED}]])
    found = run("""
        $visitor = new Visitor($client, []);
        $visitor->finishLogin('challenge', '123456');
        echo json_encode([$visitor->accessToken(), count($visitor->headers()['Set-Cookie'])]);""", faulty)
    assert found == ["new", 2] and faulty.seen()["ops"] == ["LOGIN"]


@pytest.mark.parametrize("header, token", [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Bearer", None), ("Basic abc", None), ("abc", None)])
def test_the_access_token_of_a_header(header, token, faulty):
    assert run(f"""
        $visitor = new Visitor($client, [], '{header}');
        echo json_encode([$visitor->accessToken(), str_contains(print_r($visitor, true), 'abc')]);""", faulty) == [token, False]


@pytest.mark.skipif(not shutil.which("php-cgi"), reason="there is no php-cgi")
def test_nothing_is_refreshed_once_a_script_has_sent_its_headers(faulty):
    faulty.play([["read", EXPIRED]])
    found = run("""
        $_COOKIE = ['usher_access' => 'old', 'usher_refresh' => 'good'];
        $visitor = Visitor::fromGlobals($client, secure: false);
        echo ' ';
        ob_get_level() && ob_end_flush();
        flush();
        try {
            $visitor->require();
        } catch (Denied $denied) {
            echo json_encode($denied->getCode());
        }""", faulty, "php-cgi")
    assert found == "token_expired" and faulty.seen()["ops"] == ["VERIFY"]
