"""What Python's clients do with connections where the table of clients/contract does not reach: tasks, forks in the middle, lines that are refused."""

import asyncio
import gc
import os
import socket
import stat
import threading
import time

import pytest
import usher

TOO_LONG = {"send": '{"ok":false,"error":"line_too_long","message":"…","status":413}\n'}


def either(client, path, method, *arguments, **options):
    """One call of a client of either kind."""
    if client is usher.Client:
        return getattr(client(path), method)(*arguments, **options)

    async def ask():
        asking = client(path)
        try:
            return await getattr(asking, method)(*arguments, **options)
        finally:
            await asking.close()

    return asyncio.run(ask())


both = pytest.mark.parametrize("client", [usher.Client, usher.AsyncClient])


def nested(levels):
    value = "x"
    for _ in range(levels):
        value = [value]
    return value


@both
@pytest.mark.parametrize(
    "value", [object(), b"bytes", float("nan"), float("inf"), "\ud800", {"\udfff": 1}, {1: {2}}, nested(32), nested(5000)], ids=lambda value: type(value).__name__)
def test_what_is_no_json_is_misuse_and_is_not_sent(client, value, faulty):
    with pytest.raises(usher.Misuse) as caught:
        either(client, faulty.path, "call", "PROFILE", token="secret-token", claims=value)
    assert (caught.value.code, caught.value.status) == ("bad_request", 400)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert faulty.seen()["ops"] == []


@both
def test_as_many_levels_as_the_daemon_takes(client, daemon):
    reply = either(client, str(daemon.socket), "call", "PING", claims=nested(31), more={"a": [], "b": {"c": "ä\u2028\x7f\x00\"\\"}}, number=1.5)
    assert reply["protocol"] == 1


@both
def test_a_member_that_is_called_id_does_not_take_the_ids_place(client, faulty):
    assert either(client, faulty.path, "call", "PING", id=5)["protocol"] == 1


@both
@pytest.mark.parametrize("line", ['{"id":[1],"ok":true}', '{"id":{},"ok":true}', "[" * 100_000, '{"id":<id>,"ok":1}', '{"id":<id>}'], ids=lambda line: line[:12])
def test_garbage(client, line, faulty):
    faulty.play([["read", {"send": line + "\n"}]])
    with pytest.raises(usher.ConnectionLost) as caught:
        either(client, faulty.path, "login", "ada", "secret")
    assert caught.value.code == "garbled"


def sockets_to(path):
    """How many of this process's sockets are connected to it."""
    count = 0
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as copy:
                    count += copy.getpeername() == path
        except OSError:
            pass
    return count


def in_child(check):
    """Whether it holds in a forked process."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def test_a_forked_process_keeps_no_copy_of_a_connection_that_a_thread_of_its_parent_was_using(faulty):
    faulty.play([["read", {"wait": 1}, "answer"]])
    client = usher.Client(faulty.path)
    replies = []
    thread = threading.Thread(target=lambda: replies.append(client.verify("token-of-ada")))
    thread.start()
    while not faulty.seen()["ops"]:
        time.sleep(0.01)
    assert in_child(lambda: client.verify("token-of-bob")["sub"] == "token-of-bob" and sockets_to(faulty.path) == 1)
    thread.join()
    assert replies == [{"sub": "token-of-ada"}]


def test_a_forked_process_that_clears_away_an_event_loop_ends_nothing_of_its_parents(faulty):
    faulty.play([["read", {"wait": 1}, "answer"]])
    client, loop = usher.AsyncClient(faulty.path), asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    login = asyncio.run_coroutine_threadsafe(client.login("ada", "secret"), loop)
    while not faulty.seen()["ops"]:
        time.sleep(0.01)

    def clear_away():
        nonlocal client, login
        for task in asyncio.all_tasks(loop):
            task.get_coro().close()
        del client, login, task
        return gc.collect() >= 0

    assert in_child(clear_away)
    assert login.result()["user"]["username"] == "ada"
    asyncio.run_coroutine_threadsafe(client.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)


@both
def test_a_daemon_so_busy_that_the_queue_at_its_door_is_full(client, tmp_path):
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.connect(path)

        def serve():
            time.sleep(0.5)
            listener.accept()
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(lines.readline().replace(b'"op":"PING"', b'"ok":true,"protocol":1'))

        server = threading.Thread(target=serve)
        server.start()
        try:
            assert either(client, path, "ping")["protocol"] == 1
        finally:
            server.join()


def test_a_line_that_is_too_long_is_one_tasks_fault(faulty):
    faulty.play([["read", {"wait": 0.5}, "answer"], ["read", TOO_LONG]])

    async def scenario():
        client = usher.AsyncClient(faulty.path)
        patient = asyncio.create_task(client.register("ada", "ada@example.org", "secret"))
        await asyncio.sleep(0.1)
        with pytest.raises(usher.Misuse, match="line_too_long"):
            await client.login("bob", "x" * 70_000)
        assert not patient.done()
        assert (await patient)["user"]["username"] == "ada"
        assert (await client.ping())["protocol"] == 1
        await client.close()

    asyncio.run(scenario())
    assert faulty.seen()["connections"] == 2


def test_where_the_daemons_limit_is_low_others_do_not_fail_for_a_line_that_is_too_long(faulty):
    faulty.play([["read", "read", TOO_LONG]])

    async def scenario():
        client = usher.AsyncClient(faulty.path)
        outcomes = await asyncio.gather(client.verify("token-of-ada"), client.login("bob", "x" * 5000), return_exceptions=True)
        assert outcomes[0] == {"sub": "token-of-ada"}
        assert isinstance(outcomes[1], usher.Misuse)
        await client.close()

    asyncio.run(scenario())


@both
def test_a_path_may_be_one_of_pathlib(client, tmp_path):
    with pytest.raises(usher.ConnectionLost, match="unreachable"):
        either(client, tmp_path / "nobody", "ping")
