"""JSON, read strictly: RFC 8259, and what the contract adds to it."""

import json
import random

import pytest

from .connection import assert_failure, assert_ok


def unread(value, tail=b"}"):
    """A PING with a member that no operation reads, and where its value begins."""
    start = b'{"op":"PING","x":'
    return start + value + tail, len(start)


# What is wrong in a value, and the offset of the first byte in it that cannot stand there.
BAD_VALUES = [
    # Numbers
    (b"01", 1), (b"-01", 2), (b"00", 1), (b"+1", 0), (b".5", 0), (b"-.5", 1), (b"-", 1), (b"--1", 1), (b"1.", 2), (b"1.e5", 2), (b"1.5.5", 3),
    (b"1e", 2), (b"1e+", 3), (b"1E-", 3), (b"1e1.5", 3), (b"1e5e5", 3), (b"0x10", 1), (b"1_000", 1), (b"1a", 1), (b"0e", 2), (b"0.", 2), (b"1 2", 2),
    (b"NaN", 0), (b"Infinity", 0), (b"-Infinity", 1), (b"inf", 0), (b"1f", 1), ("１".encode(), 0),
    # Words
    (b"True", 0), (b"TRUE", 0), (b"trUe", 2), (b"tru", 3), (b"truee", 4), (b"true1", 4), (b"fals", 4), (b"falsy", 4), (b"nul", 3), (b"nulL", 3), (b"None", 0),
    (b"undefined", 0), (b"t", 1), (b"yes", 0),
    # Strings: escapes
    (rb'"\x41"', 2), (rb'"\a"', 2), (rb'"\0"', 2), (rb'"\v"', 2), (rb'"\'"', 2), (rb'"\U0041"', 2), (rb'"\ "', 2), (rb'"\u12g4"', 5), (rb'"\u"', 3),
    (rb'"\u1"', 4), (rb'"\u12"', 5), (rb'"\u123"', 6), (rb'"\u 123"', 3), (rb'"\u+123"', 3), (rb'"\u-123"', 3), (rb'"\u0x41"', 4), (rb'"ab\q"', 4),
    # Strings: surrogates without their other half
    (rb'"\ud800"', 1), (rb'"\udbff"', 1), (rb'"\udc00"', 1), (rb'"\udfff"', 1), (rb'"\uD800x"', 1), (rb'"\ud800\n"', 1), (rb'"\ud800\u0041"', 1),
    (rb'"\ud800\ud800"', 1), (rb'"\udc00\ud800"', 1), (rb'"ab\ud800"', 3), (rb'"\ud83d\ude00\ud83d"', 13), (rb'"\ud800\ud83d\ude00"', 1),
    (rb'"\ud83d \ude00"', 1), (rb'"\ude00\ud83d"', 1),
    # Strings: control characters, none of which may stand unescaped
    *[(b'"a%cb"' % code, 2) for code in range(0x20) if code != 0x0A],
    # Strings: other quotes
    (b"'a'", 0), (b"`a`", 0), ("“a”".encode(), 0), (b"a", 0), (b'"a"b', 3), (b'"a" "b"', 4),
    # UTF-8
    (b'"\x80"', 1), (b'"\xbf"', 1), (b'"\xc0\xaf"', 1), (b'"\xc1\xbf"', 1), (b'"\xf5\x80\x80\x80"', 1), (b'"\xfe"', 1), (b'"\xff"', 1), (b'"ab\xff"', 3),
    (b'"\xf8\x88\x80\x80\x80"', 1), (b"\xff", 0), (b"\xa0", 0), ("\u00a0".encode(), 0), ("\u2003".encode(), 0), ("\ufeff".encode(), 0),
    # Arrays
    (b"[1,]", 3), (b"[,1]", 1), (b"[,]", 1), (b"[1,,2]", 3), (b"[1 2]", 3), (b"[1:2]", 2), (b"[1}", 2), (b"[1;2]", 2), (b"]", 0), (b"[]]", 2), (b"[1]2", 3),
    (b'["a":1]', 4), (b"[1,2", 4), (b"[//]", 1), (b"[/**/]", 1),
    # Objects
    (b'{"a":1,}', 7), (b"{,}", 1), (b'{"a"}', 4), (b'{"a":}', 5), (b'{"a" 1}', 5), (b'{"a":1 "b":2}', 7), (b"{a:1}", 1), (b"{'a':1}", 1), (b"{1:1}", 1),
    (b"{null:1}", 1), (b'{"a"::1}', 5), (b'{"a":1,,"b":2}', 7), (b'{"a",1}', 4), (b'{"a":1;"b":2}', 6), (b'{"a":1]', 6), (b'{"a":1}}', 8),
    (b'{["a"]:1}', 1), (b'{"a":1,"b"}', 10), (b'{"a"=1}', 4), (b"{#}", 1),
    # The same name twice: where its second opening quote is
    (b'{"a":1,"a":1}', 7), (b'{"a":1,"b":2,"a":3}', 13), (b'{"":1,"":2}', 6), (rb'{"a":1,"\u0061":1}', 7), (rb'{"\u0061":1,"a":1}', 12),
    (rb'{"\u0061":1,"\u0061":1}', 12), (rb'{"/":1,"\/":1}', 7), (rb'{"\n":1,"\u000A":1}', 8), ('{"é":1,"\\u00e9":1}'.encode(), 8),
    (rb'{"\ud83d\ude00":1,"' + "😀".encode() + rb'":1}', 18), (b'[{"a":1,"a":1}]', 8), (b'{"b":{"a":1,"a":1}}', 12), (b'{"a":{"a":1},"a":1}', 13),
    (b'[{"a":1},{"a":1,"b":2,"b":3}]', 22), (b'{"a":null,"a":null}', 10),
    # Nothing at all
    (b"", 0), (b" ", 1), (b",", 0), (b":", 0), (b"/", 0), (b"// x", 0), (b"/* */1", 0), (b"\\", 0), (b"\x00", 0), (b"\x0b1", 0), (b"\x0c1", 0),
]


def _check(connection, line, offset):
    reply = assert_failure(connection.ask(line), "bad_request", offset=offset)
    assert "id" not in reply
    assert str(offset) in reply["message"]
    assert assert_ok(connection.ask("PING"))["protocol"] == 1


# A value whose fault is its own early end is at fault where the object's closing brace stands.
@pytest.mark.parametrize("value, offset", BAD_VALUES, ids=lambda case: repr(case)[:40])
def test_bad_value_of_an_unread_member(connection, value, offset):
    line, start = unread(value)
    _check(connection, line, start + offset)


BAD_LINES = [
    # No object
    (b"[]", 0), (b'"PING"', 0), (b"1", 0), (b"null", 0), (b"true", 0), (b'["op","PING"]', 0), (b"  []", 2), (b"x", 0), (b"}", 0), (b"\xff", 0), (b",{}", 0),
    (b'"op":"PING"', 0), (b"\x00", 0), (b"'{}'", 0), (b"(){}", 0),
    # A byte order mark
    (b'\xef\xbb\xbf{"op":"PING"}', 0), (b'{"op":"PING"}\xef\xbb\xbf', 13), (b'\xfe\xff{"op":"PING"}', 0), (b' \xef\xbb\xbf{"op":"PING"}', 1),
    (b'\xff\xfe{\x00"\x00', 0),
    # Bytes behind it
    (b'{"op":"PING"}x', 13), (b'{"op":"PING"}}', 13), (b'{"op":"PING"} {}', 14), (b'{"op":"PING"},', 13), (b'{"op":"PING"}\x00', 13),
    (b'{"op":"PING"}{"op":"PING"}', 13), (b'{"op":"PING"}  ]', 15), (b'{"op":"PING"}//', 13), (b'{"op":"PING"}\x0c', 13),
    # Cut short
    (b"{", 1), (b'{"', 2), (b'{"op', 4), (b'{"op"', 5), (b'{"op":', 6), (b'{"op": ', 7), (b'{"op":"', 7), (b'{"op":"PING', 11), (b'{"op":"PING"', 12),
    (b'{"op":"PING",', 13), (b'{"op":"PING","x":[', 18), (b'{"op":"PING","x":[1', 19), (b'{"op":"PING","x":[1,', 20), (b'{"op":"PING","x":{', 18),
    (b'{"op":"PING","x":tr', 19), (b'{"op":"PING","x":-', 18), (b'{"op":"PING","x":1', 18), (b'{"op":"PING","x":1.', 19), (b'{"op":"PING","x":1e', 19),
    (rb'{"op":"PING","x":"\u00', 22), (b'{"op":"PING","x":"\\', 19), (b'{"op":"PING","x":"\xf0\x9f', 20),
    # In the members that are read
    (rb'{"op":"\ud800"}', 7), (b'{"op":"PI\xffNG"}', 9), (b'{"op":"PING","op":"PING"}', 13), (rb'{"op":"PING","\u006fp":"PING"}', 13),
    (b'{"op":"LOGIN","username":"a","username":"b"}', 29), (b'{"op":"LOGIN","password":"\x01"}', 26), (b'{"op":"LOGIN","password":"a\\"}', 30),
    (b'{"op":"VERIFY","token":"a","token":"b"}', 27), (b'{"op":"PING","id":1,"id":2}', 20), (b'{"op":"PING","id":01}', 19),
    (b'{op:"PING"}', 1), (b"{'op':'PING'}", 1), (b'{"op":PING}', 6), (b'{"op"="PING"}', 5), (b'{"op":"PING";}', 12), (b'{"op":"PING",}', 13),
    (b'{,"op":"PING"}', 1), (b'{"op" "PING"}', 6), (b'{"op":"PING" "id":1}', 13), (b'{"op":"PING","id"}', 17), (b'{{"op":"PING"}}', 1),
]


@pytest.mark.parametrize("line, offset", BAD_LINES, ids=lambda case: repr(case)[:40])
def test_bad_line(connection, line, offset):
    _check(connection, line, offset)


# Of a sequence that begins well and goes on badly, both its lead and the byte that breaks it may be called the first at fault.
BAD_SEQUENCES = [
    b'"\xc3("', b'"\xc3"', b'"\xe2\x82"', b'"\xe2\x28\xa1"', b'"\xf0\x9f\x98"', b'"\xf0\x28\x8c\xbc"', b'"\xe0\x80\x80"', b'"\xe0\x9f\xbf"', b'"\xed\xa0\x80"',
    b'"\xed\xbf\xbf"', b'"\xf0\x80\x80\x80"', b'"\xf0\x8f\xbf\xbf"', b'"\xf4\x90\x80\x80"', b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xf0\x9f\x98\xc3\xa9"',
]


@pytest.mark.parametrize("value", BAD_SEQUENCES, ids=repr)
def test_broken_utf8(connection, value):
    line, start = unread(value)
    reply = assert_failure(connection.ask(line), "bad_request")
    assert start + 1 <= reply["offset"] <= start + 4
    assert line[reply["offset"]] >= 0x80 or line[reply["offset"] - 1] >= 0x80
    assert_ok(connection.ask("PING"))


GOOD_VALUES = [
    # Numbers, whose size nobody asked for
    b"0", b"-0", b"-0.0", b"0e0", b"0E+0", b"1e400", b"-1e400", b"1e-400", b"1E400", b"1e99999999999999999999", b"9" * 1000, b"0." + b"1" * 1000,
    b"-1.5e+10", b"123456789012345678901234567890", b"1.0", b"10", b"-10",
    # Strings
    b'""', b'" "', rb'"\"\\\/\b\f\n\r\t"', rb'"\u0000"', rb'"\u0020"', rb'"\uFFFF"', rb'"\uffff"', rb'"\uFdD0"', rb'"\ud83d\ude00"', rb'"\uD83D\uDE00"',
    rb'"\udbff\udfff"', rb'"\ud800\udc00"', rb'"\uabcd\uEF01"', b'"\x7f"', '"\u0080\u0085"'.encode(), '"\u2028\u2029"'.encode(), '"é😀"'.encode(),
    '"\uffff\ufffe"'.encode(), '"\U0010ffff"'.encode(), '"\ud7ff\ue000"'.encode(), '"\ufeff"'.encode(), b'"{[,:]}"', b'"//"', rb'"\\u0041"', rb'"\\"',
    b'"\xef\xbf\xbd"', b'"%s"' % (b"a" * 60_000),
    # The rest
    b"true", b"false", b"null", b"[]", b"{}", b"[[]]", b"[{}]", b'{"":1}', b'{"a":1,"A":2}', b'{"a":{"a":{"a":1}}}', b'[{"a":1},{"a":2}]', b"[null,true,1,\"\",{},[]]",
    b"[ ]", b"{ }", b"[1 , 2]", b'{ "a" : 1 , "b" : 2 }', b"\t1\t", b"\r1\r", b"[\t\r ]", '{"é":1,"e\u0301":2}'.encode(), rb'{"\u0061":1,"b":1}', b"[" + b"1," * 20_000 + b"1]",
]


@pytest.mark.parametrize("value", GOOD_VALUES, ids=lambda value: repr(value)[:40])
def test_good_odd_value_of_an_unread_member(connection, value):
    line, _ = unread(value)
    assert assert_ok(connection.ask(line))["protocol"] == 1


@pytest.mark.parametrize(
    "line",
    [
        b' {"op":"PING"} ', b'\t{\t"op"\t:\t"PING"\t}\t', b'\r{\r"op"\r:\r"PING"\r}\r', b'{"x":1,"op":"PING"}', rb'{"\u006F\u0070":"PING"}', rb'{"op":"\u0070ing"}',
        b'{"":"","op":"PING"}', b'{"op":"PING","Op":1,"oP":2,"OP":3}', rb'{"op":"PING","o\u0050":1}',
    ],
    ids=repr,
)
def test_good_odd_line(connection, line):
    assert assert_ok(connection.ask(line))["protocol"] == 1


def nested(levels, opening, closing):
    """A PING whose deepest value is at that level; the object itself is the first."""
    return b'{"op":"PING","x":' + opening * (levels - 1) + closing * (levels - 1) + b"}"


def test_32_levels_are_read(connection):
    assert_ok(connection.ask(nested(32, b"[", b"]")))
    assert_ok(connection.ask(b'{"op":"PING","x":' + b'{"a":' * 30 + b"{}" + b"}" * 30 + b"}"))
    assert_ok(connection.ask(b'{"op":"PING","x":' + b'[{"a":' * 15 + b"[]" + b"}]" * 15 + b"}"))
    assert_ok(connection.ask(b'{"op":"PING","x":[' + b",".join([b"[" * 30 + b"]" * 30] * 50) + b"]}"))


def test_a_33rd_is_not(connection):
    start = len(b'{"op":"PING","x":')
    assert_failure(connection.ask(nested(33, b"[", b"]")), "bad_request", offset=start + 31)
    objects = b'{"op":"PING","x":' + b'{"a":' * 31 + b"{}" + b"}" * 31 + b"}"
    assert_failure(connection.ask(objects), "bad_request", offset=start + 5 * 31)
    late = b'{"op":"PING","x":' + b"[" * 31 + b"]" * 31 + b',"y":' + b"[" * 32 + b"]" * 32 + b"}"
    assert_failure(connection.ask(late), "bad_request", offset=start + 62 + 5 + 31)


@pytest.mark.parametrize("count", [2, 15, 16, 17, 18, 33, 100, 4_000])
def test_many_members(connection, count):
    names = [b'"m%d":0' % n for n in range(count)]
    assert_ok(connection.ask(b'{"op":"PING",' + b",".join(names) + b"}"))
    for twice in {0, count // 2, count - 1}:
        line = b'{"op":"PING",' + b",".join(names) + b',"m%d":1}' % twice
        assert_failure(connection.ask(line), "bad_request", offset=line.rindex(b'"m'))
        escaped = b'{"op":"PING",' + b",".join(names) + rb',"\u006d%d":1}' % twice
        assert_failure(connection.ask(escaped), "bad_request", offset=escaped.rindex(b'"\\u'))
        inner = b'{"op":"PING","x":{' + b",".join(names) + b',"m%d":1}}' % twice
        assert_failure(connection.ask(inner), "bad_request", offset=inner.rindex(b'"m'))


def test_what_comes_first_is_told(connection):
    # The whole line is validated before anything in it is looked at.
    assert_failure(connection.ask(b'{"op":5,"id":[],"x":}'), "bad_request", offset=20)
    assert_failure(connection.ask(b'{"op":"NOTHING","x":tru}'), "bad_request", offset=23)
    assert_failure(connection.ask(b'{"op":"VERIFY","token":"a","x":[1,]}'), "bad_request", offset=34)


def test_values_survive_the_way_through(connection):
    for text in ["", "é", "😀", "a\"b\\c/d", "\x7f", "\u2028", "\n\r\t\b\f", "\0", "'", "<script>", "\ufeff", "\ufffd", "\uffff"]:
        for ascii_only in (True, False):
            assert connection.ask(json.dumps({"op": "PING", "id": text}, ensure_ascii=ascii_only))["id"] == text


def test_random_damage_never_breaks_the_conversation(connection):
    dice = random.Random(4)
    good = b'{"op":"PING","id":"a\\u0041\xc3\xa9","x":[1,-2.5e3,{"y":null,"z":[true,false]}]}'
    lines = []
    for _ in range(3_000):
        line = bytearray(good)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(line))
            match dice.randrange(3):
                case 0:
                    line[at] = dice.randrange(256)
                case 1:
                    del line[at]
                case 2:
                    line.insert(at, dice.choice(b'"\\{}[],:0-eE.tfn\x00\xff'))
        lines.append(bytes(line).replace(b"\n", b" "))
    replies = connection.pipeline(lines)
    for line, reply in zip(lines, replies):
        try:
            json.loads(line.decode("utf-8"), parse_constant=lambda word: 1 / 0)
        except (ValueError, ZeroDivisionError):
            assert_failure(reply, "bad_request")
            assert 0 <= reply["offset"] <= len(line)
