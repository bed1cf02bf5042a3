"""The figures as text: medians, their spread over the rounds, and whether a goal is met."""

import statistics

GOALS = {"verify_ratio": 0.7, "start_ms": 15, "resident_mb": 12}
SWIFT_LIBRARIES = ("libswift", "lib_Foundation", "libFoundation", "lib_Internal", "libdispatch", "libBlocksRuntime")


def spread(values, places):
    """`median (least … greatest)`"""
    if len(values) == 1:
        return f"{values[0]:,.{places}f}"
    return f"{statistics.median(values):,.{places}f} ({min(values):,.{places}f} … {max(values):,.{places}f})"


def goal(met, text):
    return f"goal {text}: {'met' if met else 'MISSED'}"


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
    """Rows for one shape, and the ratios round by round."""
    echo, usherd = ([figures[who] for figures in rounds] for who in ("echo", "usherd"))
    yield title
    yield f"    {'':34}{'C echo':>32}  {'usherd':>32}"
    rows = [("requests/s", "requests_per_second", 0), ("server CPU, µs a request", "server_cpu_us", 2)]
    rows += [("latency p50, µs", "p50_us", 1), ("latency p99, µs", "p99_us", 1), ("latency p99.9, µs", "p999_us", 1)]
    if both:
        rows.insert(0, ("a round trip, µs", "mean_us", 2))
    else:
        rows += [("server busy, share of its CPU", "server_busy", 2), ("load busy, share of its CPU", "load_busy", 2)]
    for label, key, places in rows:
        yield f"    {label:34}{spread([r[key] for r in echo], places):>32}  {spread([r[key] for r in usherd], places):>32}"


def _pairs(rounds, key):
    return [(figures["echo"][key], figures["usherd"][key]) for figures in rounds]


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
        rounds = [each[shape] for each in figures["rounds"]]
        yield ""
        yield from _shape(title, rounds, shape == "1x1")
        if shape == "1x1":
            yield f"    µs more than the echo: {spread([u - e for e, u in _pairs(rounds, 'mean_us')], 2)}"
            continue
        ratios = [u / e for e, u in _pairs(rounds, "requests_per_second")]
        least = GOALS["verify_ratio"]
        text = f"    usherd / C echo: {spread(ratios, 2)}"
        yield text + (f"    {goal(statistics.median(ratios) >= least, f'≥ {least}')}" if shape == "64x1" else "")
        costs = [e / u for e, u in _pairs(rounds, "server_cpu_us")]
        yield f"    the same by CPU time a request: {spread(costs, 2)}"
    yield ""
    yield f"RSS after these rounds: {figures['resident_bytes_after'] / 1e6:.1f} MB"


def refresh(figures):
    rounds = figures["rounds"]
    syncs = [each["syncs_per_second"] for each in rounds]
    rates = [each["refresh"]["requests_per_second"] for each in rounds]
    yield f"REFRESH, {figures['clients']} clients, durable, on {figures['file_system']}"
    yield f"    requests/s                        {spread(rates, 0)}"
    quantiles = (spread([each["refresh"][quantile] for each in rounds], 0) for quantile in ("p50_us", "p99_us"))
    yield f"    latency p50 / p99, µs             {' / '.join(quantiles)}"
    yield f"    fdatasyncs/s in the same folder   {spread(syncs, 0)}"
    yield f"    times what one fdatasync a request would allow: {spread([r / s for r, s in zip(rates, syncs)], 1)}"
    if figures["file_system"] in ("tmpfs", "ramfs"):
        yield "    the folder is in memory, where fdatasync costs nothing: give another one with --folder"


def start(figures):
    ours = figures["usherd_ms"]
    most = GOALS["start_ms"]
    yield f"Start to first answer on an existing state folder, {len(ours)} times"
    yield f"    usherd, ms                        {spread(ours, 1)}    {goal(statistics.median(ours) <= most, f'≤ {most} ms')}"
    yield f"    C echo, ms                        {spread(figures['echo_ms'], 1)}"


def idle(figures):
    resident = figures["resident_bytes"] / 1e6
    most = GOALS["resident_mb"]
    yield "Idle"
    yield f"    RSS, MB                           {resident:.1f}    {goal(resident <= most, f'≤ {most} MB')}"
    used = f"CPU {figures['cpu_ms']:.2f} ms, {figures['threads']} threads"
    yield f"    wake-ups in {figures['seconds']} s                   {figures['wake_ups']}, {used}"


def login(figures):
    rounds = figures["rounds"]
    processors = ", ".join(map(str, figures["processors"]))
    yield f"LOGIN, {figures['clients']} clients, the default password scheme; usherd on CPU {processors}"
    yield f"    logins/s                          {spread([r['login']['requests_per_second'] for r in rounds], 1)}"
    yield f"    VERIFY p50 / p99 / p99.9, µs, at {figures['verify_rate']:,} a second"
    for key, label in (("alone", "without LOGIN"), ("beside", "beside LOGIN")):
        runs = [each[key] for each in rounds]
        quantiles = (spread([run[quantile] for run in runs], 0) for quantile in ("p50_us", "p99_us", "p999_us"))
        yield f"        {label:30}{' / '.join(quantiles)}"


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
    yield f"    Swift libraries                   {' '.join(swift) or 'none'}    {goal(not swift, 'none')}"


SECTIONS = {"verify": verify, "refresh": refresh, "start": start, "idle": idle, "login": login, "binary": binary}


def text(run):
    lines = list(header(run))
    for name, figures in run["figures"].items():
        lines += ["", *SECTIONS[name](figures)]
    return "\n".join(lines)
