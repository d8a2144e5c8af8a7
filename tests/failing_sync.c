/* Lets every sync of the process it is preloaded into fail while the file named by
   HUSHPOST_SYNC_FAILS exists. What was written before stays written, as on a real disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
    const char *path = getenv("HUSHPOST_SYNC_FAILS");
    return path != NULL && access(path, F_OK) == 0;
}

int fsync(int descriptor) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
}

int fdatasync(int descriptor) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}
