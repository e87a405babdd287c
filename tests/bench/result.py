"""What the bench's boots tell: rows, boots, and all boots of one kernel at one CPU model."""
import bisect
import re
import statistics


class Row:
    """What one boot told about one row, each for one operation; figures are None unless state is "ok"."""

    def __init__(self, words):
        self.key, self.state = words[0], words[1]
        self.instructions = self.nanoseconds = self.error = None
        self.lost = 0
        if self.state == "ok":
            count, per, self.ticks, self.clock, empty, self.lost = (int(word) for word in words[2:8])
            self.things = count * per
            self.instructions = max(0, self.ticks - empty) / self.things
            self.nanoseconds = self.clock / self.things
        else:
            self.error = int(words[2])
        self.title = " ".join(words[8 if self.state == "ok" else 3:])

    def better(self, other):
        """What is left of the same row measured twice: the less disturbed one, or the one that failed."""
        if other is None or other.state == "ok" and self.state != "ok":
            return self
        if self.state == "ok" and other.state == "ok":
            less, more = (self, other) if self.ticks < other.ticks else (other, self)
            less.lost += more.lost
            return less
        return other


class Boot:
    """The result of one boot: rows by key in the program's order, and how long its parts took. One that broke off has
    the rows that it told before."""

    def __init__(self, text, arrivals, log):
        """arrivals: (bytes so far, second) as the text came, its start being second 0; log: the kernel's last words."""
        self.log = log
        self.arrivals = arrivals
        self.rows, self.told, self.row_seconds = {}, [], {}
        self.seconds = self.instructions = None  # to process 1
        if up := re.search(r"^bench: up (\d+)\r?$", text, re.M):
            self.instructions = int(up[1])
            self.seconds = self.came(up.end())
            self.take_rows(text, up.end())
        end = re.search(r"^bench: end (\d+)\r?$", text, re.M)
        self.whole = bool(end) and len(self.told) == int(end[1])
        self.last_said = text[-400:]
        self.requests = {}  # a second, by the way in which they come; None: failed
        self.faults = []    # other than the rows'

    def came(self, position):
        """When the byte before this place came."""
        at = bisect.bisect_left(self.arrivals, (position, 0))
        return self.arrivals[min(at, len(self.arrivals) - 1)][1]

    def take_rows(self, text, start):
        before = self.came(start)
        for line in re.finditer(r"^bench: row ([^\r\n]*)\r?\n", text, re.M):
            row = Row(line[1].split())
            self.told.append(row)
            self.rows[row.key] = row.better(self.rows.get(row.key))
            now = self.came(line.end())
            self.row_seconds[row.key] = self.row_seconds.get(row.key, 0) + now - before
            before = now

    def count(self, marks):
        """Takes the instructions from the plugin's lines instead: a "row" for each row told, its batches behind it."""
        groups = marks.split("row\n")[1:]
        if len(groups) < len(self.told):
            raise ValueError
        for row, group in zip(self.told, groups):
            batches = [int(line.split()[1]) for line in group.splitlines()]
            if row.state == "ok":
                # The last batch made no calls.
                row.instructions = min(batches[:-1]) / row.things
        for key, best in self.rows.items():
            if best.state == "ok":
                best.instructions = min(row.instructions for row in self.told if row.key == key and row.state == "ok")

    def failed(self):
        return [row for row in self.rows.values() if row.state == "failed"]

    def clock_rate(self):
        """Counter ticks a nanosecond; 0 when no row says."""
        good = [row for row in self.rows.values() if row.state == "ok"]
        return sum(row.ticks for row in good) / max(1, sum(row.clock for row in good))


class Figure:
    """One cell: a value, or None; of `boots` that tried, so many failed."""

    def __init__(self, boots, states, values):
        self.boots, self.failed = boots, states.count("failed")
        self.absent = "absent" in states and not values
        self.value = statistics.median(values) if values else None

    def text(self, written):
        failed = f"failed {self.failed} of {self.boots}" if self.failed else ""
        if self.value is None:
            return "absent" if self.absent and not failed else failed or "-"
        return f"{written(self.value)} ({failed})" if failed else written(self.value)


class Figures:
    """What all boots say about one kernel at one CPU model."""

    def __init__(self):
        self.counted = []  # under -icount: the rows that never wait; more than one boot only when one failed
        self.marked = []   # with the plugin: those that wait
        self.timed = []

    def all(self):
        return self.counted + self.marked + self.timed

    def titles(self):
        return {key: row.title for boot in self.all() for key, row in boot.rows.items()}

    @staticmethod
    def figure(key, boots, take):
        """A boot that broke off before the row failed in it."""
        rows = [boot.rows.get(key) for boot in boots]
        return Figure(len(boots), [row.state if row else "failed" for row in rows],
                      [take(row) for row in rows if row and row.state == "ok"])

    def instructions(self, key):
        waits = any(key in boot.rows for boot in self.marked)
        return self.figure(key, self.marked if waits else self.counted, lambda row: row.instructions)

    def nanoseconds(self, key):
        return self.figure(key, self.timed, lambda row: row.nanoseconds)

    def requests(self, way):
        """A second."""
        told = [boot.requests[way] for boot in self.timed if way in boot.requests]
        return Figure(len(told), ["failed" for each in told if each is None], [each for each in told if each])

    def boot_milliseconds(self):
        reached = [boot.seconds * 1000 for boot in self.timed if boot.seconds is not None]
        return Figure(len(self.timed), ["failed"] * (len(self.timed) - len(reached)), reached)

    def boot_instructions(self):
        told = [boot.instructions / 1e6 for boot in self.counted if boot.instructions]
        return Figure(len(self.counted), [], told)

    def lost(self, key):
        return sum(boot.rows[key].lost for boot in self.timed if key in boot.rows)
