"""What is wanted of the figures: one row each, with its goal."""

import statistics
from typing import Callable, NamedTuple

AT_LEAST, AT_MOST = "≥", "≤"


class Goal(NamedTuple):
    section: str
    what: str
    """Takes the section's figures; returns a value for each round, or none when it could not be measured."""
    values: Callable
    relation: str = AT_MOST
    bound: float | None = None
    unit: str = ""
    places: int = 2


def _verify(shape, first, second, key="requests_per_second"):
    """`first` as a share of `second`."""
    return lambda figures: [
        each[shape][first][key] / each[shape][second][key] for each in figures["rounds"] if {first, second} <= each[shape].keys()
    ]


def _app(language):
    return lambda figures: [each["usher_us"] / each["own_us"] for each in figures["rounds"].get(language, [])]


def _stock(what, key):
    return lambda figures: [each["full"][what][key] / each["small"][what][key] for each in figures["rounds"]]


def _megabytes(count):
    return [] if count is None else [count / 1e6]


ALL = [
    Goal("verify", "VERIFY 64 × 1, requests/s ÷ C echo's", _verify("64x1", "usherd", "echo"), AT_LEAST, 0.8),
    Goal("verify", "VERIFY 8 × 32, requests/s ÷ C echo's", _verify("8x32", "usherd", "echo"), AT_LEAST, 1 / 6),
    Goal("verify", "VERIFY 8 × 32, CPU ÷ HMAC + base64 + JSON scan alone", lambda figures: [
        each["8x32"]["usherd"]["server_cpu_us"] / each["bare_us"] for each in figures["rounds"]], AT_MOST, 1.6),
    Goal("verify", "VERIFY 1 × 1, more than the C echo", lambda figures: [
        each["1x1"]["usherd"]["mean_us"] - each["1x1"]["echo"]["mean_us"] for each in figures["rounds"]], AT_MOST, 4, "µs"),
    Goal("verify", "VERIFY 64 × 1, requests/s ÷ Redis GET's", _verify("64x1", "usherd", "redis"), AT_LEAST, 1),
    Goal("verify", "VERIFY 8 × 32, requests/s ÷ Redis GET's", _verify("8x32", "usherd", "redis")),
    Goal("apps", "Python app: time asking Usher ÷ with PyJWT", _app("python"), AT_MOST, 0.6),
    Goal("apps", "… ÷ with the PyJWT of the system's Python", _app("system python")),
    Goal("apps", "Ruby app: time asking Usher ÷ with ruby-jwt", _app("ruby"), AT_MOST, 0.5),
    Goal("refresh", "REFRESH 64 × 1, requests/s ÷ fdatasyncs/s", lambda figures: [
        each["refresh"]["requests_per_second"] / each["syncs_per_second"] for each in figures["rounds"]], AT_LEAST, 8, "", 1),
    Goal("login", "VERIFY p99 beside LOGINs ÷ without", lambda figures: [
        each["beside"]["p99_us"] / each["alone"]["p99_us"] for each in figures["rounds"]], AT_MOST, 1.5),
    Goal("login", "LOGIN, share of the time that the hash pool is busy", lambda figures: [
        each["pool_busy"] for each in figures["rounds"]], AT_LEAST, 0.95),
    Goal("login", "LOGIN, `busy` when the queue is full", lambda figures: [
        statistics.median(each["overflow_ms"]) for each in figures["rounds"]], AT_MOST, 1, "ms"),
    Goal("revocations", "VERIFY 64 × 1, time with 1,000,000 revocations ÷ none", lambda figures: [
        each["none"]["requests_per_second"] / each["revoked"]["requests_per_second"] for each in figures["rounds"]], AT_MOST, 1.1),
    Goal("revocations", "Memory of 1,000,000 revocations", lambda figures: _megabytes(
        figures["resident_bytes"]["revoked"] - figures["resident_bytes"]["none"]), AT_MOST, 64, "MB", 1),
    Goal("stock", "Start with 1,000,000 users and sessions", lambda figures: figures["start_ms"]["full"], AT_MOST, 1000, "ms", 0),
    Goal("stock", "… LOGIN's lookup, time ÷ an empty store's", _stock("lookup", "mean_us"), AT_MOST, 1.2),
    Goal("stock", "… REFRESH 64 × 1, time ÷ an empty store's", _stock("refresh", "mean_us"), AT_MOST, 1.2),
    Goal("connections", "An idle connection", lambda figures: (
        [] if "skipped" in figures else [figures["bytes_each"]]), AT_MOST, 1024, "bytes", 0),
    Goal("idle", "Idle RSS", lambda figures: _megabytes(figures["resident_bytes"]), AT_MOST, 10, "MB", 1),
    Goal("idle", "Wake-ups while idle, in 5 s", lambda figures: [figures["wake_ups"]], AT_MOST, 0, "", 0),
    Goal("start", "Start to first answer", lambda figures: figures["usherd_ms"], AT_MOST, 10, "ms", 1),
    Goal("binary", "Binary, stripped", lambda figures: _megabytes(figures["stripped_bytes"]), AT_MOST, 12, "MB", 1),
]


def spread(values, places):
    """`median (least … greatest)`"""
    if len(values) == 1:
        return f"{values[0]:,.{places}f}"
    return f"{statistics.median(values):,.{places}f} ({min(values):,.{places}f} … {max(values):,.{places}f})"


def judged(run):
    """`(goal, values, met)` of all that was asked for; `met` is None without a bound or a value."""
    for goal in ALL:
        if goal.section not in run["figures"]:
            continue
        values = goal.values(run["figures"][goal.section])
        met = None
        if values and goal.bound is not None:
            median = statistics.median(values)
            met = median >= goal.bound if goal.relation == AT_LEAST else median <= goal.bound
        yield goal, values, met


def table(run):
    """The rows in Markdown."""
    yield "| what | measured | goal | |"
    yield "|---|---|---|---|"
    for goal, values, met in judged(run):
        unit = f" {goal.unit}" if goal.unit else ""
        measured = spread(values, goal.places) + unit if values else "not measured"
        bound = "" if goal.bound is None else f"{goal.relation} {goal.bound:.3g}{unit}"
        yield f"| {goal.what} | {measured} | {bound} | {'' if met is None else 'met' if met else 'MISSED'} |"
