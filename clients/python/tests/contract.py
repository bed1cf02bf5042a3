"""Runs clients/contract/cases.json: contract.py [--async] CASES FOLDER [NAME]"""

import asyncio
import inspect
import json
import os
import sys
import threading
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import usher  # noqa: E402

KINDS = [(usher.ConnectionLost, "lost"), (usher.RetryLater, "retry_later"), (usher.Denied, "denied"), (usher.Misuse, "misuse")]


class Wrong(Exception):
    pass


def matches(wanted, got):
    if wanted == "…":
        return got is not None
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(matches(value, got.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(matches, wanted, got))
    return wanted == got and isinstance(wanted, bool) == isinstance(got, bool)


def filled(value, variables):
    if isinstance(value, dict):
        return {name: filled(v, variables) if name != "connections" else v for name, v in value.items()}
    if isinstance(value, list):
        return [filled(v, variables) for v in value]
    if isinstance(value, str):
        for name, known in variables.items():
            if value == f"{{{name}}}":
                return known
            value = value.replace(f"{{{name}}}", str(known))
    return value


def described(error):
    kind = next(word for kind, word in KINDS if isinstance(error, kind))
    about = {name: getattr(error, name) for name in ("code", "status", "message", "members", "retry_after")}
    return {"kind": kind, "outcome_unknown": getattr(error, "outcome_unknown", None), **about}


class Runner:
    def __init__(self, table, folder, asynchronous):
        self.secrets, self.folder, self.asynchronous = table["secrets"], folder, asynchronous

    def run(self, case):
        if self.asynchronous and case.get("needs") == "fork":
            return {"skip": "an event loop is not forked"}
        options = {"timeout": case["timeout"]} if "timeout" in case else {}
        path = f"{self.folder}/{case['server']}.sock"
        self.variables = {}
        if self.asynchronous:
            return asyncio.run(self.run_async(case, usher.AsyncClient(path, **options)))
        self.client = usher.Client(path, **options)
        coroutine = self.run_async(case, self.client)
        try:
            # The synchronous client never waits: the coroutine runs through.
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value

    async def run_async(self, case, client):
        self.client = client
        for number, step in enumerate(case["steps"]):
            try:
                await self.step(step)
            except Exception as error:
                return {"ok": False, "step": number, "why": f"{error}" if isinstance(error, Wrong) else traceback.format_exc()}
        closing = client.close()
        if closing is not None:
            await closing
        return {"ok": True}

    async def step(self, step):
        if "together" in step:
            await self.together(step["together"])
        elif "fork" in step:
            await self.fork(step)
        else:
            step = filled(step, self.variables)
            for _ in range(step.get("times", 1)):
                result = self.ask_driver(step) if "driver" in step else await self.call(step)
            for name, path in step.get("keep", {}).items():
                found = result
                for part in path.split("."):
                    found = found[int(part) if isinstance(found, list) else part]
                self.variables[name] = found

    async def call(self, step):
        arguments = step.get("args", {})
        try:
            result = getattr(self.client, step["call"])(**arguments)
            if inspect.isawaitable(result):
                result = await result
            wanted = step.get("returns", "(an exception)")
        except usher.UsherError as error:
            text = f"{error} {error!r} {''.join(traceback.format_exception(error))}"
            for name in self.secrets:
                if arguments.get(name) and arguments[name] in text:
                    raise Wrong(f"{name} is in the text of {type(error)}") from None
            result, wanted = described(error), step.get("raises", "(a result)")
        if not matches(wanted, result):
            raise Wrong(f"{step['call']}: not {wanted}: {result}"[:2000])
        return result

    def ask_driver(self, step):
        print(json.dumps(step), flush=True)
        reply = json.loads(sys.stdin.readline())
        if "error" in reply or not matches(step.get("returns", {}), reply):
            raise Wrong(f"the driver says {reply}")
        return reply

    async def together(self, steps):
        if self.asynchronous:
            times = [{**step, "times": 1} for step in steps for _ in range(step.get("times", 1))]
            await asyncio.gather(*map(self.step, times))
            return
        faults = []

        def thread(step):
            try:
                self.step(step).send(None)
            except StopIteration:
                pass
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=thread, args=(step,)) for step in steps]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if faults:
            raise faults[0]

    async def fork(self, step):
        child = os.fork()
        if child == 0:
            try:
                for each in step["fork"]:
                    await self.step(each)
                os._exit(0)
            except BaseException as error:
                print(error, file=sys.stderr)
                os._exit(1)
        for each in step["meanwhile"]:
            await self.step(each)
        if os.waitpid(child, 0)[1] != 0:
            raise Wrong("the child failed")


def main():
    asynchronous = "--async" in sys.argv
    cases, folder, *names = [argument for argument in sys.argv[1:] if argument != "--async"]
    table = json.loads(Path(cases).read_text())
    runner = Runner(table, folder, asynchronous)
    for case in table["cases"]:
        if not names or case["name"] in names:
            print(json.dumps({"case": case["name"], **runner.run(case)}), flush=True)


main()
