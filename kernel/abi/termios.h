/* Terminals: settings, window size, and the ioctl(2) requests of terminals and descriptors. */
#ifndef ABI_TERMIOS_H
#define ABI_TERMIOS_H

#include "kernel/abi/types.h"

#define ABI_NCCS 19

/* TCGETS and TCSETS*: the kernel's structure, not the libc's. */
struct abi_termios {
    uint32_t c_iflag;
    uint32_t c_oflag;
    uint32_t c_cflag;
    uint32_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[ABI_NCCS];
};
_Static_assert(sizeof(struct abi_termios) == 36, "kernel's struct termios");

/* TCGETS2 and TCSETS2*: with speeds in bit/s, which count when the code is ABI_BOTHER. */
struct abi_termios2 {
    uint32_t c_iflag;
    uint32_t c_oflag;
    uint32_t c_cflag;
    uint32_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[ABI_NCCS];
    uint32_t c_ispeed;
    uint32_t c_ospeed;
};
_Static_assert(sizeof(struct abi_termios2) == 44, "struct termios2");

/* TCGETA and TCSETA* */
struct abi_termio {
    uint16_t c_iflag;
    uint16_t c_oflag;
    uint16_t c_cflag;
    uint16_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[8];
};

struct abi_winsize {
    uint16_t ws_row;
    uint16_t ws_col;
    uint16_t ws_xpixel;
    uint16_t ws_ypixel;
};

/* c_cc: indices of the control characters */
#define ABI_VINTR    0
#define ABI_VQUIT    1
#define ABI_VERASE   2
#define ABI_VKILL    3
#define ABI_VEOF     4
#define ABI_VTIME    5
#define ABI_VMIN     6
#define ABI_VSWTC    7
#define ABI_VSTART   8
#define ABI_VSTOP    9
#define ABI_VSUSP    10
#define ABI_VEOL     11
#define ABI_VREPRINT 12
#define ABI_VDISCARD 13
#define ABI_VWERASE  14
#define ABI_VLNEXT   15
#define ABI_VEOL2    16

/* c_iflag */
#define ABI_IGNBRK  01
#define ABI_BRKINT  02
#define ABI_IGNPAR  04
#define ABI_PARMRK  010
#define ABI_INPCK   020
#define ABI_ISTRIP  040
#define ABI_INLCR   0100
#define ABI_IGNCR   0200
#define ABI_ICRNL   0400
#define ABI_IUCLC   01000
#define ABI_IXON    02000
#define ABI_IXANY   04000
#define ABI_IXOFF   010000
#define ABI_IMAXBEL 020000
#define ABI_IUTF8   040000

/* c_oflag */
#define ABI_OPOST  01
#define ABI_OLCUC  02
#define ABI_ONLCR  04
#define ABI_OCRNL  010
#define ABI_ONOCR  020
#define ABI_ONLRET 040
#define ABI_OFILL  0100
#define ABI_OFDEL  0200
#define ABI_NLDLY  0400
#define ABI_NL0    0
#define ABI_NL1    0400
#define ABI_CRDLY  03000
#define ABI_CR0    0
#define ABI_CR1    01000
#define ABI_CR2    02000
#define ABI_CR3    03000
#define ABI_TABDLY 014000
#define ABI_TAB0   0
#define ABI_TAB1   04000
#define ABI_TAB2   010000
#define ABI_TAB3   014000
#define ABI_XTABS  014000
#define ABI_BSDLY  020000
#define ABI_BS0    0
#define ABI_BS1    020000
#define ABI_VTDLY  040000
#define ABI_VT0    0
#define ABI_VT1    040000
#define ABI_FFDLY  0100000
#define ABI_FF0    0
#define ABI_FF1    0100000

/* c_cflag */
#define ABI_CSIZE   060
#define ABI_CS5     0
#define ABI_CS6     020
#define ABI_CS7     040
#define ABI_CS8     060
#define ABI_CSTOPB  0100
#define ABI_CREAD   0200
#define ABI_PARENB  0400
#define ABI_PARODD  01000
#define ABI_HUPCL   02000
#define ABI_CLOCAL  04000
#define ABI_CBAUDEX 010000
#define ABI_ADDRB   04000000000
#define ABI_CMSPAR  010000000000
#define ABI_CRTSCTS 020000000000
#define ABI_CIBAUD  02003600000
#define ABI_CBAUD   010017
#define ABI_BOTHER  010000

/* c_cflag & CBAUD: the speed's code */
#define ABI_B0       0
#define ABI_B50      01
#define ABI_B75      02
#define ABI_B110     03
#define ABI_B134     04
#define ABI_B150     05
#define ABI_B200     06
#define ABI_B300     07
#define ABI_B600     010
#define ABI_B1200    011
#define ABI_B1800    012
#define ABI_B2400    013
#define ABI_B4800    014
#define ABI_B9600    015
#define ABI_B19200   016
#define ABI_B38400   017
#define ABI_B57600   010001
#define ABI_B115200  010002
#define ABI_B230400  010003
#define ABI_B460800  010004
#define ABI_B500000  010005
#define ABI_B576000  010006
#define ABI_B921600  010007
#define ABI_B1000000 010010
#define ABI_B1152000 010011
#define ABI_B1500000 010012
#define ABI_B2000000 010013
#define ABI_B2500000 010014
#define ABI_B3000000 010015
#define ABI_B3500000 010016
#define ABI_B4000000 010017

/* c_lflag */
#define ABI_ISIG    01
#define ABI_ICANON  02
#define ABI_XCASE   04
#define ABI_ECHO    010
#define ABI_ECHOE   020
#define ABI_ECHOK   040
#define ABI_ECHONL  0100
#define ABI_NOFLSH  0200
#define ABI_TOSTOP  0400
#define ABI_ECHOCTL 01000
#define ABI_ECHOPRT 02000
#define ABI_ECHOKE  04000
#define ABI_FLUSHO  010000
#define ABI_PENDIN  040000
#define ABI_IEXTEN  0100000
#define ABI_EXTPROC 0200000

/* tcflow and TCXONC; tcflush and TCFLSH */
#define ABI_TCOOFF    0
#define ABI_TCOON     1
#define ABI_TCIOFF    2
#define ABI_TCION     3
#define ABI_TCIFLUSH  0
#define ABI_TCOFLUSH  1
#define ABI_TCIOFLUSH 2

/* ioctl(2) requests of terminals, and those that every descriptor knows */
#define ABI_TCGETS        0x5401
#define ABI_TCSETS        0x5402
#define ABI_TCSETSW       0x5403
#define ABI_TCSETSF       0x5404
#define ABI_TCGETA        0x5405
#define ABI_TCSETA        0x5406
#define ABI_TCSETAW       0x5407
#define ABI_TCSETAF       0x5408
#define ABI_TCSBRK        0x5409
#define ABI_TCXONC        0x540a
#define ABI_TCFLSH        0x540b
#define ABI_TIOCEXCL      0x540c
#define ABI_TIOCNXCL      0x540d
#define ABI_TIOCSCTTY     0x540e
#define ABI_TIOCGPGRP     0x540f
#define ABI_TIOCSPGRP     0x5410
#define ABI_TIOCOUTQ      0x5411
#define ABI_TIOCSTI       0x5412
#define ABI_TIOCGWINSZ    0x5413
#define ABI_TIOCSWINSZ    0x5414
#define ABI_TIOCMGET      0x5415
#define ABI_TIOCMBIS      0x5416
#define ABI_TIOCMBIC      0x5417
#define ABI_TIOCMSET      0x5418
#define ABI_TIOCGSOFTCAR  0x5419
#define ABI_TIOCSSOFTCAR  0x541a
#define ABI_FIONREAD      0x541b
#define ABI_TIOCINQ       0x541b
#define ABI_TIOCLINUX     0x541c
#define ABI_TIOCCONS      0x541d
#define ABI_TIOCGSERIAL   0x541e
#define ABI_TIOCSSERIAL   0x541f
#define ABI_TIOCPKT       0x5420
#define ABI_FIONBIO       0x5421
#define ABI_TIOCNOTTY     0x5422
#define ABI_TIOCSETD      0x5423
#define ABI_TIOCGETD      0x5424
#define ABI_TCSBRKP       0x5425
#define ABI_TIOCSBRK      0x5427
#define ABI_TIOCCBRK      0x5428
#define ABI_TIOCGSID      0x5429
#define ABI_TCGETS2       0x802c542a
#define ABI_TCSETS2       0x402c542b
#define ABI_TCSETSW2      0x402c542c
#define ABI_TCSETSF2      0x402c542d
#define ABI_TIOCGPTN      0x80045430
#define ABI_TIOCSPTLCK    0x40045431
#define ABI_TIOCGDEV      0x80045432
#define ABI_TIOCSIG       0x40045436
#define ABI_TIOCVHANGUP   0x5437
#define ABI_TIOCGPKT      0x80045438
#define ABI_TIOCGPTLCK    0x80045439
#define ABI_TIOCGEXCL     0x80045440
#define ABI_TIOCGPTPEER   0x5441
#define ABI_FIONCLEX      0x5450
#define ABI_FIOCLEX       0x5451
#define ABI_FIOASYNC      0x5452
#define ABI_TIOCSERGETLSR 0x5459
#define ABI_TIOCMIWAIT    0x545c
#define ABI_TIOCGICOUNT   0x545d
#define ABI_FIOQSIZE      0x5460

/* bits of TIOCMGET and its family */
#define ABI_TIOCM_LE  0x1
#define ABI_TIOCM_DTR 0x2
#define ABI_TIOCM_RTS 0x4
#define ABI_TIOCM_ST  0x8
#define ABI_TIOCM_SR  0x10
#define ABI_TIOCM_CTS 0x20
#define ABI_TIOCM_CAR 0x40
#define ABI_TIOCM_RNG 0x80
#define ABI_TIOCM_DSR 0x100
#define ABI_TIOCM_CD  0x40
#define ABI_TIOCM_RI  0x80

/* the status byte of a pseudo-terminal in packet mode */
#define ABI_TIOCPKT_DATA       0
#define ABI_TIOCPKT_FLUSHREAD  1
#define ABI_TIOCPKT_FLUSHWRITE 2
#define ABI_TIOCPKT_STOP       4
#define ABI_TIOCPKT_START      8
#define ABI_TIOCPKT_NOSTOP     16
#define ABI_TIOCPKT_DOSTOP     32
#define ABI_TIOCPKT_IOCTL      64

#define ABI_IBSHIFT 16 /* c_cflag: from a speed code to the input speed's place */

#endif
