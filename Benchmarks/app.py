"""What a Python app spends on one access token: asking Usher, and letting PyJWT make the same checks in its own process.

usage: app.py SOCKET FILE SECONDS ours|theirs     which of the two goes first

FILE is as for load, of VERIFY requests; the secret is in JWT_SECRET. Prints microseconds by the clock, and PyJWT's version. Ends with status 2 when an answer
is not what it should be, with 3 when there is no PyJWT.
"""

import json
import os
import random
import socket
import sys
import time

try:
    import jwt
except ImportError:
    sys.exit(3)

JWT = jwt.PyJWT()
SOME = 500
SECRET = os.environ["JWT_SECRET"]
CHECKS = {
    "algorithms": ["HS256"], "issuer": "usher", "audience": "usher", "leeway": 30,
    "options": {"require": ["iss", "aud", "sub", "jti", "sid", "iat", "exp"]},
}


def asking_usher(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    replies = connection.makefile("rb")

    def verify(token):
        connection.sendall(json.dumps({"op": "VERIFY", "token": token}).encode() + b"\n")
        reply = json.loads(replies.readline())
        return reply.get("error"), reply.get("claims")

    return verify


def by_pyjwt(token):
    try:
        whole = JWT.decode_complete(token, SECRET, **CHECKS)
    except jwt.ExpiredSignatureError:
        return "token_expired", None
    except jwt.InvalidTokenError:
        return "token_invalid", None
    return ("token_invalid", None) if whole["header"].get("typ") != "at+jwt" else (None, whole["payload"])


def microseconds(verify, cases, seconds):
    spent, done = 0, 0
    while spent < seconds:
        some = random.sample(cases, SOME)
        asked = [token for token, _, _ in some]
        began = time.monotonic()
        answers = [verify(token) for token in asked]
        spent, done = spent + time.monotonic() - began, done + SOME
        for answer, (_, *expected) in zip(answers, some):
            if list(answer) != expected:
                print(f"{answer} instead of {expected}", file=sys.stderr)
                sys.exit(2)
    return spent / done * 1e6


def main():
    path, file, seconds, first = sys.argv[1:]
    cases = []
    for line in open(file):
        expected, request = line.split("\t")
        reply = json.loads(expected + "}")
        cases.append((json.loads(request)["token"], reply.get("error"), reply.get("claims")))
    ways = [("usher_us", asking_usher(path)), ("own_us", by_pyjwt)]
    if first == "theirs":
        ways.reverse()
    for _, verify in ways:
        microseconds(verify, cases, 0.1)
    times = {name: microseconds(verify, cases, float(seconds)) for name, verify in ways}
    print(json.dumps({"library": f"PyJWT {jwt.__version__}", **times}))


main()
