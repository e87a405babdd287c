"""The contract of scripts/run: what goes in, what comes out, and with which exit status."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

RUN = os.path.join(TOP, "scripts/run")
SECONDS = 120


def run(*words, stdin=subprocess.DEVNULL, typed=None, timeout=SECONDS):
    """Return (status, output, log) of one scripts/run, which must end by itself."""
    source = {"input": typed} if typed is not None else {"stdin": stdin}
    done = subprocess.run([RUN, "--timeout", str(timeout), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout + 60, **source)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def shell(script, *options, **keywords):
    return run(*options, "--", "/bin/busybox", "sh", "-c", script, **keywords)


def gives(result, status, output):
    if (result[0], result[1]) != (status, output):
        raise AssertionError(f"status {result[0]}, expected {status}; output {result[1][:500]!r}, expected "
                             f"{output[:500]!r}\nthe log ends:\n" + "\n".join(result[2].splitlines()[-15:]))


def last_line(log):
    lines = log.splitlines()
    return lines[-1] if lines else ""


# ---- statuses -------------------------------------------------------------------------------------


def test_the_status_is_the_commands():
    gives(shell("exit 3"), 3, b"")


def test_the_status_is_the_commands_at_its_limits():
    gives(shell("exit 0"), 0, b"")
    gives(shell("exit 255"), 255, b"")


def test_a_killed_command_gives_128_and_the_signal():
    gives(shell("kill -TERM $$"), 128 + signal.SIGTERM, b"")


def test_a_missing_command_gives_127():
    status, output, _ = run("--", "/bin/no-such-command")
    same(status, 127, "status")
    assert b"no-such-command" in output, output


def test_a_machine_that_goes_off_or_restarts_by_itself_gives_0():
    for words in ("poweroff", "poweroff -f", "reboot", "reboot -f"):
        status, _, log = shell(f"{words}; sleep 1000")
        same(status, 0, words)
        assert not last_line(log).startswith("run:"), log


def test_time_over_gives_124_and_says_so():
    status, _, log = shell("sleep 1000", timeout=15)
    same(status, 124, "status")
    assert last_line(log).startswith("run: 124:"), log


def run_with_ram_disk(content):
    """Return (status, log) of a run with another initial RAM disk in the place of the built one."""
    build = os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build"))
    with tempfile.TemporaryDirectory() as place:
        os.symlink(os.path.join(build, "kernel"), f"{place}/kernel")
        with open(f"{place}/initrd.cpio", "wb") as initrd:
            initrd.write(content)
        done = subprocess.run([RUN, "--timeout", str(SECONDS), "--", "/bin/true"], stdin=subprocess.DEVNULL,
                              env={**os.environ, "SLUICE_BUILD": place}, capture_output=True, timeout=SECONDS + 60)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def test_a_missing_init_is_a_panic_that_says_so():
    status, log = run_with_ram_disk(b"")
    same(status, 125, "status")
    assert last_line(log).startswith("run: 125:"), log
    assert "init" in log.lower() and "panic" in log.lower(), log


def test_a_damaged_ram_disk_is_a_panic_that_says_so():
    status, log = run_with_ram_disk(b"\xa5" * 4096)
    same(status, 125, "status")
    assert "ram disk" in log.lower(), log


def test_qemus_failure_gives_126_and_says_so():
    status, _, log = shell("exit 0", "--qemu-arg", "--no-such-option")
    same(status, 126, "status")
    assert last_line(log).startswith("run: 126:"), log


def test_wrong_usage_gives_2_in_one_line():
    for words in (["--no-such-option"], ["--smp"], ["--smp", "none"], ["--smp", "0"], ["--timeout", "-1"], ["--"],
                  ["stray"], ["--accel", "abacus"], ["--accel", "kvm", "--icount"]):
        done = subprocess.run([RUN, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        same(done.returncode, 2, f"status of {words}")
        same(done.stderr.count(b"\n"), 1, f"lines about {words}")


def test_a_file_that_is_not_there_is_refused():
    status, output, log = shell("exit 0", "--add", "/no/such/file:/x")
    same((status, output), (126, b""), "status and output")
    assert "/no/such/file" in log, log


# ---- what goes through ----------------------------------------------------------------------------


def test_output_is_the_commands_byte_by_byte():
    gives(shell("printf 'a\\nb\\r\\nc\\tend'"), 0, b"a\nb\r\nc\tend")


def test_every_byte_passes():
    octal = "".join(f"\\\\{byte:03o}" for byte in range(256))
    gives(shell(f"printf '{octal}'".replace("\\\\", "\\")), 0, bytes(range(256)))


def test_a_long_output_passes_whole():
    gives(shell("seq 20000"), 0, b"".join(b"%d\n" % n for n in range(1, 20001)))


def test_arguments_pass_as_they_are():
    words = ["two words", "", "quote ' and \"", "back\\slash", "$HOME", "*", "new\nline", "\u00fcml\u00e4ut"]
    expected = "".join(f"[{word}]" for word in words).encode()
    gives(run("--", "/bin/busybox", "printf", "[%s]", *words), 0, expected)


def test_input_passes_whole():
    text = b"".join(b"line %d\n" % n for n in range(200))
    gives(shell("cat", typed=text), 0, text)


def test_every_byte_of_input_passes():
    text = bytes(range(256)) + b"\nno newline at the end"
    gives(shell("cat", typed=text), 0, text)


def test_input_without_an_end_of_line_passes():
    gives(shell("cat", typed=b"abc"), 0, b"abc")


def test_empty_input_is_end_of_file():
    gives(shell("cat; echo end"), 0, b"end\n")
    gives(shell("cat; echo end", typed=b""), 0, b"end\n")


def test_closed_input_does_not_hang():
    done = subprocess.run(["/bin/sh", "-c", f'exec "{RUN}" --timeout {SECONDS} -- /bin/busybox echo well <&-'],
                          capture_output=True, timeout=SECONDS + 60)
    same((done.returncode, done.stdout), (0, b"well\n"), "status and output")


def test_a_reader_that_leaves_ends_the_run():
    script = f'"{RUN}" --timeout {SECONDS} -- /bin/busybox yes 2>/dev/null </dev/null | head -n 2'
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, timeout=SECONDS + 60)
    same(done.stdout, b"y\ny\n", "output")


def test_the_kernels_log_goes_to_standard_error():
    _, output, log = shell("echo only this")
    same(output, b"only this\n", "output")
    assert log.strip(), "no log"


def test_the_log_also_goes_to_a_file():
    with tempfile.TemporaryDirectory() as place:
        _, _, log = run("--log", f"{place}/log", "--", "/bin/true")
        with open(f"{place}/log", encoding="utf-8") as copy:
            same(copy.read(), log, "the copy of the log")


def test_the_environment_names_the_terminal():
    gives(shell("echo $TERM"), 0, os.environ.get("TERM", "dumb").encode() + b"\n")


# ---- options --------------------------------------------------------------------------------------


def test_add_puts_files_and_folders_into_the_ram_disk():
    with tempfile.TemporaryDirectory() as place:
        os.makedirs(f"{place}/folder/sub")
        for name, text, mode in (("one", "1\n", 0o755), ("folder/two", "2\n", 0o640),
                                 ("folder/sub/three", "3\n", 0o644)):
            with open(f"{place}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(f"{place}/{name}", mode)
        gives(shell("cat /one /opt/here/two /opt/here/sub/three; stat -c %a /one /opt/here/two", "--add",
                    f"{place}/one", "--add", f"{place}/folder:/opt/here"), 0, b"1\n2\n3\n755\n640\n")


def test_a_static_program_of_the_hosts_runs():
    compilers = [compiler for compiler in ("gcc", "musl-gcc") if shutil.which(compiler)]
    assert len(compilers) == 2, "gcc and musl-gcc are needed"
    source = b'#include <stdio.h>\nint main(int c, char **v) { printf("%d %s\\n", c, v[1]); return 5; }\n'
    for compiler in compilers:
        with tempfile.TemporaryDirectory() as place:
            subprocess.run([compiler, "-static", "-x", "c", "-", "-o", f"{place}/t"], input=source, check=True)
            gives(run("--add", f"{place}/t:/t", "--", "/t", compiler), 5, b"2 " + compiler.encode() + b"\n")


def test_smp_gives_that_many_processors():
    for processors in (1, 2, 4, 8):
        gives(shell("grep -c ^processor /proc/cpuinfo", "--smp", str(processors)), 0, b"%d\n" % processors)


def test_mem_gives_that_much_memory():
    for mib in (128, 1024):
        status, output, _ = shell("awk '/^MemTotal/ { print $2 }' /proc/meminfo", "--mem", str(mib))
        same(status, 0, "status")
        assert 0.7 * mib < int(output) / 1024 <= mib, output


def test_a_session_needs_24_mib():
    script = """
    for i in 1 2 3; do ls -l /bin | sort | tail -1 | wc -l; done
    sleep 5 & sleep 5 & (cat /bin/busybox | cat | cat | wc -c) && kill %1 %2 && wait
    dd if=/dev/zero of=/tmp/f bs=64k count=64 2>/dev/null && wc -c < /tmp/f && rm /tmp/f
    awk '/^MemFree/ { print ($2 > 4096) }' /proc/meminfo"""
    size = os.path.getsize("/bin/busybox")
    for processors in ("1", "4"):
        gives(shell(script, "--mem", "24", "--smp", processors), 0, b"1\n1\n1\n%d\n4194304\n1\n" % size)


def test_cpu_chooses_the_model():
    gives(shell("echo works", "--cpu", "qemu64"), 0, b"works\n")


def test_append_reaches_the_kernels_command_line():
    status, output, _ = shell("cat /proc/cmdline", "--append", "first=1", "--append", "second=two")
    same(status, 0, "status")
    assert b"first=1 second=two" in output, output


def test_icount_is_deterministic():
    results = [shell("i=0; while [ $i -lt 100 ]; do i=$((i+1)); done; cat /proc/uptime", "--icount") for _ in range(2)]
    same(results[0][0], 0, "status")
    same(results[0][1], results[1][1], "the guest's time")


def test_iso_boots_and_runs_a_command():
    gives(shell("echo from the ISO; exit 3", "--iso"), 3, b"from the ISO\n")


def test_iso_takes_processors_additions_and_the_command_line():
    gives(shell("cat /x; grep -o its=1 /proc/cmdline", "--iso", "--smp", "2", "--add", f"{__file__}:/x",
                "--append", "its=1"), 0, open(__file__, "rb").read() + b"its=1\n")


def test_dry_run_prints_a_command_that_works():
    done = subprocess.run([RUN, "--dry-run", "--", "/bin/busybox", "echo", "dry"], stdin=subprocess.DEVNULL,
                          capture_output=True, check=True, timeout=60, text=True)
    same(done.stdout.count("\n"), 1, "lines")
    assert "qemu-system-x86_64" in done.stdout, done.stdout
    booted = subprocess.run(["/bin/sh", "-c", "exec timeout 120 " + done.stdout], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=180)
    assert booted.stdout.endswith(b"dry\n"), booted.stdout
    same(booted.returncode, 0x21, "QEMU's status")


def test_gdb_waits_on_a_port_that_is_printed():
    process = subprocess.Popen([RUN, "--gdb", "--timeout", "60", "--", "/bin/true"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        assert "target remote 127.0.0.1:" in line, line
    finally:
        process.terminate()
        process.communicate()


def test_a_network_is_refused_that_is_not_understood():
    for words in (["--net", "wireless"], ["--net", "user,listen"], ["--net", "tap"], ["--net", "socket=unix:"],
                  ["--net", "user,mac=1"], ["--net", "user,queues=2"], ["--hostfwd", "tcp:1"],
                  ["--hostfwd", "tcp:1:70000"], ["--net", "none", "--hostfwd", "tcp:0:1"], ["--pcap", "x"]):
        done = subprocess.run([RUN, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        same((done.returncode, done.stderr.count(b"\n")), (2, 1), f"status and lines of {words}")


def test_addresses_and_forwards_are_told():
    done = subprocess.run([RUN, "--dry-run", "--hostfwd", "tcp:0:80", "--hostfwd", "udp:0:7", "--pcap", "x,y", "--",
                           "/bin/true"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60, text=True)
    tcp = re.search(r"^run: tcp port (\d+) of 127.0.0.1 is the guest's 80$", done.stderr, re.M)
    udp = re.search(r"^run: udp port (\d+) of 127.0.0.1 is the guest's 7$", done.stderr, re.M)
    assert tcp and udp and "10.0.2.15" in done.stderr, done.stderr
    assert f"hostfwd=tcp:127.0.0.1:{tcp[1]}-:80,hostfwd=udp:127.0.0.1:{udp[1]}-:7" in done.stdout, done.stdout
    assert "filter-dump" in done.stdout and "file=x,,y" in done.stdout, done.stdout


def test_there_is_no_network_unless_it_is_asked_for():
    for words in ([], ["--net", "none"]):
        done = subprocess.run([RUN, "--dry-run", *words, "--", "/bin/true"], stdin=subprocess.DEVNULL,
                              capture_output=True, check=True, timeout=60, text=True)
        assert "net" not in done.stdout.replace(TOP, ""), done.stdout


def test_a_disk_is_refused_that_is_not_there_or_not_understood():
    for disk in ("/nowhere/x.img", "", ",ro", "x.img,fast", "x.img,queues=0"):
        done = subprocess.run([RUN, "--disk", disk], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        same((done.returncode, done.stderr.count(b"\n")), (2, 1), f"status and lines of --disk {disk}")


def test_a_signal_ends_qemu_too():
    process = subprocess.Popen([RUN, "--", "/bin/busybox", "sh", "-c", "echo up; sleep 1000"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        same(process.stdout.readline(), b"up\n", "output")
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            qemu = children.read().split()
        same(len(qemu), 1, "children")
        process.terminate()
        same(process.wait(30), 128 + signal.SIGTERM, "status")
        assert not os.path.exists(f"/proc/{qemu[0]}"), "QEMU outlives scripts/run"
    finally:
        process.kill()
        process.communicate()


def test_the_acceptance_command():
    for options in ([], ["--iso"], ["--smp", "4"]):
        status, output, log = shell("echo $((6*7)); ls /; ps; exit 3", *options)
        same(status, 3, f"status with {options}; log: {log[-500:]}")
        # On a terminal, as the console is one, ls prints columns.
        words = output.decode().split()
        same(words[0], "42", "the first word")
        for word in ("bin", "dev", "etc", "proc", "sbin", "tmp", "PID"):
            assert word in words, output
        assert any("init" in word for word in words), output


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
