/* Sets the system clock that a process sees, and makes its disk read-only, while it runs.

   HUSHPOST_SYSTEM_CLOCK     file with the seconds by which the wall clock is wrong; none: right
   HUSHPOST_READ_ONLY        while this file exists, writing below the folder fails with EROFS
   HUSHPOST_READ_ONLY_BELOW  absolute path of that folder

   The monotonic clock stays as it is, as on a machine whose clock is set. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* -- the clock: a vDSO call would pass by, so the system itself is asked --------------------- */

static int real_clock(clockid_t clock, struct timespec *at) {
    return (int)syscall(SYS_clock_gettime, clock, at);
}

static time_t wrong_by(void) {
    static __thread struct timespec looked;
    static __thread time_t seconds;
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    if (looked.tv_sec && now.tv_sec == looked.tv_sec && now.tv_nsec - looked.tv_nsec < 50000000)
        return seconds;
    looked = now;
    seconds = 0;
    const char *path = getenv("HUSHPOST_SYSTEM_CLOCK");
    if (path == NULL) return 0;
    char text[32] = {0};
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return 0;
    if (syscall(SYS_read, file, text, sizeof text - 1) > 0) seconds = (time_t)atof(text);
    syscall(SYS_close, file);
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = real_clock(clock, at);
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && is_wall) at->tv_sec += wrong_by();
    return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL) *at = now.tv_sec;
    return now.tv_sec;
}

/* -- the disk ------------------------------------------------------------------------------- */

static int is_below(const char *path) {
    const char *folder = getenv("HUSHPOST_READ_ONLY_BELOW");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_read_only(void) {
    const char *flag = getenv("HUSHPOST_READ_ONLY");
    return flag != NULL && access(flag, F_OK) == 0;
}

static int refuses(int descriptor) {
    if (!is_read_only()) return 0;
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t bytes = readlink(link, path, sizeof path - 1);
    if (bytes < 0) return 0;
    path[bytes] = 0;
    return is_below(path);
}

#define REFUSE_IF(condition) if (condition) { errno = EROFS; return -1; }

ssize_t write(int descriptor, const void *data, size_t bytes) {
    REFUSE_IF(refuses(descriptor));
    return syscall(SYS_write, descriptor, data, bytes);
}

ssize_t pwrite(int descriptor, const void *data, size_t bytes, off_t at) {
    REFUSE_IF(refuses(descriptor));
    return syscall(SYS_pwrite64, descriptor, data, bytes, at);
}

ssize_t pwrite64(int descriptor, const void *data, size_t bytes, off64_t at) {
    REFUSE_IF(refuses(descriptor));
    return syscall(SYS_pwrite64, descriptor, data, bytes, at);
}

int ftruncate(int descriptor, off_t bytes) {
    REFUSE_IF(refuses(descriptor));
    return (int)syscall(SYS_ftruncate, descriptor, bytes);
}

int ftruncate64(int descriptor, off64_t bytes) {
    REFUSE_IF(refuses(descriptor));
    return (int)syscall(SYS_ftruncate, descriptor, bytes);
}

static int opened(const char *path, int flags, mode_t mode) {
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    REFUSE_IF(writes && is_read_only() && is_below(path));
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}
