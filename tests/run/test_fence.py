"""The virtqueue's fence against a thread of the host's, in this QEMU: with one processor and with two."""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACE = os.path.join(TOP, "tests/run")
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above

SECONDS = 4  # without the fence there are thousands of faults by then, at -smp 1
MEMORY = 64 << 20
BARE = ["-m32", "-ffreestanding", "-fno-pic", "-nostdlib", "-static", "-Wl,-Ttext=0x100000,--build-id=none",
        "-Wl,--section-start=.multiboot=0xff000"]


def compiled(folder, source, *options):
    output = os.path.join(folder, source.removesuffix(".c"))
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I", TOP, *options, "-o", output,
                    os.path.join(PLACE, source)], check=True)
    return output


def play(cpus):
    """(rounds, rounds in which neither saw the other's store)"""
    with tempfile.TemporaryDirectory() as folder:
        guest, host = compiled(folder, "fence_guest.c", *BARE), compiled(folder, "fence_host.c")
        memory = os.path.join(folder, "memory")
        with open(memory, "wb") as file:
            file.truncate(MEMORY)
        machine = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg", "-cpu", "max", "-smp", str(cpus),
             "-m", str(MEMORY >> 20), "-machine", "q35,memory-backend=ram",
             "-object", f"memory-backend-file,id=ram,size={MEMORY},mem-path={memory},share=on", "-kernel", guest],
            stdin=subprocess.DEVNULL)
        try:
            told = subprocess.run([host, memory, str(SECONDS)], capture_output=True, text=True, timeout=120)
        finally:
            machine.kill()
            machine.wait()
    assert told.returncode == 0, told.stderr
    rounds, neither = map(int, told.stdout.split())
    print(f"# -smp {cpus}: {rounds} rounds, {neither} without order")
    return rounds, neither


def test_the_fence_orders_store_and_load():
    for cpus in (1, 2):
        rounds, neither = play(cpus)
        assert rounds > 100 and neither == 0, (cpus, rounds, neither)


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
