"""Other people's libraries with our tokens, ours with theirs, and plain clients in other languages."""

import json
import os
import shutil
import subprocess
import time
import uuid

import pytest

from .connection import assert_failure, assert_ok, parse_reply
from .daemon import JWT_SECRET
from .people import PAIR, Person, fresh_name, registration
from .tokens import claims

ALGORITHMS = ["HS256", "HS384", "HS512"]


@pytest.fixture(scope="module", params=ALGORITHMS)
def alg(request):
    return request.param


@pytest.fixture(scope="module")
def daemon(make_shared, alg):
    return make_shared({"token": {"algorithm": alg}}).start()


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"there is no {program} here")


def run(command, *, stdin=None, **environment):
    """Runs a program; what it prints."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_accepted(connection, token, made):
    assert assert_ok(connection.call("VERIFY", token=token), "claims")["claims"] == made


def shortened(token):
    """The same token with another signature."""
    head, body, signature = token.split(".")
    return f"{head}.{body}.{signature[:-4]}AAAA"


# Libraries


def test_pyjwt(connection, person, alg):
    jwt = pytest.importorskip("jwt", reason="there is no python3-jwt here")
    read = jwt.decode(person.access, JWT_SECRET, algorithms=[alg], audience="usher", issuer="usher",
                      options={"require": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]})
    assert read == connection.call("VERIFY", token=person.access)["claims"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(person.access, JWT_SECRET + "x", algorithms=[alg], audience="usher")
    made = claims(role="editor")
    assert_accepted(connection, jwt.encode(made, JWT_SECRET, alg, headers={"typ": "at+jwt"}), made)
    assert_failure(connection.call("VERIFY", token=jwt.encode(made, JWT_SECRET, alg)), "token_invalid")
    assert_failure(connection.call("VERIFY", token=jwt.encode(made, JWT_SECRET + "x", alg, headers={"typ": "at+jwt"})), "token_invalid")
    late = jwt.encode({**made, "exp": int(time.time()) - 3_600}, JWT_SECRET, alg, headers={"typ": "at+jwt"})
    assert_failure(connection.call("VERIFY", token=late), "token_expired")


def test_joserfc(connection, person, alg):
    joserfc = pytest.importorskip("joserfc", reason="there is no joserfc here")
    from joserfc import jwk, jwt

    assert joserfc
    key = jwk.OctKey.import_key(JWT_SECRET)
    assert jwt.decode(person.access, key, algorithms=[alg]).claims == connection.call("VERIFY", token=person.access)["claims"]
    made = claims()
    assert_accepted(connection, jwt.encode({"alg": alg, "typ": "at+jwt"}, made, key, algorithms=[alg]), made)


RUBY_JWT = r"""
require 'json'
require 'jwt'
secret, alg = ENV.fetch('SECRET'), ENV.fetch('ALG')
options = { algorithm: alg, iss: 'usher', verify_iss: true, aud: 'usher', verify_aud: true, verify_iat: true, verify_jti: true }
read, header = JWT.decode(ENV.fetch('TOKEN'), secret, true, options)
begin
  JWT.decode(ENV.fetch('FORGED'), secret, true, options)
  abort 'it took a forged one'
rescue JWT::VerificationError
end
puts JSON.generate(read: read, header: header, made: JWT.encode(JSON.parse(ENV.fetch('CLAIMS')), secret, alg, { typ: 'at+jwt' }))
"""


def test_ruby_jwt(connection, person, alg):
    needs("ruby")
    if subprocess.run(["ruby", "-rjwt", "-e", ""], capture_output=True).returncode != 0:
        pytest.skip("there is no ruby-jwt here")
    made = claims(department="R&D")
    told = json.loads(run(["ruby", "-e", RUBY_JWT], SECRET=JWT_SECRET, ALG=alg, TOKEN=person.access, FORGED=shortened(person.access), CLAIMS=json.dumps(made)))
    assert told["read"] == connection.call("VERIFY", token=person.access)["claims"]
    assert told["header"]["typ"] == "at+jwt"
    assert_accepted(connection, told["made"], made)


NODE = r"""
const { createHmac, timingSafeEqual, createSecretKey } = require('crypto')
const { SECRET, ALG, TOKEN, FORGED, CLAIMS } = process.env
const key = createSecretKey(Buffer.from(SECRET))
const sign = (text) => createHmac('sha' + ALG.slice(2), key).update(text).digest()
const valid = (token) => {
  const [head, body, signature] = token.split('.')
  return timingSafeEqual(sign(head + '.' + body), Buffer.from(signature, 'base64url'))
}
if (!valid(TOKEN) || valid(FORGED)) process.exit(1)
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const text = encode({ alg: ALG, typ: 'at+jwt' }) + '.' + encode(JSON.parse(CLAIMS))
console.log(JSON.stringify({ read: JSON.parse(Buffer.from(TOKEN.split('.')[1], 'base64url')), made: text + '.' + sign(text).toString('base64url') }))
"""

PHP = r"""
$secret = getenv('SECRET'); $alg = getenv('ALG'); $hash = 'sha' . substr($alg, 2);
$encode = fn($bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
$decode = fn($text) => base64_decode(strtr($text, '-_', '+/'), true);
$valid = function ($token) use ($secret, $hash, $decode) {
    [$head, $body, $signature] = explode('.', $token);
    return hash_equals(hash_hmac($hash, "$head.$body", $secret, true), $decode($signature));
};
if (!$valid(getenv('TOKEN')) || $valid(getenv('FORGED'))) exit(1);
$text = $encode(json_encode(['alg' => $alg, 'typ' => 'at+jwt'])) . '.' . $encode(getenv('CLAIMS'));
echo json_encode(['read' => json_decode($decode(explode('.', getenv('TOKEN'))[1])), 'made' => $text . '.' . $encode(hash_hmac($hash, $text, $secret, true))]);
"""


@pytest.mark.parametrize("program, option, code", [("node", "-e", NODE), ("php", "-r", PHP)], ids=["node", "php"])
def test_standard_libraries(connection, person, alg, program, option, code):
    needs(program)
    made = claims(note="ü/\"\\")
    told = json.loads(run([program, option, code], SECRET=JWT_SECRET, ALG=alg, TOKEN=person.access, FORGED=shortened(person.access), CLAIMS=json.dumps(made)))
    assert told["read"] == connection.call("VERIFY", token=person.access)["claims"]
    assert_accepted(connection, told["made"], made)


# Clients: REGISTER, LOGIN and VERIFY, as short as their languages have them


PYTHON_CLIENT = r"""
import json, os, socket
usher = socket.socket(socket.AF_UNIX)
usher.connect(os.environ["SOCKET"])
lines = usher.makefile("rw", encoding="utf-8", newline="\n")
def ask(**request):
    lines.write(json.dumps(request) + "\n")
    lines.flush()
    return json.loads(lines.readline())
name = {"username": os.environ["NAME"], "password": os.environ["PASSWORD"]}
registered = ask(op="REGISTER", email=os.environ["NAME"] + "@example.org", **name)
login = ask(op="LOGIN", **name)
print(json.dumps([registered, login, ask(op="VERIFY", token=login["access_token"])]))
"""

RUBY_CLIENT = r"""
require 'json'
require 'socket'
usher = UNIXSocket.new(ENV.fetch('SOCKET'))
ask = ->(request) { usher.puts(JSON.generate(request)); JSON.parse(usher.gets) }
name = { username: ENV.fetch('NAME'), password: ENV.fetch('PASSWORD') }
registered = ask.(op: 'REGISTER', email: "#{ENV.fetch('NAME')}@example.org", **name)
login = ask.(op: 'LOGIN', **name)
puts JSON.generate([registered, login, ask.(op: 'VERIFY', token: login['access_token'])])
"""

PHP_CLIENT = r"""
$usher = stream_socket_client('unix://' . getenv('SOCKET'), $number, $error, 5) or exit(1);
$ask = function (array $request) use ($usher) {
    fwrite($usher, json_encode($request) . "\n");
    return json_decode(fgets($usher));
};
$name = ['username' => getenv('NAME'), 'password' => getenv('PASSWORD')];
$registered = $ask(['op' => 'REGISTER', 'email' => getenv('NAME') . '@example.org'] + $name);
$login = $ask(['op' => 'LOGIN'] + $name);
echo json_encode([$registered, $login, $ask(['op' => 'VERIFY', 'token' => $login->access_token])]);
"""

NODE_CLIENT = r"""
const lines = require('readline').createInterface({ input: require('net').connect(process.env.SOCKET).on('connect', start) })
const usher = lines.input
const replies = []
const name = { username: process.env.NAME, password: process.env.PASSWORD }
const send = (request) => usher.write(JSON.stringify(request) + '\n')
function start() { send({ op: 'REGISTER', email: process.env.NAME + '@example.org', ...name }) }
lines.on('line', (line) => {
  replies.push(JSON.parse(line))
  if (replies.length === 1) send({ op: 'LOGIN', ...name })
  else if (replies.length === 2) send({ op: 'VERIFY', token: replies[1].access_token })
  else { console.log(JSON.stringify(replies)); usher.end() }
})
"""


@pytest.mark.parametrize(
    "program, option, code",
    [("/usr/bin/python3", "-c", PYTHON_CLIENT), ("ruby", "-e", RUBY_CLIENT), ("php", "-r", PHP_CLIENT), ("node", "-e", NODE_CLIENT)],
    ids=["python", "ruby", "php", "node"],
)
def test_a_plain_client(daemon, program, option, code):
    needs(program)
    name = fresh_name()
    told = json.loads(run([program, option, code], SOCKET=str(daemon.socket), NAME=name, PASSWORD="pässwörd \"\\/ 😀 of mine"))
    registered, login, verified = told
    assert_ok(registered, *PAIR)
    assert_ok(login, *PAIR)
    assert_ok(verified, "claims")
    assert registered["user"]["id"] == login["user"]["id"] == verified["claims"]["sub"]
    assert verified["claims"]["username"] == name


# socat


def socat(daemon, text, *options):
    needs("socat")
    return [parse_reply(line.encode()) for line in run(["socat", *options, "-", f"UNIX-CONNECT:{daemon.socket}"], stdin=text).splitlines()]


def test_socat_with_half_close(daemon):
    request = registration()
    login = json.dumps({"op": "LOGIN", "username": request["username"], "password": request["password"]})
    replies = socat(daemon, f"PING\nHELP verify\n{json.dumps(request)}\n{login}\n{login}", "-t", "30")
    assert [reply["ok"] for reply in replies] == [True] * 5
    assert replies[0]["protocol"] == 1 and replies[1]["ops"][0]["name"] == "VERIFY"
    assert replies[4]["user"]["username"] == request["username"]


def test_socat_with_half_close_and_slow_replies(make):
    daemon = make({"password": {"cost": 12, "workers": 1}}).start()
    request = registration()
    login = json.dumps({"op": "LOGIN", "username": request["username"], "password": request["password"]})
    replies = socat(daemon, f"{json.dumps(request)}\n{login}\n{login}\nPING\n", "-t", "60")
    assert [reply["ok"] for reply in replies] == [True] * 4
    assert replies[3]["protocol"] == 1


def test_socat_as_people_use_it(daemon):
    (reply,) = socat(daemon, "ping\n")
    assert reply["protocol"] == 1


def test_sid_and_jti_are_unlike_each_other(connection, person):
    # Some libraries insist on a jti that is not used twice.
    seen = set()
    for _ in range(10):
        person.rotate(connection)
        body = connection.call("VERIFY", token=person.access)["claims"]
        assert body["jti"] not in seen
        seen.add(body["jti"])
        uuid.UUID(body["sub"])
