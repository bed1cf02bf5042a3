#include "platform.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int usher_forbid_dumps(void)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
    return 0;
}

void usher_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
