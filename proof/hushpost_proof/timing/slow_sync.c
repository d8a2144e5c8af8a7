/* Makes every sync of the process it is preloaded into take HUSHPOST_SYNC_DELAY_US longer,
   as a slower disk would. The sync itself still happens, before the delay. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void delay(void) {
    const char *microseconds = getenv("HUSHPOST_SYNC_DELAY_US");
    if (microseconds != NULL) usleep((useconds_t)atoi(microseconds));
}

int fsync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(descriptor);
    delay();
    return result;
}

int fdatasync(int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = real(descriptor);
    delay();
    return result;
}
