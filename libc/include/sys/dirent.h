#include <dirent.h>
