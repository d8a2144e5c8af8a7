/* Writes down what the process it is preloaded into does to the files of one folder, and what
   passes over its TCP connections, in one order.

   HUSHPOST_RECORD_LOG     file to append to; nothing is recorded without it
   HUSHPOST_RECORD_FOLDER  absolute path of the folder that is watched

   A record is one append: length u32 | kind u8 | id u64 | offset u64 | first-length u32 | first |
   second, in this machine's byte order. `id` is the inode of the file, or names the
   connection. What changes a file is recorded when it has happened, what a sync promises when it
   began and when it returned, and what is sent before it leaves: a disk built from the records up
   to a sent byte holds at most what the real disk held when that byte left. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096 };
enum { UNKNOWN = 0, OURS = 1, SOCKET = 2, OTHER = 3 };

static int log_descriptor = -1;
static char folder[PATH_MAX];
static size_t folder_bytes;
static unsigned char kinds[DESCRIPTORS];
static uint64_t sockets[DESCRIPTORS];
static uint64_t connections;


__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("HUSHPOST_RECORD_LOG"), *watched = getenv("HUSHPOST_RECORD_FOLDER");
    if (log == NULL || watched == NULL || strlen(watched) >= sizeof folder) return;
    int opened = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (opened < 0) return;
    log_descriptor = fcntl(opened, F_DUPFD_CLOEXEC, 1000);
    syscall(SYS_close, opened);
    strcpy(folder, watched);
    folder_bytes = strlen(folder);
}

static void record(char kind, uint64_t id, uint64_t offset, const void *first, size_t first_bytes,
                   const void *second, size_t second_bytes) {
    if (log_descriptor < 0) return;
    unsigned char head[25];
    uint32_t rest = (uint32_t)(21 + first_bytes + second_bytes), first_u32 = (uint32_t)first_bytes;
    int kept = errno;
    memcpy(head, &rest, 4);
    head[4] = (unsigned char)kind;
    memcpy(head + 5, &id, 8);
    memcpy(head + 13, &offset, 8);
    memcpy(head + 21, &first_u32, 4);
    struct iovec parts[3] = {
        {head, sizeof head}, {(void *)first, first_bytes}, {(void *)second, second_bytes}};
    size_t whole = sizeof head + first_bytes + second_bytes;
    /* A record that is lost would make a false disk: better no process than a false record. */
    if (syscall(SYS_writev, log_descriptor, parts, 3) != (long)whole) abort();
    errno = kept;
}

/* Whether a path lies in the watched folder, or is it; `whole` takes the absolute path. */
static int watched(int directory, const char *path, char *whole) {
    if (log_descriptor < 0 || path == NULL) return 0;
    if (path[0] == '/') {
        if (strlen(path) >= PATH_MAX) return 0;
        strcpy(whole, path);
    } else {
        char base[PATH_MAX];
        if (directory == AT_FDCWD) {
            if (getcwd(base, sizeof base) == NULL) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        if (strlen(base) + strlen(path) + 2 > PATH_MAX) return 0;
        strcpy(whole, base);
        strcat(whole, "/");
        strcat(whole, path);
    }
    return strncmp(whole, folder, folder_bytes) == 0 &&
           (whole[folder_bytes] == '/' || whole[folder_bytes] == 0);
}

static uint64_t inode(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

/* Classify a descriptor that was not opened by `open`: a connection of ours, or none of our
   business. The id of a connection is process, number and both ports, since ports come again. */
static int kind_of(int descriptor) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS || log_descriptor < 0) return OTHER;
    if (kinds[descriptor] != UNKNOWN) return kinds[descriptor];
    struct sockaddr_in own, peer;
    socklen_t own_bytes = sizeof own, peer_bytes = sizeof peer;
    int kept = errno;
    int is_socket = getsockname(descriptor, (struct sockaddr *)&own, &own_bytes) == 0;
    int is_joined = is_socket &&
        getpeername(descriptor, (struct sockaddr *)&peer, &peer_bytes) == 0;
    errno = kept;
    if (is_joined && own.sin_family == AF_INET) {
        uint64_t number = __atomic_fetch_add(&connections, 1, __ATOMIC_RELAXED) & 0xffff;
        sockets[descriptor] = (uint64_t)(getpid() & 0xffff) << 48 | number << 32 |
            (uint64_t)ntohs(own.sin_port) << 16 | ntohs(peer.sin_port);
        kinds[descriptor] = SOCKET;
        return SOCKET;
    }
    /* A socket may be connected later: asked again each time. */
    if (!is_socket) kinds[descriptor] = OTHER;
    return OTHER;
}

static void forget(int descriptor) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS) kinds[descriptor] = UNKNOWN;
}

static void changed(int descriptor, uint64_t offset, const void *data, size_t bytes) {
    record('W', inode(descriptor), offset, NULL, 0, data, bytes);
}

/* ---- opening */

static void opened(int descriptor, int directory, const char *path, int flags, int was_there) {
    char whole[PATH_MAX];
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return;
    forget(descriptor);
    if (!watched(directory, path, whole)) return;
    kinds[descriptor] = OURS;
    if ((flags & O_CREAT) && !was_there) {
        record('O', inode(descriptor), 0, whole, strlen(whole), NULL, 0);
    } else if (flags & O_TRUNC) {
        record('T', inode(descriptor), 0, NULL, 0, NULL, 0);
    }
}

static int exists(int directory, const char *path, int flags) {
    struct stat status;
    int kept = errno;
    int there = !(flags & O_CREAT) || fstatat(directory, path, &status, 0) == 0;
    errno = kept;
    return there;
}

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

static int open_really(int directory, const char *path, int flags, mode_t mode) {
    int was_there = exists(directory, path, flags);
    int descriptor = (int)syscall(SYS_openat, directory, path, flags, mode);
    opened(descriptor, directory, path, flags, was_there);
    return descriptor;
}

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_really(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_really(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_really(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_really(directory, path, flags, mode);
}

int __open_2(const char *path, int flags) { return open_really(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_really(AT_FDCWD, path, flags, 0); }

int creat(const char *path, mode_t mode) {
    return open_really(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int descriptor) {
    forget(descriptor);
    return (int)syscall(SYS_close, descriptor);
}

/* A number that is given anew tells of a close that went past us. */
int accept4(int listener, struct sockaddr *peer, socklen_t *bytes, int flags) {
    int descriptor = (int)syscall(SYS_accept4, listener, peer, bytes, flags);
    forget(descriptor);
    return descriptor;
}

int accept(int listener, struct sockaddr *peer, socklen_t *bytes) {
    return accept4(listener, peer, bytes, 0);
}

int socket(int family, int type, int protocol) {
    int descriptor = (int)syscall(SYS_socket, family, type, protocol);
    forget(descriptor);
    return descriptor;
}

/* ---- changing files, and sending */

/* What is sent is recorded before it leaves, and a socket may then take less of it: the record says
   how much was offered, and a record of kind 'K' how much of that was taken. */
static ssize_t took(uint64_t socket, size_t offered, ssize_t sent) {
    if (sent != (ssize_t)offered)
        record('K', socket, sent > 0 ? (uint64_t)sent : 0, NULL, 0, NULL, 0);
    return sent;
}

ssize_t write(int descriptor, const void *data, size_t bytes) {
    int kind = kind_of(descriptor);
    if (kind == SOCKET) {
        uint64_t socket = sockets[descriptor];
        record('N', socket, 0, NULL, 0, data, bytes);
        return took(socket, bytes, syscall(SYS_write, descriptor, data, bytes));
    }
    uint64_t offset = 0;
    if (kind == OURS) {
        int flags = fcntl(descriptor, F_GETFL);
        offset = (uint64_t)lseek(descriptor, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
    }
    ssize_t written = syscall(SYS_write, descriptor, data, bytes);
    if (kind == OURS && written > 0) changed(descriptor, offset, data, (size_t)written);
    return written;
}

static ssize_t pwrite_really(int descriptor, const void *data, size_t bytes, off64_t offset) {
    ssize_t written = syscall(SYS_pwrite64, descriptor, data, bytes, offset);
    if (written > 0 && kind_of(descriptor) == OURS)
        changed(descriptor, (uint64_t)offset, data, (size_t)written);
    return written;
}

ssize_t pwrite(int descriptor, const void *data, size_t bytes, off_t offset) {
    return pwrite_really(descriptor, data, bytes, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t bytes, off64_t offset) {
    return pwrite_really(descriptor, data, bytes, offset);
}

/* The pieces are offered one at a time, so that each is recorded as far as it was taken. */
static ssize_t send_pieces(int descriptor, const struct iovec *pieces, int count, int flags) {
    ssize_t whole = 0;
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len == 0) continue;
        ssize_t sent = send(descriptor, pieces[i].iov_base, pieces[i].iov_len, flags);
        if (sent < 0) return whole > 0 ? whole : sent;
        whole += sent;
        if ((size_t)sent < pieces[i].iov_len) break;
    }
    return whole;
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    int kind = kind_of(descriptor);
    if (kind == SOCKET) return send_pieces(descriptor, pieces, count, 0);
    if (kind != OURS) return syscall(SYS_writev, descriptor, pieces, count);
    ssize_t whole = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write(descriptor, pieces[i].iov_base, pieces[i].iov_len);
        if (written < 0) return whole > 0 ? whole : written;
        whole += written;
    }
    return whole;
}

static ssize_t pwritev_really(int descriptor, const struct iovec *pieces, int count, off64_t at) {
    ssize_t whole = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written =
            pwrite_really(descriptor, pieces[i].iov_base, pieces[i].iov_len, at + whole);
        if (written < 0) return whole > 0 ? whole : written;
        whole += written;
    }
    return whole;
}

ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t at) {
    return pwritev_really(descriptor, pieces, count, at);
}

ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off64_t at) {
    return pwritev_really(descriptor, pieces, count, at);
}

ssize_t send(int descriptor, const void *data, size_t bytes, int flags) {
    if (kind_of(descriptor) == SOCKET) {
        uint64_t socket = sockets[descriptor];
        record('N', socket, 0, NULL, 0, data, bytes);
        return took(socket, bytes,
                    syscall(SYS_sendto, descriptor, data, bytes, flags, NULL, (socklen_t)0));
    }
    return syscall(SYS_sendto, descriptor, data, bytes, flags, NULL, (socklen_t)0);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    if (kind_of(descriptor) == SOCKET)
        return send_pieces(descriptor, message->msg_iov, (int)message->msg_iovlen, flags);
    return syscall(SYS_sendmsg, descriptor, message, flags);
}

ssize_t pwritev2(int descriptor, const struct iovec *pieces, int count, off_t at, int flags) {
    if (kind_of(descriptor) == OURS && at >= 0)
        return pwritev_really(descriptor, pieces, count, at);
    return syscall(SYS_pwritev2, descriptor, pieces, count, (long)at, 0L, flags);
}

ssize_t pwritev64v2(int descriptor, const struct iovec *pieces, int count, off64_t at, int flags) {
    return pwritev2(descriptor, pieces, count, at, flags);
}

static ssize_t sendfile_really(int target, int source, off64_t *offset, size_t bytes) {
    uint64_t start = (uint64_t)lseek(target, 0, SEEK_CUR);
    ssize_t sent = syscall(SYS_sendfile, target, source, offset, bytes);
    if (sent > 0 && kind_of(target) == OURS) {
        /* The target may be open for writing alone: its bytes are read back by another way. */
        char path[64], *data = malloc((size_t)sent);
        snprintf(path, sizeof path, "/proc/self/fd/%d", target);
        int again = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
        if (data == NULL || pread(again, data, (size_t)sent, (off_t)start) != sent) abort();
        syscall(SYS_close, again);
        changed(target, start, data, (size_t)sent);
        free(data);
    }
    return sent;
}

ssize_t sendfile(int target, int source, off_t *offset, size_t bytes) {
    return sendfile_really(target, source, offset, bytes);
}

ssize_t sendfile64(int target, int source, off64_t *offset, size_t bytes) {
    return sendfile_really(target, source, offset, bytes);
}

static int ftruncate_really(int descriptor, off64_t length) {
    int result = (int)syscall(SYS_ftruncate, descriptor, length);
    if (result == 0 && kind_of(descriptor) == OURS)
        record('T', inode(descriptor), (uint64_t)length, NULL, 0, NULL, 0);
    return result;
}

int ftruncate(int descriptor, off_t length) { return ftruncate_really(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return ftruncate_really(descriptor, length); }

/* ---- receiving */

static ssize_t received(int descriptor, const void *data, ssize_t bytes) {
    if (bytes > 0 && kind_of(descriptor) == SOCKET)
        record('I', sockets[descriptor], 0, NULL, 0, data, (size_t)bytes);
    return bytes;
}

ssize_t read(int descriptor, void *data, size_t bytes) {
    return received(descriptor, data, syscall(SYS_read, descriptor, data, bytes));
}

ssize_t __read_chk(int descriptor, void *data, size_t bytes, size_t room) {
    if (bytes > room) abort();
    return read(descriptor, data, bytes);
}

ssize_t recv(int descriptor, void *data, size_t bytes, int flags) {
    ssize_t got = syscall(SYS_recvfrom, descriptor, data, bytes, flags, NULL, NULL);
    return flags & MSG_PEEK ? got : received(descriptor, data, got);
}

ssize_t __recv_chk(int descriptor, void *data, size_t bytes, size_t room, int flags) {
    if (bytes > room) abort();
    return recv(descriptor, data, bytes, flags);
}

/* ---- syncs */

static int synced(int descriptor, long number) {
    int ours = kind_of(descriptor) == OURS;
    uint64_t id = ours ? inode(descriptor) : 0;
    uint64_t thread = (uint64_t)syscall(SYS_gettid);
    if (ours) record('B', id, thread, NULL, 0, NULL, 0);
    int result = (int)syscall(number, descriptor);
    if (ours && result == 0) record('S', id, thread, NULL, 0, NULL, 0);
    return result;
}

int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }

/* ---- names */

static void named(char kind, int directory, const char *path, uint64_t id) {
    char whole[PATH_MAX];
    if (watched(directory, path, whole)) record(kind, id, 0, whole, strlen(whole), NULL, 0);
}

static uint64_t inode_of(int directory, const char *path) {
    struct stat status;
    return fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

static void both(char kind, int from, const char *old, int to, const char *fresh) {
    char one[PATH_MAX], two[PATH_MAX];
    int left = watched(from, old, one), right = watched(to, fresh, two);
    if (right) record(kind, inode_of(to, fresh), 0, left ? one : "", left ? strlen(one) : 0,
                      two, strlen(two));
    else if (left && kind == 'R') record('U', 0, 0, one, strlen(one), NULL, 0);
}

int rename(const char *old, const char *fresh) {
    int result = (int)syscall(SYS_rename, old, fresh);
    if (result == 0) both('R', AT_FDCWD, old, AT_FDCWD, fresh);
    return result;
}

int renameat(int from, const char *old, int to, const char *fresh) {
    int result = (int)syscall(SYS_renameat, from, old, to, fresh);
    if (result == 0) both('R', from, old, to, fresh);
    return result;
}

int link(const char *old, const char *fresh) {
    int result = (int)syscall(SYS_link, old, fresh);
    if (result == 0) both('L', AT_FDCWD, old, AT_FDCWD, fresh);
    return result;
}

int linkat(int from, const char *old, int to, const char *fresh, int flags) {
    int result = (int)syscall(SYS_linkat, from, old, to, fresh, flags);
    if (result == 0) both('L', from, old, to, fresh);
    return result;
}

int unlink(const char *path) {
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0) named('U', AT_FDCWD, path, 0);
    return result;
}

int unlinkat(int directory, const char *path, int flags) {
    int result = (int)syscall(SYS_unlinkat, directory, path, flags);
    if (result == 0) named('U', directory, path, 0);
    return result;
}

int remove(const char *path) {
    int result = (int)syscall(SYS_unlink, path);
    if (result != 0 && errno == EISDIR) result = (int)syscall(SYS_rmdir, path);
    if (result == 0) named('U', AT_FDCWD, path, 0);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    int result = (int)syscall(SYS_mkdir, path, mode);
    if (result == 0) named('M', AT_FDCWD, path, inode_of(AT_FDCWD, path));
    return result;
}

int mkdirat(int directory, const char *path, mode_t mode) {
    int result = (int)syscall(SYS_mkdirat, directory, path, mode);
    if (result == 0) named('M', directory, path, inode_of(directory, path));
    return result;
}

int rmdir(const char *path) {
    int result = (int)syscall(SYS_rmdir, path);
    if (result == 0) named('U', AT_FDCWD, path, 0);
    return result;
}
