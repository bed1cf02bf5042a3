"""Whatever a client sends, it writes no entry of its own into the journal, nor a field into another's."""

import pytest

from System.people import Person

FORGERY = "x\nUSHER_RESULT=ok\nPRIORITY=0\nMESSAGE_ID=4f3f5073bf8f465691af68f98be7b788\nMESSAGE=all is well"
HOSTILE = [FORGERY, "a\r\x1b[2Jb", "\u202e\u2028\x00", 'ok" result=ok user="root']


@pytest.mark.parametrize("text", HOSTILE, ids=["fields", "terminal", "unicode", "words"])
def test_what_a_client_says_stays_in_its_field(machine, text):
    name = text[:64]
    with machine.connect() as connection:
        person = Person(connection)
        machine.logged("USHER_OP=REGISTER", f"USHER_USER={person.username}")
        since = machine.now()
        reply = connection.call("LOGIN", login=person.username, password="wrong horse", id=name, client={"ip": "192.0.2.9", "user_agent": text})
        assert reply["error"] == "invalid_credentials"
        assert connection.call("LOGIN", login=text, password=text)["error"] == "invalid_credentials"
        assert connection.call("REGISTER", username=text, email=text, password=text)["error"] == "invalid_field"
        assert connection.call(text)["error"] == "unknown_op"
        assert connection.call("LOGIN", login=person.username, password="wrong horse", id="last")["error"] == "invalid_credentials"
    machine.logged("USHER_REQUEST=last", since=since)
    entries = machine.journal("_SYSTEMD_UNIT=usher.service", since=since)
    # Three LOGINs and a REGISTER; what is no operation is an event at debug level only.
    assert [entry["USHER_OP"] for entry in entries] == ["LOGIN", "LOGIN", "REGISTER", "LOGIN"]
    for entry in entries:
        assert entry["PRIORITY"] == "5"
        assert entry["USHER_RESULT"] in ("invalid_credentials", "invalid_field")
        assert entry["MESSAGE"].isprintable() and entry["MESSAGE"].isascii()
        assert entry["MESSAGE_ID"] in ("7d8244758398457b86071d9d658e37c8", "8559b38eae62482b8bdffad0a28e0311")
    first = entries[0]
    assert (first["USHER_USER"], first["USHER_CLIENT_IP"]) == (person.username, "192.0.2.9")
    said = first["USHER_REQUEST"]
    assert (said if isinstance(said, str) else bytes(said).decode()) == name
    # Unknown names are nobody's: they are not in the journal at all.
    assert not any("USHER_USER" in entry for entry in entries[1:3])


def test_every_event_has_a_message_id(machine):
    machine.ask("PING")
    machine.restart()
    machine.ask("PING")
    entries = machine.journal("SYSLOG_IDENTIFIER=usherd", "_TRANSPORT=journal")
    assert {entry["MESSAGE"].split()[0].rstrip(";") for entry in entries} >= {"usherd", "stopping", "stopped", "LOGIN", "REGISTER"}
    for entry in entries:
        assert len(entry["MESSAGE_ID"]) == 32 and entry["PRIORITY"] in "234567" and entry["_SYSTEMD_UNIT"] == "usher.service"
