/* resize: asks the terminal on this line how large it is, and tells the kernel. A serial line has
   no way to tell by itself that somebody has made the window larger. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The cursor goes further than any corner, tells where it came to rest, and returns. */
#define ASK          "\0337\033[r\033[9999;9999H\033[6n\0338"
#define ANSWER_TENTH 100 /* of a second from one byte of the answer to the next */

/* Reads up to the answer's last letter; what was typed ahead of it is lost. False without one. */
static bool read_answer(int fd, unsigned *rows, unsigned *columns)
{
    char text[64], end;
    size_t length = 0;

    while (length + 1 < sizeof text && read(fd, text + length, 1) == 1) {
        if (text[length] == '\033') {
            length = 0;
            continue;
        }
        text[++length] = '\0';
        if (sscanf(text, "[%u;%u%c", rows, columns, &end) == 3 && end == 'R')
            return true;
    }
    return false;
}

static bool ask(int fd, unsigned *rows, unsigned *columns)
{
    struct termios before, raw;
    bool answered;

    if (tcgetattr(fd, &before) < 0)
        return false;
    raw = before;
    raw.c_lflag &= ~(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = ANSWER_TENTH;
    tcsetattr(fd, TCSADRAIN, &raw);
    answered =
        write(fd, ASK, strlen(ASK)) == (ssize_t)strlen(ASK) && read_answer(fd, rows, columns);
    tcsetattr(fd, TCSADRAIN, &before);
    return answered;
}

int main(void)
{
    unsigned rows, columns;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY);

    if (fd < 0) {
        perror("resize: /dev/tty");
        return 1;
    }
    if (!ask(fd, &rows, &columns) || !rows || !columns || rows > 9999 || columns > 9999) {
        fprintf(stderr, "resize: this terminal doesn't say how large it is\n");
        return 1;
    }
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (ioctl(fd, TIOCSWINSZ, &size) < 0) {
        perror("resize");
        return 1;
    }
    printf("%u rows, %u columns\n", rows, columns);
    return 0;
}
