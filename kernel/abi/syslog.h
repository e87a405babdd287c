/* syslog(2), the kernel log's: not the libc's syslog(3). */
#ifndef ABI_SYSLOG_H
#define ABI_SYSLOG_H

#define ABI_SYSLOG_ACTION_CLOSE         0
#define ABI_SYSLOG_ACTION_OPEN          1
#define ABI_SYSLOG_ACTION_READ          2
#define ABI_SYSLOG_ACTION_READ_ALL      3
#define ABI_SYSLOG_ACTION_READ_CLEAR    4
#define ABI_SYSLOG_ACTION_CLEAR         5
#define ABI_SYSLOG_ACTION_CONSOLE_OFF   6
#define ABI_SYSLOG_ACTION_CONSOLE_ON    7
#define ABI_SYSLOG_ACTION_CONSOLE_LEVEL 8
#define ABI_SYSLOG_ACTION_SIZE_UNREAD   9
#define ABI_SYSLOG_ACTION_SIZE_BUFFER   10

#define ABI_LOG_EMERG   0
#define ABI_LOG_ALERT   1
#define ABI_LOG_CRIT    2
#define ABI_LOG_ERR     3
#define ABI_LOG_WARNING 4
#define ABI_LOG_NOTICE  5
#define ABI_LOG_INFO    6
#define ABI_LOG_DEBUG   7

#endif
