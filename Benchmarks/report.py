"""The figures as text: medians, and their spread over the rounds; behind them the table of goals."""

import goals
from goals import spread

SWIFT_LIBRARIES = ("libswift", "lib_Foundation", "libFoundation", "lib_Internal", "libdispatch", "libBlocksRuntime")


def header(run):
    machine = run["machine"]
    apart = run["server_cpu"] != run["load_cpu"]
    where = (
        f"server on CPU {run['server_cpu']}, load on CPU {run['load_cpu']}" if apart
        else f"server and load share CPU {run['load_cpu']}, the only one: the goals do not apply to this"
    )
    yield (
        f"{machine['processor']}, {machine['processors']} processors, Linux {machine['kernel']}, "
        f"load average {machine['load_average']:.2f}")
    yield f"{where}; {run['rounds']} rounds of {run['seconds']:g} s; median (least … greatest)"


def _shape(title, rounds, both):
    """Rows for one shape."""
    names = {"echo": "C echo", "usherd": "usherd", "redis": "Redis GET"}
    columns = {who: [figures[who] for figures in rounds] for who in names if who in rounds[0]}
    yield title
    yield f"    {'':34}" + "".join(f"{names[who]:>34}" for who in columns)
    rows = [("requests/s", "requests_per_second", 0), ("server CPU, µs a request", "server_cpu_us", 2)]
    rows += [("latency p50, µs", "p50_us", 1), ("latency p99, µs", "p99_us", 1), ("latency p99.9, µs", "p999_us", 1)]
    if both:
        rows.insert(0, ("a round trip, µs", "mean_us", 2))
    else:
        rows += [("server busy, share of its CPU", "server_busy", 2), ("load busy, share of its CPU", "load_busy", 2)]
    for label, key, places in rows:
        yield f"    {label:34}" + "".join(f"{spread([run[key] for run in runs], places):>34}" for runs in columns.values())


def verify(figures):
    yield (
        f"usherd {figures['version']}; VERIFY of {figures['tokens']:,} tokens of about {figures['token_bytes']} bytes "
        f"in random order, lines of about {figures['line_bytes']}; 1 in 100 to be refused; all replies checked")
    titles = {
        "64x1": "VERIFY, 64 connections × 1 in flight",
        "8x32": "VERIFY, 8 connections × 32 in flight",
        "1x1": "VERIFY, 1 connection × 1 in flight, client and server on one CPU",
    }
    for shape, title in titles.items():
        yield ""
        yield from _shape(title, [each[shape] for each in figures["rounds"]], shape == "1x1")
    yield ""
    yield f"HMAC, base64 and one JSON scan of a token, µs of CPU: {spread([each['bare_us'] for each in figures['rounds']], 2)}"
    if not figures["redis"]:
        yield "Redis: skipped, there is no redis-server"
    yield f"RSS after these rounds: {figures['resident_bytes_after'] / 1e6:.1f} MB"


def apps(figures):
    yield "Apps, µs by the clock for a token; app and usherd on one CPU"
    for language, rounds in figures["rounds"].items():
        if language in figures["skipped"]:
            yield f"    {language:34}skipped: {figures['skipped'][language]}"
            continue
        ours, theirs = (spread([each[key] for each in rounds], 1) for key in ("usher_us", "own_us"))
        yield f"    {language:34}asking Usher {ours}, {rounds[0]['library']} in the app {theirs}"


def refresh(figures):
    rounds = figures["rounds"]
    syncs = [each["syncs_per_second"] for each in rounds]
    rates = [each["refresh"]["requests_per_second"] for each in rounds]
    yield f"REFRESH, {figures['clients']} clients, durable, on {figures['file_system']}"
    yield f"    requests/s                        {spread(rates, 0)}"
    quantiles = (spread([each["refresh"][quantile] for each in rounds], 0) for quantile in ("p50_us", "p99_us"))
    yield f"    latency p50 / p99, µs             {' / '.join(quantiles)}"
    yield f"    fdatasyncs/s in the same folder   {spread(syncs, 0)}"
    if figures["file_system"] in ("tmpfs", "ramfs"):
        yield "    the folder is in memory, where fdatasync costs nothing: give another one with --folder"


def start(figures):
    ours = figures["usherd_ms"]
    yield f"Start to first answer on an existing state folder, {len(ours)} times"
    yield f"    usherd, ms                        {spread(ours, 1)}"
    yield f"    C echo, ms                        {spread(figures['echo_ms'], 1)}"


def idle(figures):
    yield "Idle"
    yield f"    RSS, MB                           {figures['resident_bytes'] / 1e6:.1f}"
    used = f"CPU {figures['cpu_ms']:.2f} ms, {figures['threads']} threads"
    yield f"    wake-ups in {figures['seconds']} s                   {figures['wake_ups']}, {used}"


def login(figures):
    rounds = figures["rounds"]
    processors = ", ".join(map(str, figures["processors"]))
    yield f"LOGIN, {figures['clients']} clients, the default password scheme; usherd on CPU {processors}, {figures['workers']} to hash"
    for key, label in (("login", "logins/s, alone"), ("login_beside", "logins/s, beside VERIFY")):
        yield f"    {label:34}{spread([r[key]['requests_per_second'] for r in rounds], 1)}"
    yield f"    longest wait for `busy`, ms       {spread([max(r['overflow_ms']) for r in rounds], 2)}"
    yield f"    VERIFY p50 / p99 / p99.9, µs, at {spread([r['verify_rate'] for r in rounds], 0)} a second, open loop"
    for key, label in (("alone", "without LOGIN"), ("beside", "beside LOGIN")):
        runs = [each[key] for each in rounds]
        quantiles = (spread([run[quantile] for run in runs], 0) for quantile in ("p50_us", "p99_us", "p999_us"))
        yield f"        {label:30}{' / '.join(quantiles)}"


def revocations(figures):
    yield f"VERIFY, 64 connections × 1 in flight, {figures['revocations']:,} revocations in force"
    for name, label in (("none", "without"), ("revoked", "with")):
        runs = [each[name] for each in figures["rounds"]]
        rate, cost = (spread([run[key] for run in runs], places) for key, places in (("requests_per_second", 0), ("server_cpu_us", 2)))
        yield f"    {label:34}{rate} requests/s, {cost} µs of server CPU, RSS {figures['resident_bytes'][name] / 1e6:.1f} MB"


def stock(figures):
    yield f"{figures['users']:,} users, {figures['sessions']:,} sessions, {figures['revocations']:,} revocations"
    for state, label in (("small", "an empty store"), ("full", "that one")):
        rounds = [each[state] for each in figures["rounds"]]
        lookup, refresh = (spread([each[what]["mean_us"] for each in rounds], 0) for what in ("lookup", "refresh"))
        yield f"    {label:34}start {spread(figures['start_ms'][state], 1)} ms, lookup {lookup} µs, REFRESH {refresh} µs"
    yield f"    RSS afterwards, MB                {figures['resident_bytes'] / 1e6:.1f}"


def connections(figures):
    if "skipped" in figures:
        yield f"Idle connections: skipped, {figures['skipped']}"
    else:
        yield f"{figures['connections']:,} idle connections: {figures['bytes_each']:,.0f} bytes of RSS each"


def binary(figures):
    yield "Binary"
    stripped = figures["stripped_bytes"]
    without = "unknown" if stripped is None else f"{stripped / 1e6:.1f}"
    yield f"    size, MB                          {figures['bytes'] / 1e6:.1f}, stripped {without}"
    libraries = figures["libraries"]
    if libraries is None:
        yield "    libraries                         unknown: ldd can't read it"
        return
    swift = [name for name in libraries if name.startswith(SWIFT_LIBRARIES)]
    yield f"    libraries                         {' '.join(libraries)}"
    yield f"    Swift libraries                   {' '.join(swift) or 'none'}"


SECTIONS = {
    "verify": verify, "apps": apps, "refresh": refresh, "login": login, "revocations": revocations, "stock": stock,
    "connections": connections, "start": start, "idle": idle, "binary": binary,
}


def text(run):
    lines = list(header(run))
    for name, figures in run["figures"].items():
        lines += ["", *SECTIONS[name](figures)]
    return "\n".join([*lines, "", *goals.table(run)])
