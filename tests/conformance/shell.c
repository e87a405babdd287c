/* A shell at work: Debian's busybox runs scripts that use most of what a system has for a shell and
 * its tools. */
#include "show.h"

static const char *const scripts[] = {
    /* the shell itself */
    "echo one two; echo $((6*7)) $?; false; echo $?; (exit 5); echo $?",
    "for i in 1 2 3; do for j in a b; do printf '%s%s ' $i $j; done; done; echo",
    "x=abc; echo ${x#a} ${x%c} ${#x} ${y:-none} ${x:+set}; set -- a 'b c' d; echo $# \"$2\"; "
    "shift; echo \"$*\"",
    "f() { local v=$1; [ $v -gt 0 ] && f $((v-1)); printf '%d ' $v; }; f 5; echo",
    "cat <<END; cat <<'END'\nvalue $((1+1))\nEND\nvalue $((1+1))\nEND",
    "echo a > f; echo b >> f; cat < f; exec 3< f; read x <&3; read y <&3; echo $y$x; exec 3<&-; "
    "cat <&3",
    "(echo out; echo err >&2) > o 2> e; cat o e; (echo out; echo err >&2) > both 2>&1; cat both",
    "set -o noclobber; echo a > f; echo b > f; cat f; echo c >| f; cat f",
    "echo $(echo nested $(echo deeper)); echo `echo back`",
    "case abc in a*c) echo star;; *) echo no;; esac; case x in [a-c]) echo in;; [!a-c]) echo out;; "
    "esac",
    "while read a b; do echo \"$b-$a\"; done <<E\n1 one\n2 two three\nE",
    "trap 'echo bye' EXIT; trap 'echo usr' USR1; kill -USR1 $$; echo after",
    "trap '' TERM; kill $$; echo alive; trap - TERM; (sleep 0.1; echo child) & wait; echo waited",
    "sleep 5 & p=$!; kill $p; wait $p 2>/dev/null; echo $?",
    "(exit 3) & wait $! 2>/dev/null; echo $?; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -SEGV $$'; "
    "echo $?",
    "set -e; true; false; echo not here",
    "cd /nowhere; echo $?; cd /; pwd; cd - > /dev/null; [ $PWD = $OLDPWD ]; echo $?",
    "umask 027; umask; umask -S; touch f; mkdir d; ls -ld f | cut -c1-10; ls -ld d | cut -c1-10",
    "ulimit -n 50; ulimit -n; ulimit -Hn; sh -c 'ulimit -n'",
    "nosuchcommand; echo $?; touch notexec; ./notexec; echo $?; ./; echo $?",
    "export A=1; B=2; sh -c 'echo $A-$B'; C=3 sh -c 'echo $C'; env -i X=y env",
    "echo 'echo script $0 $1' > s; chmod +x s; ./s arg; sh s arg; . ./s; printf '#!/bin/sh\\necho "
    "interpreted $1\\n' > t; chmod 755 t; ./t x",
    "set -m; sleep 0.2 & jobs | cut -c1-15; fg >/dev/null; echo $?",
    "read x < /dev/null; echo $?; echo -n noline | { read x; echo $? $x; }",
    "seq 3 | while read n; do echo $n; done | tac; yes | head -3; yes | (sleep 0.1; head -1)",
    "getopts ab: o -a; echo $o; type cd; command -v sh > /dev/null; echo $?; eval 'echo e "
    "$((2**5))'",
    "test -f /etc; echo $?; test -d /etc; echo $?; [ a = a -a 1 -lt 2 ]; echo $?; [ -t 0 ]; echo "
    "$?",
    "exec 5>f; echo five >&5; exec 5>&-; cat f; { echo grouped; } | cat; ! true; echo $?",
    "time -p true 2>&1 | cut -d' ' -f1; timeout 0.1 sleep 5; echo $?; timeout 5 true; echo $?",
    /* files */
    "echo content > a; ln a b; ln -s a c; ls; cat c; stat -c '%h %F %s' a c; readlink c; rm a; cat "
    "b; cat c; echo $?",
    "mkdir -p d/e/f; touch d/1 d/e/2; find d | sort; find d -type f -name '[0-9]' | sort; rmdir d; "
    "echo $?; rm -r d; ls",
    "touch -d '2001-02-03 04:05:06' f; stat -c %Y f; date -u -d @86400 +%F; touch -r f g; stat -c "
    "%Y g; [ f -nt g ]; echo $?",
    "echo x > f; chmod u=rw,g=r,o= f; stat -c %a f; chmod +x f; stat -c %a f; chmod 4755 f; ls -l "
    "f | cut -c1-10; chown 1:2 f; stat -c %u:%g f",
    "cp /etc/hostname h; cmp h /etc/hostname; echo a > s; cp -p s t; cp -a . ../copy 2>&1; mv s u; "
    "ls; mv u nowhere/x; echo $?",
    "dd if=/dev/zero of=f bs=1000 count=5 2>&1 | head -2; stat -c %s f; dd if=f of=g bs=1 skip=10 "
    "seek=20 count=5 conv=notrunc 2>/dev/null; stat -c %s g; truncate -s 100 f; wc -c f",
    "mkfifo p; (echo through > p) & cat p; wait; mknod n c 1 3; echo gone > n; stat -c '%F %t,%T' "
    "n p",
    "for n in 3 1 2; do echo $n > f$n; done; cat f?; ls f[12]; echo f*; rm f[!1]; ls; echo *.none",
    "tar cf t.tar -C / etc/hostname 2>/dev/null; tar tf t.tar; mkdir x; tar xf t.tar -C x; find x "
    "| sort; echo a | gzip | zcat; echo b | bzip2 2>/dev/null | bzcat 2>/dev/null",
    "find . | cpio -o -H newc 2>/dev/null > /dev/null; echo one > o; echo o | cpio -o -H newc "
    "2>/dev/null > c.cpio; rm o; cpio -i < c.cpio 2>/dev/null; cat o",
    "mktemp -d x.XXXXXX | wc -c; echo l1 > a; echo l2 > b; paste a b; diff a b; echo $?; diff a a; "
    "echo $?",
    "basename /a/b.c .c; dirname /a/b.c; realpath "
    "--help >/dev/null 2>&1; cd /; realpath etc/../etc",
    "i=0; while [ $i -lt 200 ]; do echo $i > n$i; i=$((i+1)); done; ls | wc -l; cat n* | awk "
    "'{s+=$1} END {print s}'; rm n*; ls | wc -l",
    "ln -s loop loop; cat loop; echo $?; ls -L loop; ln -s /etc e; ls -d e/; cd e; pwd -P; [ $PWD "
    "= /etc ]; echo $?",
    /* texts */
    "seq 1 20 | sed -n '3p;5,7p;/1[89]/p'; echo hello | sed 's/l/L/g;y/h/H/'; printf "
    "'b\\na\\nc\\na\\n' | sort -u; printf '10\\n9\\n' | sort -n",
    "seq 10 | awk 'NR%2 {s+=$1; print $1*$1} END {printf \"%d %.2f\\n\", s, s/NR}'; echo a:b:c | "
    "cut -d: -f2; echo abc | tr a-c A-C | rev",
    "seq 100 | head -3; seq 100 | tail -2; seq 100 | wc; seq 5 | tail -n +4; printf 'x\\0y' | od "
    "-c; echo hi | md5sum; echo hi | sha256sum | cut -c1-16",
    "printf 'one two\\nthree\\n' | xargs -n1 echo item; echo a b c | xargs -n2; seq 5 | grep -v 3 "
    "| tr '\\n' ' '; echo; grep -c root /etc/passwd",
    "printf '%s\\n' b a b c | uniq -c; seq 3 | tee t | cat; cat t; expr 3 \\* 4 + 1; expr length "
    "hello; printf '%05.1f|%-5s|%x\\n' 3.14159 ab 255",
    "yes abcdefgh | head -c 100000 | md5sum; head -c 300000 /dev/zero | gzip -9 | wc -c | awk "
    "'{print ($1<1000)}'; head -c 100000 /dev/urandom > r; cp r s; cmp r s && echo same",
    /* processes */
    "sh -c 'echo $PPID' | grep -q '[0-9]'; echo $?; setsid sh -c 'echo new'; nohup echo kept "
    "2>/dev/null; id -u; whoami",
    "(sleep 0.3; echo late) & (echo early); wait; for i in 1 2 3 4 5; do (sleep 0.$i; echo $i > "
    "w$i) & "
    "done; wait; cat w?",
    "sh -c 'trap \"echo caught; exit 4\" TERM; sleep 0.2; while :; do sleep 0.05; done' & p=$!; "
    "sleep 1; kill $p; wait $p 2>/dev/null; echo $?",
    "kill -l 9; kill -0 $$; echo $?; kill -0 999999; echo $?; sleep 100 & kill -STOP $!; kill "
    "-CONT $!; kill $!; wait $! 2>/dev/null; echo $?",
    "cat /proc/self/comm; readlink /proc/self/cwd | grep -c /; ls /proc/self/fd | wc -l; tr '\\0' "
    "' ' < /proc/self/cmdline; echo; test -e /proc/$$/stat; echo $?",
    "pidof nosuchprogram; echo $?; ps | grep -c '[s]h -c' | awk '{print ($1>0)}'; free | head -1 | "
    "awk '{print $1}'; uname -s -m",
    "seq 1000 | (read a; read b; echo $a $b; cat > /dev/null); (for i in 1 2 3; do echo $i; done) "
    "| (cat; cat); echo x | cat - /dev/null",
    "sh -c 'echo to stderr >&2; exit 9' 2>&1 | cat; echo ${PIPESTATUS:-none}; sh -c 'exec cat "
    "/nowhere'; echo $?",
    "dd if=/dev/zero bs=64k count=64 2>/dev/null | dd bs=1000 2>/dev/null | wc -c; yes | dd "
    "bs=4096 count=10 iflag=fullblock 2>/dev/null | wc -c",
    "chroot . /x; echo $?; mkdir -p root/bin; cp $BUSYBOX root/bin/sh; chroot root /bin/sh -c "
    "'echo inside; cd /; pwd; echo *'",
};

static void prepare(char *path)
{
    char command[PATH_MAX + 100];

    mkdir("tools", 0755);
    mkdir("work", 0755);
    snprintf(command, sizeof(command), "/bin/busybox --install -s %s/tools", path);
    if (system(command) != 0)
        printf("busybox can't be installed\n");
    snprintf(command, sizeof(command), "%s/tools", path);
    setenv("PATH", command, 1);
    setenv("BUSYBOX", "/bin/busybox", 1);
    setenv("HOME", "/", 1);
    setenv("LC_ALL", "C", 1);
    setenv("TZ", "UTC0", 1);
    unsetenv("OLDPWD");
    unsetenv("ENV");
}

/* Away from any terminal, whose presence ls and the shell would tell by other output. */
static void become_shell(const char *script, int output)
{
    setsid();
    umask(022);
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    if (chdir("work/w") == 0)
        execl("/bin/busybox", "sh", "-c", script, (char *)NULL);
    _exit(98);
}

static void run(const char *script)
{
    char bytes[4096];
    int ends[2], status;

    mkdir("work/w", 0755);
    printf("==== %s\n", script);
    fflush(stdout);
    if (pipe(ends) < 0)
        exit(2);
    pid_t pid = fork();
    if (pid == 0)
        become_shell(script, ends[1]);
    close(ends[1]);
    for (long n; (n = read(ends[0], bytes, sizeof(bytes))) > 0;)
        fwrite(bytes, 1, n, stdout);
    close(ends[0]);
    waitpid(pid, &status, 0);
    print_status("status", status);
    remove_tree("work");
}

int main(int argc, char **argv)
{
    char place[PATH_MAX];

    fresh_place();
    if (!getcwd(place, sizeof(place)))
        return 2;
    prepare(place);
    for (size_t n = 0; n < COUNT(scripts); n++)
        if (argc < 2 || strstr(scripts[n], argv[1]))
            run(scripts[n]);
    leave_place();
    return 0;
}
