/* The seed's dirents object, for any directory that answers sluice_filex. */
#ifndef IO_FS_DIRENTS_H
#define IO_FS_DIRENTS_H

#include <oskit/fs/dirents.h>
#include <sluice/filex.h>

/*
 * Up to COUNT entries of DIR from position *OFFSET on, which moves behind them; *out NULL at the
 * end. OSKIT_EOVERFLOW when positions have outgrown 32 bits. [thread]
 */
oskit_error_t dirents_read(sluice_filex_t *dir, oskit_u32_t *offset, oskit_u32_t count,
                           oskit_dirents_t **out);

#endif
