/*
 * e2fsck's output read for the one question that it asks about its own work: crash_fsck.h.
 */
#include "crash_fsck.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_ 256u

struct said {
    unsigned truncated, ino;   /* orphans with names, and the last of them */
    unsigned questions, asked; /* and the inode of a question about i_blocks */
    unsigned sectors, right;   /* i_blocks is, and should be */
};

static void read_line(struct said *said, const char *line)
{
    unsigned ino, is, should;

    if (sscanf(line, "Truncating orphaned inode %u ", &ino) == 1) {
        said->truncated++;
        said->ino = ino;
    }
    if (!strstr(line, "? yes") && !strstr(line, "? no"))
        return;
    said->questions++;
    if (sscanf(line, "Inode %u, i_blocks is %u, should be %u.", &ino, &is, &should) == 3) {
        said->asked = ino;
        said->sectors = is;
        said->right = should;
    }
}

static bool read_output(struct said *said, const char *folder)
{
    char path[128], line[LINE_MAX_];

    snprintf(path, sizeof path, "%s/fsck", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file))
        read_line(said, line);
    fclose(file);
    return true;
}

bool crash_fsck_excused(const struct ext2_image *image)
{
    struct said said = {0};

    if (!read_output(&said, image->folder) || said.truncated != 1 || said.questions != 1 ||
        said.asked != said.ino || said.sectors <= said.right)
        return false;
    /* debugfs replays the log and leaves the orphans alone. */
    return ext2_shell("i=%s; debugfs -w -R jr $i >/dev/null 2>&1; "
                      "b=$(debugfs -R 'show_super_stats -h' $i 2>/dev/null | "
                      "    sed -n 's/^Block size: *//p'); test \"$b\" = %u && "
                      "debugfs -R 'stat <%u>' $i 2>/dev/null >%s/inode && "
                      "grep -q '^File ACL: [1-9]' %s/inode && grep -q '^Links: [1-9]' %s/inode",
                      image->path, 512 * (said.sectors - said.right), said.ino, image->folder,
                      image->folder, image->folder) == 0;
}
