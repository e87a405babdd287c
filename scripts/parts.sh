# What Sluice needs of the machine: read by scripts/setup and scripts/doctor, not run by itself.
#
# A line: sets | Debian package | what must be there | why
# "What must be there" is a program's name, a file's path, or python:MODULE. The sets are run, test, check and
# debug; scripts/setup knows which needs which.
# shellcheck shell=bash disable=SC2034
parts='
run   | gcc             | gcc                              | compiles the kernel, newlib and the programs
run   | libc6-dev       | /usr/include/stdio.h             | host headers, for the tools that newlib builds
run   | binutils        | objcopy                          | links the kernel and makes the image that QEMU loads
run   | make            | make                             | drives the build
run   | python3         | /usr/bin/python3                 | runs the scripts
run   | xz-utils        | xz                               | unpacks newlib
run   | newlib-source   | /usr/src/newlib                  | the C library of our own programs
run   | dpkg-dev        | dpkg-source                      | unpacks the sources of dash
run   | busybox-static  | busybox-static                   | the shell and tools in the initial RAM disk
run   | qemu-system-x86 | qemu-system-x86_64               | the machine that Sluice boots on
test  | grub-pc-bin     | /usr/lib/grub/i386-pc            | boots the ISO
test  | grub-common     | grub-mkrescue                    | makes the ISO
test  | xorriso         | xorriso                          | writes the ISO
test  | mtools          | mformat                          | grub-mkrescue uses it
test  | e2fsprogs       | /sbin/e2fsck                     | makes and judges file systems: mke2fs, e2fsck, debugfs
test  | libcmocka-dev   | /usr/include/cmocka.h            | the host tests are cmocka programs
test  | clang           | clang                            | builds the fuzz targets; a second opinion on warnings
test  | libclang-rt-14-dev | /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a | fuzzes with it
test  | python3-pexpect | python:pexpect                   | the interactive tests type on a terminal
test  | bsdutils        | script                           | run as a stranger in the guest
test  | musl-tools      | musl-gcc                         | static musl programs, run as strangers in the guest
test  | openssh-client  | ssh                              | logs into the guest
test  | curl            | curl                             | fetches from the guest
test  | dropbear-bin    | /usr/sbin/dropbear               | an ssh server, run as a stranger in the guest
test  | iperf3          | iperf3                           | the same: measures throughput
test  | redis-tools     | redis-benchmark                  | the same: redis-server, and its benchmark here
check | clang-format    | clang-format                     | the formatting
check | cppcheck        | cppcheck                         | static analysis
check | shellcheck      | shellcheck                       | the same for shell scripts
debug | gdb             | gdb                              | attaches to the kernel
'

# Whether a part, named as in the third column, is there.
part_present() {
    case $1 in
    python:*) /usr/bin/python3 -c "import ${1#python:}" 2>/dev/null ;;
    /*) [[ -e $1 ]] ;;
    # A dynamically linked busybox bears the same name and would not start in the guest.
    busybox-static) [[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# Call "$1 package present-name why" for each part of the sets that follow.
each_part() {
    local action=$1 set package name why
    shift
    while IFS='|' read -r set package name why; do
        read -r set <<< "$set"
        read -r package <<< "$package"
        read -r name <<< "$name"
        read -r why <<< "$why"
        if [[ -n $package && " $* " == *" $set "* ]]; then
            "$action" "$package" "$name" "$why"
        fi
    done <<< "$parts"
}
