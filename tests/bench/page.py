"""docs/benchmarks.md: the aims, the tables, and the words around them."""
import peers

KERNELS = ["Sluice", "Linux"]
MODELS = ["max,-erms", "max"]  # the first is the one whose instructions are judged

# The most that a row's instructions may be of Linux's; boot's is of wall time.
AIMS = {"getppid": 0.25, "zero_1": 0.35, "null_1": 0.35, "pipe_1": 0.35, "pingpong": 0.4, "stat": 0.35,
        "open_close": 0.35, "pread_4k": 0.6, "fork_exit_wait": 0.5, "mmap_64": 0.6, "epoll_1": 0.35,
        "epoll_1000": 0.35, "poll_1000": 0.35, "eventfd": 0.35, "uart_4096": 0.2, "disk_read_4k": 0.2,
        "disk_cached_4k": 0.6, "disk_fsync": 0.15, "volume_create": 0.5, "lo_tcp_1": 0.35, "lo_tcp_16k": 0.6,
        "lo_connect": 0.5, "unix_1": 0.35, "net_udp_send": 0.35, "net_tcp_send": 0.5, "net_tcp_receive": 0.75}
# The same of wall time; no row should be slower.
WALL_AIMS = {"disk_read_4k": 0.5, "disk_read_64k": 0.7, "disk_read_1m": 0.7, "disk_cached_4k": 0.6,
             "volume_write_fsync": 0.7, "volume_read_64m": 0.8, "volume_write_64m": 0.8, "net_udp_trip": 0.7}
# How many times Linux's figure ours should be.
HTTP_AIM = 1.3
BOOT_AIM = 0.1
# Said below the table when the row's aim is not met, and only then.
NOTES = {"pread_4k": "Of Sluice's instructions some 550 copy the page, by single `movsq`; Linux's `rep movsq` counts 512. "
                     "The single ones are the faster ones all the same, as the wall time shows.",
         "net_udp_send": "QEMU's card takes each datagram at once while the host is idle, so that each is notified and "
                         "reclaimed by itself: some 400 instructions more than where the host is busy and several go "
                         "together."}


def number(value):
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def whole(value):
    return f"{value:.0f}"


def table(headings, rows):
    """A Markdown table; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def pair(figures, model, take, written=number):
    """The cells ours, Linux's, ratio; and the ratio itself, or None."""
    both = [take(figures[kernel, model]) for kernel in KERNELS]
    cells = [figure.text(written) for figure in both]
    ours, linux = (figure.value for figure in both)
    if ours is None or not linux:
        return cells + ["-"], None
    return cells + [f"{ours / linux:.2f}"], ours / linux


def verdict(ratio, aim):
    return "-" if aim is None else "no figure" if ratio is None else "met" if ratio <= aim else "**not met**"


def titles_of(figures):
    """The rows' titles by key, in the program's order."""
    return {key: title for figure in figures.values() for key, title in figure.titles().items()}


def instruction_rows(figures, titles):
    for key, title in titles.items():
        cells, ratio = pair(figures, MODELS[0], lambda figure, key=key: figure.instructions(key))
        other, _ = pair(figures, MODELS[1], lambda figure, key=key: figure.instructions(key))
        aim = AIMS.get(key)
        yield [title, *cells, f"{aim:.2f}" if aim else "-", verdict(ratio, aim), other[2]]


def wall_rows(figures, titles):
    for key, title in titles.items():
        cells, ratios = [], []
        for model in MODELS:
            more, ratio = pair(figures, model, lambda figure, key=key: figure.nanoseconds(key))
            cells += more
            ratios.append(ratio)
        aim = WALL_AIMS.get(key, 1.0)
        yield [title, *cells, f"{aim:.2f}", verdict(None if None in ratios else max(ratios), aim)]


def boot_rows(figures):
    for model in MODELS:
        cells, ratio = pair(figures, model, lambda figure: figure.boot_milliseconds(), whole)
        counted, _ = pair(figures, model, lambda figure: figure.boot_instructions(), "{:.1f}".format)
        yield [f"`{model}`", *cells, f"{BOOT_AIM:.2f}", verdict(ratio, BOOT_AIM), *counted]


def server_rows(figures):
    for way in peers.HTTP_WAYS:
        for model in MODELS:
            cells, ratio = pair(figures, model, lambda figure, way=way: figure.requests(way), whole)
            met = "no figure" if ratio is None else "met" if ratio >= HTTP_AIM else "**not met**"
            yield [f"{way}, `{model}`", *cells, f"{HTTP_AIM:.2f}", met]


def notes(figures, titles):
    missed = [key for key, aim in AIMS.items() if key in titles
              and (pair(figures, MODELS[0], lambda figure, key=key: figure.instructions(key))[1] or 0) > aim]
    return "".join(f"\n{titles[key]}: {NOTES[key]}\n" for key in missed if key in NOTES)


def loss_notes(figures, titles):
    """UDP may lose; who is told the figures should know."""
    told = ""
    for key, title in titles.items():
        lost = {kernel: sum(figures[kernel, model].lost(key) for model in MODELS) for kernel in KERNELS}
        if any(lost.values()):
            told += f"\n{title}: lost and sent again, in all boots: " + ", ".join(
                f"{count} on {kernel}" for kernel, count in lost.items()) + "; a batch with a loss doesn't count.\n"
    return told


def summary(rows, column):
    cells = [row[column] for row in rows]
    met, missed = cells.count("met"), cells.count("**not met**")
    without = cells.count("no figure")
    return f"{met} met, {missed} not met" + (f", {without} without a figure" if without else "")


def document(figures, about, clock_note):
    """The page; about: qemu, processor, ours, linux, linux_words. Whatever has no figure yet says so."""
    titles = titles_of(figures)
    counted, timed = list(instruction_rows(figures, titles)), list(wall_rows(figures, titles))
    boots, served = list(boot_rows(figures)), list(server_rows(figures))
    return DOCUMENT.format(
        **about, runs=min(len(figure.timed) for figure in figures.values()), first=MODELS[0], second=MODELS[1],
        counted=table(["operation", "Sluice", "Linux", "ratio", "aim", "", f"ratio at `{MODELS[1]}`"], counted),
        timed=table(["operation"] + [f"{what} `{model}`" for model in MODELS
                                     for what in ("Sluice", "Linux", "ratio")] + ["aim", ""], timed),
        boots=table(["CPU model", "Sluice ms", "Linux ms", "ratio", "aim", "", "Sluice M instr.", "Linux M instr.",
                     "ratio"], boots),
        served=table(["a client on the host", "Sluice", "Linux", "ratio", "aim", ""], served),
        served_summary=summary(served, 5), clients=len(peers.HTTP_PORTS), file_bytes=peers.HTTP_BYTES,
        counted_notes=notes(figures, titles), counted_summary=summary(counted, 5), timed_summary=summary(timed, 8),
        timed_notes=clock_note + loss_notes(figures, titles), boot_summary=summary(boots, 5))


DOCUMENT = """\
# Sluice and Linux side by side

Written by `make bench`; not edited by hand. What the figures mean and how to add a row: [tests/bench](../tests/bench/).

| | |
|---|---|
| emulator | QEMU {qemu}, TCG, q35, one processor, 256 MiB |
| on | {processor} |
| Sluice | {ours} |
| Linux | {linux}, `{linux_words}` |

Both kernels ran the same static program, as process 1 of the same initial RAM disk, on the same QEMU line. A ratio is
Sluice's figure divided by Linux's: below 1 Sluice is better. `absent` stands where the kernel has no such call.

## Instructions an operation

At `-cpu {first}`, one boot under `-icount`; the program's own share is subtracted. In the rows of disks and cards, which
wait, a plugin of QEMU counts the kernel's instructions instead, in another boot, interrupts and idle loop included. A
string instruction counts once for each repetition, on both sides. At `-cpu {second}` the processor claims fast byte
strings, which Linux then uses and which count and cost much more in an emulator; that ratio stands in the last column
for comparison alone.

Aims: {counted_summary}.

{counted}
{counted_notes}
## Wall time an operation, in nanoseconds

The median of {runs} boots of each kernel, taken in turn; of each boot the best of 12 to 30 batches in six rounds, as
many as fit in the row's time. The time includes the program's own loop. Wall time depends on what else the host does: a
ratio may change by a quarter from one run to the next. The aim is that no row is slower, some rows have a stricter one,
and it holds at both CPU models: {timed_summary}.

{timed}
{timed_notes}
## Requests a second

{clients} clients on the host, each at a port of its own through QEMU's own network, ask lighttpd, the same program on
both systems, for a file of {file_bytes} bytes. Here more is better. Aim: {served_summary}.

{served}

## Boot to the first instruction of process 1

From starting QEMU to the program's first words on the serial port, firmware included; the median of the same boots.
Instructions count from the machine's reset. Aim: {boot_summary}.

{boots}
"""
