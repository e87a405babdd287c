/*
 * Adapters between the interfaces of files. (The OSKit's "soa" has lost its meaning; the name is
 * kept because clients include it.)
 */
#ifndef OSKIT_FS_SOA_H
#define OSKIT_FS_SOA_H

#include <oskit/com.h>
#include <oskit/com/stream.h>
#include <oskit/error.h>
#include <oskit/fs/file.h>
#include <oskit/fs/openfile.h>
#include <oskit/io/absio.h>
#include <oskit/types.h>

/*
 * An open file with a seek pointer of its own over ABSIO, for file systems that keep no state per
 * open (whose file->open gives success and NULL). getfile answers FILE. FLAGS are those of the
 * open: without OSKIT_O_RDONLY reads are OSKIT_EBADF, without OSKIT_O_WRONLY so are writes and
 * setsize; with OSKIT_O_APPEND each write goes to the end. References are taken to both. ABSIO
 * NULL: what FILE answers to a query, and that error if it does not. OSKIT_E_OUTOFMEMORY. [thread]
 *
 * Two threads may use one open file: a transfer and the move of the seek pointer are one step.
 * Appending is one step among the users of this open file only.
 */
oskit_error_t oskit_soa_openfile_from_absio(oskit_file_t *file, oskit_absio_t *absio,
                                            oskit_oflags_t flags, oskit_openfile_t **out_openfile);

/* The same over whatever FILE offers for its contents, which is absio. [thread] */
oskit_error_t oskit_soa_openfile_from_file(oskit_file_t *file, oskit_oflags_t flags,
                                           oskit_openfile_t **out_openfile);

#endif
