/* ioctl and the requests that terminals and descriptors know. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#include <linux/sockios.h>
#include <sys/cdefs.h>

struct winsize {
    unsigned short ws_row;
    unsigned short ws_col;
    unsigned short ws_xpixel;
    unsigned short ws_ypixel;
};

#define TCGETS        0x5401
#define TCSETS        0x5402
#define TCSETSW       0x5403
#define TCSETSF       0x5404
#define TCGETA        0x5405
#define TCSETA        0x5406
#define TCSETAW       0x5407
#define TCSETAF       0x5408
#define TCSBRK        0x5409
#define TCXONC        0x540a
#define TCFLSH        0x540b
#define TIOCEXCL      0x540c
#define TIOCNXCL      0x540d
#define TIOCSCTTY     0x540e
#define TIOCGPGRP     0x540f
#define TIOCSPGRP     0x5410
#define TIOCOUTQ      0x5411
#define TIOCSTI       0x5412
#define TIOCGWINSZ    0x5413
#define TIOCSWINSZ    0x5414
#define TIOCMGET      0x5415
#define TIOCMBIS      0x5416
#define TIOCMBIC      0x5417
#define TIOCMSET      0x5418
#define TIOCGSOFTCAR  0x5419
#define TIOCSSOFTCAR  0x541a
#define FIONREAD      0x541b
#define TIOCINQ       0x541b
#define TIOCLINUX     0x541c
#define TIOCCONS      0x541d
#define TIOCGSERIAL   0x541e
#define TIOCSSERIAL   0x541f
#define TIOCPKT       0x5420
#define FIONBIO       0x5421
#define TIOCNOTTY     0x5422
#define TIOCSETD      0x5423
#define TIOCGETD      0x5424
#define TCSBRKP       0x5425
#define TIOCSBRK      0x5427
#define TIOCCBRK      0x5428
#define TIOCGSID      0x5429
#define TCGETS2       0x802c542a
#define TCSETS2       0x402c542b
#define TCSETSW2      0x402c542c
#define TCSETSF2      0x402c542d
#define TIOCGPTN      0x80045430
#define TIOCSPTLCK    0x40045431
#define TIOCGDEV      0x80045432
#define TIOCSIG       0x40045436
#define TIOCVHANGUP   0x5437
#define TIOCGPKT      0x80045438
#define TIOCGPTLCK    0x80045439
#define TIOCGEXCL     0x80045440
#define TIOCGPTPEER   0x5441
#define FIONCLEX      0x5450
#define FIOCLEX       0x5451
#define FIOASYNC      0x5452
#define TIOCSERGETLSR 0x5459
#define TIOCMIWAIT    0x545c
#define TIOCGICOUNT   0x545d
#define FIOQSIZE      0x5460

/* bits of TIOCMGET and its family */
#define TIOCM_LE  0x1
#define TIOCM_DTR 0x2
#define TIOCM_RTS 0x4
#define TIOCM_ST  0x8
#define TIOCM_SR  0x10
#define TIOCM_CTS 0x20
#define TIOCM_CAR 0x40
#define TIOCM_RNG 0x80
#define TIOCM_DSR 0x100
#define TIOCM_CD  0x40
#define TIOCM_RI  0x80

/* the status byte of a pseudo-terminal in packet mode */
#define TIOCPKT_DATA       0
#define TIOCPKT_FLUSHREAD  1
#define TIOCPKT_FLUSHWRITE 2
#define TIOCPKT_STOP       4
#define TIOCPKT_START      8
#define TIOCPKT_NOSTOP     16
#define TIOCPKT_DOSTOP     32
#define TIOCPKT_IOCTL      64
#define FIOSETOWN          0x8901
#define FIOGETOWN          0x8903

__BEGIN_DECLS
int ioctl(int, unsigned long, ...);
__END_DECLS

#endif
