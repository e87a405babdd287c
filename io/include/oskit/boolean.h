/* The words for oskit_bool_t. */
#ifndef OSKIT_BOOLEAN_H
#define OSKIT_BOOLEAN_H

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

#endif
