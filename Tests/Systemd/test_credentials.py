"""Secrets that systemd hands over, each way that it has."""

import re

import jwt
import pytest

from System.people import Person

from .machine import REPOSITORY
from .usher import SETTINGS

SECRETS = {
    "jwt-secret": "an access secret that systemd hands over, 0123456789",
    "refresh-secret": "a refresh secret that systemd hands over, 9876543210",
    "data-key": "a data key that systemd hands over, 0246813579",
}
# Of every one: HS256 and AES-256 need as many.
LEAST_BYTES = 32


def load(machine, name, secret):
    machine.write(f"/etc/usher/{name}", secret, mode="0600")
    return f"LoadCredential={name}:/etc/usher/{name}"


def load_encrypted(machine, name, secret):
    machine.run("mkdir", "-p", "/etc/credstore.encrypted")
    file = f"/etc/credstore.encrypted/{name}"
    machine.run("systemd-creds", "encrypt", f"--name={name}", "-", file, input=secret)
    assert secret not in machine.run("cat", file).stdout
    return f"LoadCredentialEncrypted={name}:{file}"


def set_in_unit(machine, name, secret):
    return f"SetCredential={name}:{secret}"


WAYS = [load, load_encrypted, set_in_unit]


@pytest.fixture
def give(machine):
    """Gives the service these credentials, until the test is over."""

    def give(way, **secrets):
        lines = [way(machine, name.replace("_", "-"), secret) for name, secret in secrets.items()]
        machine.drop_in("usher.service", "\n".join(["[Service]", *lines, ""]))

    yield give
    machine.revert("usher.service")


def signed_with(secret, token):
    jwt.decode(token, secret, algorithms=["HS256"], options={"verify_aud": False})


@pytest.mark.parametrize("way", WAYS)
def test_all_secrets_come_as_credentials(machine, give, way):
    give(way, **{name.replace("-", "_"): secret for name, secret in SECRETS.items()})
    machine.restart()
    with machine.connect() as connection:
        person = Person(connection)
        signed_with(SECRETS["jwt-secret"], person.access)
        signed_with(SECRETS["refresh-secret"], person.refresh)
        person.rotate(connection)
        claims = jwt.decode(person.access, options={"verify_signature": False})
        made_elsewhere = jwt.encode({**claims, "role": "editor"}, SECRETS["jwt-secret"], headers={"typ": "at+jwt"})
        assert connection.call("VERIFY", token=made_elsewhere)["claims"]["role"] == "editor"
        forged = jwt.encode({**claims, "role": "editor"}, SECRETS["refresh-secret"], headers={"typ": "at+jwt"})
        assert connection.call("VERIFY", token=forged)["error"] == "token_invalid"
    # Given so, they are not in the environment, and none are made in the state folder.
    environment = machine.run("cat", f"/proc/{machine.main_pid()}/environ").stdout
    assert not any(secret in environment for secret in SECRETS.values())
    assert "secret" not in machine.run("ls", "/var/lib/usher").stdout
    assert "data-key" not in machine.run("ls", "/var/lib/usher").stdout


def test_an_instance_has_credentials_of_its_own(machine, give):
    """Its user exists only while it runs: systemd lets it in by an access control list."""
    machine.run("groupadd", "--system", "usher-shop")
    machine.copy(machine.path(SETTINGS), "/etc/usher/shop.toml")
    lines = [way(machine, name, secret) for way, (name, secret) in zip([load, load_encrypted], SECRETS.items())]
    machine.drop_in("usher@shop.service", "\n".join(["[Service]", *lines, ""]))
    machine.systemctl("start", "usher@shop.socket")
    with machine.connect("/run/usher/shop/usher.sock") as connection:
        person = Person(connection)
        signed_with(SECRETS["jwt-secret"], person.access)
        signed_with(SECRETS["refresh-secret"], person.refresh)
    machine.systemctl("stop", "usher@shop.socket")


def test_a_secret_of_the_environment_beside_a_credential(machine, give):
    give(load, jwt_secret=SECRETS["jwt-secret"])
    other = "another secret, in the environment, 0123456789"
    machine.drop_in("usher.service", f'[Service]\nEnvironment="JWT_SECRET={other}"\n', name="environment")
    since = machine.now()
    machine.restart()
    with machine.connect() as connection:
        signed_with(SECRETS["jwt-secret"], Person(connection).access)
    said = machine.logged("--unit=usher.service", "--priority=warning", "--identifier=usherd", since=since)["MESSAGE"]
    assert "JWT_SECRET is ignored" in said
    assert other not in machine.run("cat", f"/proc/{machine.main_pid()}/environ").stdout


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_too_short_is_refused_by_name(machine, give, way, name):
    secret = "x" * (LEAST_BYTES - 1)
    give(way, **{name.replace("-", "_"): secret})
    since = machine.now()
    assert machine.systemctl("restart", "usher.service", check=False).returncode != 0
    complaint = f"The credential {name} has {len(secret)} bytes; {'AES-256' if name == 'data-key' else 'HS256'} needs at least {LEAST_BYTES}."
    machine.eventually(lambda: complaint in machine.systemctl("status", "usher.service", check=False).stdout, complaint)
    said = machine.logged("--unit=usher.service", "--priority=err", "--identifier=usherd", since=since)["MESSAGE"]
    assert complaint in said and secret not in said


def test_it_starts_again_once_they_are_mended(machine):
    machine.systemctl("restart", "usher.service")
    assert machine.ask("PING")["ok"]


def test_what_the_readme_says_encrypts_them(machine):
    blocks = re.findall(r"^```\w*\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    (block,) = [block for block in blocks if "systemd-creds" in block]
    machine.run("sh", "-e", "-c", block.replace("sudo ", ""))
    with machine.connect() as connection:
        person = Person(connection)
    for name, token in {"jwt-secret": person.access, "refresh-secret": person.refresh}.items():
        secret = machine.run("systemd-creds", "decrypt", f"--name={name}", f"/etc/credstore.encrypted/usher.{name}", "-").stdout
        # A line, so that other programs' settings can have it too; long enough for every algorithm.
        assert secret.count("\n") == 1 and len(secret.strip()) == 64
        signed_with(secret.strip(), token)
    assert machine.run("systemd-creds", "decrypt", "--name=data-key", "/etc/credstore.encrypted/usher.data-key", "-").stdout.count("\n") == 1
