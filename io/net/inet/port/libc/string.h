/* lwIP includes <string.h>; a freestanding build has <sluice/string.h> instead. */
#include <sluice/string.h>
