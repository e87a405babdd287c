/* init: process 1. Runs one session on the console, then ends the machine with the session's
   status.

   The session is described by /etc/session, which scripts/run puts into the initial RAM disk. It is
   a sequence of fields, each ended by a NUL byte (the last field's NUL may be missing):

     options     the first field: words separated by blanks
     EKEY=VALUE  one variable of the environment; replaces the default's of the same name
     CDIRECTORY  the working directory ("/" without it)
     AARGUMENT   one argument; the first one is the program, found along PATH when it has no slash

   in any order behind the options; fields that begin with another letter are refused. The options:

     plain       output passes byte for byte and input is not echoed: OPOST and ECHO* are cleared
     tty         the terminal stays as the kernel set it up (the default)
     utf8        the terminal is edited by characters of UTF-8, not by bytes: IUTF8 is set
     noctty      the session gets no controlling terminal, so no byte of its input raises a signal
     noinput     descriptor 0 is /dev/null instead of the console
     login=TTY   a login shell runs on /dev/TTY too, in a session of its own, and again when it
                 ends; may be given for several terminals
     start=WORD  WORD and a newline are written to the console right before the program starts, so
                 that a reader can tell its output from what a loader or the firmware wrote

   Without the file the session is an interactive "/bin/sh -l". The session's process leads a
   session and a process group of its own, in the console's foreground, with the console as
   descriptors 0, 1 and 2.

   The file system on the first disk, /dev/vda, is mounted on /mnt before the session starts; a disk
   without one is left alone.

   init exits with the session's exit status, with 128 + N when signal N killed it, with 127 when
   the program was not found and 126 when it could not be run. The kernel then powers the machine
   off with that status. Before that init ends whatever still runs: SIGHUP, SIGTERM and SIGCONT, two
   seconds of grace, SIGKILL. init writes nothing unless something fails.

   busybox's poweroff, halt and reboot (without -f) ask it by a signal to end the machine now:
   SIGUSR2 and SIGUSR1 switch it off with status 0, SIGTERM starts it anew. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SESSION_FILE  "/etc/session"
#define INITRD        "/initrd" /* where the kernel puts it when the root is on a disk */
#define CONSOLE       "/dev/console"
#define DISK          "/dev/vda"
#define DISK_PLACE    "/mnt"
#define GRACE_SECONDS 2

enum { EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* A terminal that has a session besides the console's. */
struct login {
    const char *name; /* below /dev */
    pid_t pid;        /* its shell, or 0 */
};

struct session {
    bool plain;
    bool utf8;
    bool noctty;
    bool noinput;
    const char *start_word; /* or NULL */
    struct login *logins;
    size_t login_count;
    const char *directory;
    char **arguments; /* NULL-terminated, as execve(2) wants it */
    size_t argument_count;
};

struct signals {
    sigset_t awaited; /* by wait_for, and blocked meanwhile */
    sigset_t before;  /* what children begin with */
};

static char *shell_arguments[] = {"/bin/sh", "-l", NULL};

static void complain(const char *what)
{
    fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
}

/* Mounts what the kernel did not: only where the directory shows no sign of the file system. */
static void mount_missing(const char *type, const char *directory, const char *sign)
{
    struct stat st;

    if (stat(sign, &st) == 0)
        return;
    mkdir(directory, 0755);
    if (mount(type, directory, type, 0, NULL) < 0)
        complain(directory);
}

/* Descriptors 0, 1 and 2 of init itself, for its complaints, without taking the terminal. */
static void open_standard_files(void)
{
    int fd;

    do
        fd = open(CONSOLE, O_RDWR | O_NOCTTY);
    while (fd >= 0 && fd < 2);
    if (fd > 2)
        close(fd);
}

static void set_default_environment(void)
{
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
    setenv("HOME", "/", 0);
    setenv("TERM", "vt100", 0);
    setenv("USER", "root", 0);
    setenv("SHELL", "/bin/sh", 0);
}

/* Reads all of a file. The result, with a NUL behind its end, is the caller's to free; NULL and
 * errno. */
static char *read_file(const char *path, size_t *length)
{
    size_t capacity = 4096;
    char *text = malloc(capacity);
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *length = 0;
    while (fd >= 0 && text && (n = read(fd, text + *length, capacity - *length - 1)) > 0) {
        *length += n;
        if (*length + 1 == capacity) {
            char *larger = realloc(text, capacity *= 2);
            if (!larger)
                free(text);
            text = larger;
        }
    }
    if (fd >= 0)
        close(fd);
    if (n < 0 || !text) {
        free(text);
        return NULL;
    }
    text[*length] = '\0';
    return text;
}

/* The first disk, when there is one that holds a file system and isn't the root. */
static void mount_disk(void)
{
    struct stat disk, root;

    if (stat(DISK, &disk) < 0 || stat("/", &root) < 0 || root.st_dev == disk.st_rdev)
        return;
    mkdir(DISK_PLACE, 0755);
    if (mount(DISK, DISK_PLACE, "ext3", 0, NULL) < 0 && errno != EINVAL)
        complain(DISK);
}

static bool add_login(struct session *session, const char *name)
{
    struct login *larger =
        realloc(session->logins, (session->login_count + 1) * sizeof *session->logins);

    if (!larger)
        return false;
    larger[session->login_count++] = (struct login){name, 0};
    session->logins = larger;
    return true;
}

static bool parse_options(struct session *session, char *options)
{
    char *rest = NULL;

    for (char *word = strtok_r(options, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "plain") == 0)
            session->plain = true;
        else if (strcmp(word, "utf8") == 0)
            session->utf8 = true;
        else if (strcmp(word, "noctty") == 0)
            session->noctty = true;
        else if (strcmp(word, "noinput") == 0)
            session->noinput = true;
        else if (strncmp(word, "start=", 6) == 0)
            session->start_word = word + 6;
        else if (strncmp(word, "login=", 6) == 0 ? !add_login(session, word + 6)
                                                 : strcmp(word, "tty") != 0)
            return false;
    }
    return true;
}

static bool add_argument(struct session *session, char *argument)
{
    char **larger = realloc(session->arguments, (session->argument_count + 2) * sizeof(char *));

    if (!larger)
        return false;
    larger[session->argument_count++] = argument;
    larger[session->argument_count] = NULL;
    session->arguments = larger;
    return true;
}

static bool parse_field(struct session *session, char *field)
{
    switch (field[0]) {
    case 'E':
        return strchr(field, '=') && putenv(field + 1) == 0;
    case 'C':
        session->directory = field + 1;
        return true;
    case 'A':
        return add_argument(session, field + 1);
    default:
        return false;
    }
}

/* The fields stay where they are in text: the session points into it. */
static bool parse_session(struct session *session, char *text, size_t length)
{
    char *end = text + length;
    char *field = text + strlen(text) + 1;

    if (!parse_options(session, text))
        return false;
    for (; field < end; field += strlen(field) + 1)
        if (!parse_field(session, field))
            return false;
    return session->argument_count > 0;
}

static bool load_session(struct session *session)
{
    size_t length;
    char *text = read_file(SESSION_FILE, &length);

    if (!text && errno == ENOENT)
        text = read_file(INITRD SESSION_FILE, &length);
    if (text && parse_session(session, text, length))
        return true;
    if (text)
        errno = EINVAL;
    else if (errno == ENOENT) {
        session->arguments = shell_arguments;
        return true;
    }
    complain(SESSION_FILE);
    return false;
}

static void make_plain(int fd)
{
    struct termios settings;

    if (tcgetattr(fd, &settings) < 0)
        return;
    settings.c_oflag &= ~OPOST;
    settings.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL | ECHOCTL | ECHOKE | ECHOPRT);
    tcsetattr(fd, TCSANOW, &settings);
}

static void make_utf8(int fd)
{
    struct termios settings;

    if (tcgetattr(fd, &settings) < 0)
        return;
    settings.c_iflag |= IUTF8;
    tcsetattr(fd, TCSANOW, &settings);
}

static int open_terminal(const struct session *session, const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY);

    if (fd < 0)
        return -1;
    if (!session->noctty && ioctl(fd, TIOCSCTTY, 0) < 0)
        complain("controlling terminal");
    if (session->plain)
        make_plain(fd);
    if (session->utf8)
        make_utf8(fd);
    for (int standard = 0; standard <= 2; standard++)
        if (fd != standard)
            dup2(fd, standard);
    if (fd > 2)
        close(fd);
    return 0;
}

static void take_no_input(void)
{
    int fd = open("/dev/null", O_RDWR);

    if (fd < 0 || dup2(fd, 0) < 0)
        complain("/dev/null");
    if (fd > 2)
        close(fd);
}

/* In the child. Never returns. */
static void run_session(const struct session *session, const sigset_t *mask)
{
    setsid();
    if (open_terminal(session, CONSOLE) < 0)
        complain(CONSOLE);
    if (chdir(session->directory) < 0)
        complain(session->directory);
    if (session->noinput)
        take_no_input();
    if (session->start_word)
        dprintf(1, "%s\n", session->start_word);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(session->arguments[0], session->arguments);

    int status = errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    complain(session->arguments[0]);
    _exit(status);
}

/* What a former session left running loses the terminal, after what it wrote has left. */
static void hang_up(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY);

    if (fd < 0)
        return;
    tcflow(fd, TCOON);
    tcdrain(fd);
    ioctl(fd, TIOCVHANGUP);
    close(fd);
}

/* In the child. Never returns. */
static void run_login(const char *name, const sigset_t *mask)
{
    const struct session session = {.arguments = shell_arguments};
    char path[64];

    snprintf(path, sizeof path, "/dev/%s", name);
    setsid();
    hang_up(path);
    if (open_terminal(&session, path) < 0) {
        complain(path);
        _exit(EXIT_CANNOT_RUN);
    }
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(shell_arguments[0], shell_arguments);
    complain(shell_arguments[0]);
    _exit(EXIT_CANNOT_RUN);
}

static void start_login(struct login *login, const sigset_t *mask)
{
    login->pid = fork();
    if (login->pid == 0)
        run_login(login->name, mask);
    if (login->pid < 0)
        complain("fork");
}

static bool could_run(int status)
{
    return !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_CANNOT_RUN;
}

/* A login's shell has ended: the next one. One that can't run stays away, for the next would fare
 * no better. */
static void renew_login(const struct session *session, pid_t ended, int status,
                        const sigset_t *mask)
{
    for (size_t i = 0; i < session->login_count; i++) {
        struct login *login = &session->logins[i];
        if (login->pid != ended)
            continue;
        login->pid = 0;
        if (could_run(status))
            start_login(login, mask);
    }
}

/* Reaps what has ended, orphans too, and keeps the logins going. True with the wait status of pid
 * when that was among them. */
static bool reap_session(pid_t pid, const struct session *session, const sigset_t *mask,
                         int *session_status)
{
    pid_t ended;
    int status;

    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended == pid) {
            *session_status = status;
            return true;
        }
        renew_login(session, ended, status, mask);
    }
    return false;
}

/* Until the session ends, or a signal asks for the machine's end: that signal, else 0. */
static int wait_for(pid_t pid, const struct session *session, const struct signals *signals,
                    int *status)
{
    int signal;

    for (size_t i = 0; i < session->login_count; i++)
        start_login(&session->logins[i], &signals->before);
    while (!reap_session(pid, session, &signals->before, status)) {
        signal = sigwaitinfo(&signals->awaited, NULL);
        if (signal > 0 && signal != SIGCHLD)
            return signal;
    }
    return 0;
}

/* True when no process is left to reap. */
static bool reap_all(void)
{
    pid_t ended;

    do
        ended = waitpid(-1, NULL, WNOHANG);
    while (ended > 0 || (ended < 0 && errno == EINTR));
    return ended < 0;
}

/* SIGCHLD is blocked, so that one that comes between the reaping and the wait is not lost. */
static bool reap_for(int seconds)
{
    struct timespec now, end, left;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    while (!reap_all()) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        left.tv_sec = end.tv_sec - now.tv_sec - (end.tv_nsec < now.tv_nsec);
        left.tv_nsec = end.tv_nsec - now.tv_nsec + (end.tv_nsec < now.tv_nsec) * 1000000000L;
        if (left.tv_sec < 0)
            return false;
        sigtimedwait(&child, NULL, &left);
    }
    return true;
}

static void end_everything(void)
{
    if (reap_all())
        return;
    kill(-1, SIGHUP);
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    if (reap_for(GRACE_SECONDS))
        return;
    kill(-1, SIGKILL);
    reap_for(GRACE_SECONDS);
}

static int exit_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* All are blocked, so that one that comes between a look and a wait is not lost. */
static void await_signals(struct signals *signals)
{
    sigemptyset(&signals->awaited);
    sigaddset(&signals->awaited, SIGCHLD);
    sigaddset(&signals->awaited, SIGTERM);
    sigaddset(&signals->awaited, SIGUSR1);
    sigaddset(&signals->awaited, SIGUSR2);
    sigprocmask(SIG_BLOCK, &signals->awaited, &signals->before);
}

/* Runs the session to its end, or to the machine's; returns init's exit status. */
static int session_run(const struct session *session, const struct signals *signals)
{
    int status = EXIT_CANNOT_RUN << 8, signal = 0;
    pid_t pid = fork();

    if (pid == 0)
        run_session(session, &signals->before);
    if (pid < 0)
        complain("fork");
    else
        signal = wait_for(pid, session, signals, &status);
    end_everything();
    if (signal == SIGTERM) {
        tcdrain(STDOUT_FILENO);
        if (reboot(RB_AUTOBOOT) < 0)
            complain("reboot");
    }
    return signal ? 0 : exit_status(status);
}

int main(void)
{
    struct session session = {.directory = "/"};
    struct signals signals;
    int status = EXIT_CANNOT_RUN;

    if (getpid() != 1) {
        fprintf(stderr, "init: not process 1; it would end every process at its end\n");
        return EXIT_CANNOT_RUN;
    }
    mount_missing("devtmpfs", "/dev", CONSOLE);
    mount_missing("proc", "/proc", "/proc/self");
    /* Where shm_open and sem_open make their files, as everybody may. */
    mount_missing("tmpfs", "/dev/shm", "/dev/shm");
    chmod("/dev/shm", 01777);
    mount_missing("sysfs", "/sys", "/sys/block");
    mount_disk();
    /* Name servers as the network's configuration has them; a file of one's own goes before. */
    symlink("/proc/net/pnp", "/etc/resolv.conf");
    open_standard_files();
    set_default_environment();
    await_signals(&signals);
    if (load_session(&session))
        status = session_run(&session, &signals);
    tcdrain(STDOUT_FILENO);
    return status;
}
